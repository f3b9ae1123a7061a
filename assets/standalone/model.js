// A network, compiled: this module, model.wasm and weights.bin are all it needs, in Node and in
// browsers. Written by Brickwork; free to use and change.
//
//   import { load } from './model.js'
//   const model = await load()
//   const [output] = model.run(input)          // Float32Array of model.inputs[0].shape
//   const guesses = model.classify(rgba)       // pixels [height × width × 4] of an image's size
//   model.size                                 // [height, width] of that image

/** The network with its weights, ready to run. */
export async function load(from = import.meta.url) {
  const [code, weights] = await Promise.all([
    bytesOf(new URL('./model.wasm', from)),
    bytesOf(new URL('./weights.bin', from)),
  ])
  const memory = new WebAssembly.Memory({ initial: facts.pages, maximum: facts.pages })
  const { instance } = await WebAssembly.instantiate(code, { env: { memory } })
  if (weights.length !== facts.weights.bytes) {
    throw new Error(`weights.bin: expected ${facts.weights.bytes} bytes, got ${weights.length}`)
  }
  new Uint8Array(memory.buffer).set(weights, facts.weights.address)
  new Uint32Array(memory.buffer, facts.table).set(facts.slots)
  return new Network(memory, facts.kernels, instance.exports)
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array }

class Network {
  name = facts.name
  inputs = facts.inputs
  outputs = facts.outputs
  classNames = facts.classNames
  preprocessing = facts.preprocessing
  size = facts.preprocessing?.size

  #memory
  #kernels

  constructor(memory, kernels, code) {
    this.#memory = memory
    this.#kernels = kernels.map((kernel, k) => ({ ...kernel, run: code[`k${k}`] }))
  }

  /** Arrays of the inputs' shapes → arrays of the outputs' shapes. */
  run(...inputs) {
    if (inputs.length !== this.inputs.length) {
      throw new Error(`run: expected ${this.inputs.length} arrays, got ${inputs.length}`)
    }
    for (const [i, port] of this.inputs.entries()) {
      const place = this.#view(port)
      if (inputs[i].length === place.length) place.set(inputs[i])
      else throw new Error(`run: expected ${place.length} numbers [${port.shape}], got ${inputs[i].length}`)
    }
    for (let k = 0; k < this.#kernels.length; ) {
      const { chunks, again, run } = this.#kernels[k]
      for (let chunk = 0; chunk < chunks; chunk++) run(facts.table, chunk, facts.scratch)
      k = again && this.#round(again) < again.times ? k - again.back : k + 1
    }
    return this.outputs.map((port) => this.#view(port).slice())
  }

  /** What an image of `size` shows: the likeliest classes of its pixels, red, green, blue and alpha. */
  classify(rgba, top = 5) {
    const [shares] = this.run(inputOf(rgba))
    return Array.from(shares, (probability, label) => ({
      name: this.classNames[label],
      label,
      probability,
    }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, top)
  }

  #view({ dtype, address, shape }) {
    const length = shape.reduce((a, b) => a * b, 1)
    return new arrays[dtype](this.#memory.buffer, address, length)
  }

  /** The round of a loop over time. */
  #round({ counter }) {
    return new Int32Array(this.#memory.buffer, facts.slots[0] + counter, 1)[0]
  }
}

/** Pixels as the network takes them: planes of (x / 255 − mean) / std. */
function inputOf(rgba) {
  const { channels, normalize, ink, size } = facts.preprocessing
  const plane = rgba.length / 4
  if (plane !== size[0] * size[1]) throw new Error(`classify: expected ${size.join(' × ')} pixels, got ${plane}`)
  const flip = ink && isPaper(rgba, size) ? 255 : 0
  const input = new Float32Array(plane * normalize.mean.length)
  const order = channels === 'bgr' ? [2, 1, 0] : [0, 1, 2]
  for (const [c, mean] of normalize.mean.entries()) {
    for (let i = 0; i < plane; i++) {
      const [r, g, b] = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2]]
      const byte = channels === 'grey' ? 0.2126 * r + 0.7152 * g + 0.0722 * b : rgba[4 * i + order[c]]
      input[c * plane + i] = (Math.abs(flip - byte) / 255 - mean) / normalize.std[c]
    }
  }
  return input
}

/** Whether the border is bright: networks that know ink as bright on black get it turned around. */
function isPaper(rgba, [height, width]) {
  const isBorder = (i) => i % width === 0 || i % width === width - 1 || i < width || i >= width * (height - 1)
  const border = Array.from({ length: height * width }, (_, i) => i).filter(isBorder)
  return border.reduce((sum, i) => sum + rgba[4 * i + 1], 0) / border.length > 127.5
}

async function bytesOf(url) {
  if (url.protocol === 'file:') {
    return new Uint8Array(await process.getBuiltinModule('node:fs/promises').readFile(url))
  }
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}
