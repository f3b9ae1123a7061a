// A network, compiled. This module, model.wasm and weights.bin are all it needs, in Node and in
// browsers; written by Brickwork, free to use and change.
//
//   const model = await load()
//   const [output] = model.run(input)        // numbers of model.inputs[0].shape
//   const guesses = model.classify(rgba)     // the pixels of an image of model.size: [height, width]

export async function load(from = import.meta.url) {
  const files = ['./model.wasm', './weights.bin'].map((name) => bytesOf(new URL(name, from)))
  const [code, weights] = await Promise.all(files)
  const memory = new WebAssembly.Memory({ initial: facts.pages, maximum: facts.pages })
  const { instance } = await WebAssembly.instantiate(code, { env: { memory } })
  const { address, bytes } = facts.weights
  if (weights.length !== bytes) throw new Error(`weights.bin: expected ${bytes} bytes, got ${weights.length}`)
  new Uint8Array(memory.buffer).set(weights, address)
  new Uint32Array(memory.buffer, facts.table).set(facts.slots)
  return new Network(memory.buffer, instance.exports)
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array }

class Network {
  #memory
  #kernels

  constructor(memory, code) {
    this.#memory = memory
    this.#kernels = facts.kernels.map((kernel, k) => ({ ...kernel, run: code[`k${k}`] }))
    const { name, inputs, outputs, classNames, preprocessing } = facts
    Object.assign(this, { name, inputs, outputs, classNames, preprocessing, size: preprocessing?.size })
  }

  /** Arrays of the inputs' shapes → arrays of the outputs' shapes. */
  run(...given) {
    const { inputs, outputs } = facts
    if (given.length !== inputs.length) throw new Error(`run: expected ${inputs.length} arrays, got ${given.length}`)
    for (const [i, port] of inputs.entries()) {
      const place = this.#view(port)
      const got = given[i].length
      if (got !== place.length) throw new Error(`run: expected ${place.length} numbers [${port.shape}], got ${got}`)
      place.set(given[i])
    }
    for (let k = 0; k < this.#kernels.length; ) {
      const { chunks, again, run } = this.#kernels[k]
      for (let chunk = 0; chunk < chunks; chunk++) run(facts.table, chunk, facts.scratch)
      k = again && this.#round(again) < again.times ? k - again.back : k + 1
    }
    return outputs.map((port) => this.#view(port).slice())
  }

  /** The likeliest classes of an image's pixels: red, green, blue and alpha of each, from 0 to 255. */
  classify(rgba, top = 5) {
    const [{ shape: [images] }] = facts.inputs
    const one = inputOf(rgba)
    const input = new Float32Array(images * one.length)
    input.set(one)
    const [shares] = this.run(input)
    const guesses = Array.from(shares.subarray(0, facts.classNames.length), (probability, label) => ({ name: facts.classNames[label], label, probability }))
    return guesses.sort((a, b) => b.probability - a.probability).slice(0, top)
  }

  #view({ dtype, address, shape }) {
    return new arrays[dtype](this.#memory, address, shape.reduce((a, b) => a * b, 1))
  }

  /** How many rounds of a loop over time are done. */
  #round({ counter }) {
    return new Int32Array(this.#memory, facts.slots[0] + counter, 1)[0]
  }
}

/** Pixels as the network takes them: planes of (x / 255 − mean) / std. */
function inputOf(rgba) {
  const { channels, normalize, ink, size: [height, width] } = facts.preprocessing
  const { mean, std } = normalize
  const plane = height * width
  if (rgba.length !== 4 * plane) throw new Error(`classify: expected ${height} × ${width} pixels, got ${rgba.length / 4}`)
  const grey = (i) => 0.2126 * rgba[4 * i] + 0.7152 * rgba[4 * i + 1] + 0.0722 * rgba[4 * i + 2]
  const byte = (i, c) => (channels === 'grey' ? grey(i) : rgba[4 * i + (channels === 'bgr' ? 2 - c : c)])
  // Networks that know handwriting as bright ink on black see paper turned around.
  const isEdge = (i) => i < width || i >= plane - width || i % width === 0 || i % width === width - 1
  const edge = ink ? Array.from({ length: plane }, (_, i) => i).filter(isEdge) : []
  const paper = edge.reduce((sum, i) => sum + grey(i), 0) > 127.5 * edge.length ? 255 : 0
  const input = new Float32Array(plane * mean.length)
  for (let c = 0; c < mean.length; c++) {
    for (let i = 0; i < plane; i++) {
      input[c * plane + i] = (Math.abs(paper - byte(i, c)) / 255 - mean[c]) / std[c]
    }
  }
  return input
}

async function bytesOf(url) {
  if (url.protocol === 'file:') {
    return new Uint8Array(await process.getBuiltinModule('node:fs/promises').readFile(url))
  }
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}
