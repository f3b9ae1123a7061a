import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBackend, nn, onnx, Tensor, tensor, useBackend } from '../src/index.ts'
import { readOnnx } from '../src/onnx/file/read.ts'
import { difference, type Given, mixed, outputOf, runtime } from './onnx-case.ts'
import { check, checkNetwork, zoo } from './onnx-check.ts'
import { groups } from './support/subjects.ts'

/** What is exported, as onnxruntime computes it and as it comes back. */

/** The large networks do not fit into WebAssembly's memory side by side. */
const slow = process.env['BRICKWORK_SLOW'] !== undefined
const backend = await createBackend(slow ? 'native' : 'wasm')
const interpreter = await createBackend('interpreter')
beforeAll(() => useBackend(backend))
afterAll(async () => {
  await useBackend(interpreter)
  await backend.close()
})

describe('the zoo, at two batch sizes', () => {
  for (const network of zoo) {
    const skip = network.slow && !slow
    const note = skip ? ' (skipped: minutes of large weights, npm run test:slow)' : ''
    test.skipIf(skip)(`${network.name}${note}`, () => checkNetwork(network), 300_000)
  }
})

const sequence: readonly Given[] = [mixed(5, 3, 4)]
const layers: Readonly<Record<string, readonly [nn.AnyModule, readonly Given[]]>> = {
  'LSTM, two layers both ways': [
    new nn.LSTM(4, 6, { numLayers: 2, bidirectional: true, batchFirst: true }),
    [mixed(3, 5, 4)],
  ],
  GRU: [new nn.GRU(4, 6, { batchFirst: true }), [mixed(3, 5, 4)]],
  'GRU without biases': [new nn.GRU(4, 6, { batchFirst: true, bias: false }), [mixed(3, 5, 4)]],
  'LSTM with projections': [new nn.LSTM(4, 6, { batchFirst: true, projSize: 3 }), [mixed(3, 5, 4)]],
  'frozen LSTM, back and forth': [
    new nn.LSTM(4, 6, { batchFirst: true, bidirectional: true }).requiresGrad_(false),
    [mixed(3, 5, 4)],
  ],
  RNN: [new nn.RNN(4, 6, { batchFirst: true, nonlinearity: 'relu' }), [mixed(3, 5, 4)]],
  'a transformer layer': [
    new nn.TransformerEncoderLayer(8, 2, { batchFirst: true }),
    [mixed(3, 5, 8)],
  ],
  LayerNorm: [new nn.LayerNorm([3, 4]), sequence],
  GroupNorm: [new nn.GroupNorm(2, 4), [mixed(3, 4, 5, 5)]],
  InstanceNorm2d: [new nn.InstanceNorm2d(4), [mixed(3, 4, 5, 5)]],
  BatchNorm1d: [new nn.BatchNorm1d(4), [mixed(3, 4)]],
  ConvTranspose2d: [
    new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    [mixed(3, 4, 5, 5)],
  ],
  'Conv1d, dilated': [
    new nn.Conv1d(3, 4, 3, { dilation: 2, padding: 2, groups: 1 }),
    [mixed(3, 3, 9)],
  ],
  Conv3d: [new nn.Conv3d(2, 3, 2), [mixed(3, 2, 4, 4, 4)]],
  'AvgPool2d, ceiling': [
    new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true }),
    [mixed(3, 2, 8, 8)],
  ],
  'AvgPool2d, inside': [
    new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
    [mixed(3, 2, 8, 8)],
  ],
  'AdaptiveAvgPool2d of other sizes': [new nn.AdaptiveAvgPool2d([3, 2]), [mixed(3, 2, 7, 5)]],
  AdaptiveMaxPool2d: [new nn.AdaptiveMaxPool2d(3), [mixed(3, 2, 7, 7)]],
  GELU: [new nn.GELU(), [mixed(3, 7)]],
  Softmax: [new nn.Softmax(1), [mixed(3, 4, 5)]],
  LogSoftmax: [new nn.LogSoftmax(-1), [mixed(3, 4)]],
  Sigmoid: [new nn.Sigmoid(), [mixed(3, 4)]],
  ReLU6: [new nn.ReLU6(), [mixed(3, 4)]],
  Dropout: [new nn.Sequential(new nn.Linear(4, 3), new nn.Dropout(0.5)), [mixed(3, 4)]],
}

describe('layers, at two batch sizes', () => {
  test.each(Object.entries(layers))('%s', async (_, [layer, inputs]) => {
    const shapes = inputs.map(({ shape }) => shape)
    const bytes = await onnx.serialize(layer, { inputs: shapes })
    await check(layer, inputs, bytes)
    const other = inputs.map(({ shape }) => mixed(...shape.with(0, 2)))
    await check(layer, other, bytes)
  })
})

test.each([
  ['LayerNorm', new nn.LayerNorm([4]), [2, 3, 4], 'LayerNormalization'],
  ['LeakyReLU', new nn.LeakyReLU(0.2), [2, 3], 'LeakyRelu'],
  ['ReLU6', new nn.ReLU6(), [2, 3], 'Clip'],
  ['Hardtanh', new nn.Hardtanh(-2, 3), [2, 3], 'Clip'],
  ['Softmax', new nn.Softmax(1), [2, 3], 'Softmax'],
  ['Linear', new nn.Linear(3, 4), [2, 3], 'Gemm'],
  ['Conv2d', new nn.Conv2d(1, 2, 3, { padding: 1 }), [2, 1, 5, 5], 'Conv'],
  [
    'ConvTranspose2d',
    new nn.ConvTranspose2d(1, 2, 3, { stride: 2 }),
    [2, 1, 5, 5],
    'ConvTranspose',
  ],
  ['AvgPool2d', new nn.AvgPool2d(2), [2, 1, 4, 4], 'AveragePool'],
  ['Embedding', new nn.Embedding(5, 2), tensor([[1]], { dtype: 'i32' }), 'Gather Reshape'],
  ['LSTM', new nn.LSTM(4, 6, { batchFirst: true }), [2, 5, 4], /LSTM/],
  ['frozen LSTM', new nn.LSTM(4, 6, { batchFirst: true }).requiresGrad_(false), [2, 5, 4], /LSTM/],
  ['GRU', new nn.GRU(4, 6, { batchFirst: true, numLayers: 2 }), [2, 5, 4], /GRU/],
  ['RNN', new nn.RNN(4, 6, { batchFirst: true }), [2, 5, 4], /RNN/],
  [
    'LSTM with projections',
    new nn.LSTM(4, 6, { batchFirst: true, projSize: 3 }),
    [2, 5, 4],
    /Scan/,
  ],
] as const)('%s is one operator', async (_, layer, input, operators) => {
  const { graph } = await readOnnx(await onnx.serialize(layer, { inputs: [input] }))
  const used = [...new Set(graph.node.map(({ opType }) => opType))].sort().join(' ')
  if (typeof operators === 'string') expect(used).toBe(operators)
  else expect(used.match(/LSTM|GRU|RNN|Scan/g)?.join(' ')).toMatch(operators)
})

/** What needs random numbers, in training mode: the samples below are. */
const drawn = /dropout|noise|StochasticDepth|DropPath|reparameterize|^rand|^Transformer/i

describe('every function, method, layer and loss', () => {
  for (const { title, subjects } of groups()) {
    test(title, async () => {
      const refused: string[] = []
      for (const { name, sample } of subjects) {
        const outputs = sample().outputs.filter((o) => o instanceof Tensor)
        const all = () => Object.fromEntries(outputs.map((o, i) => [`o${i}`, o]))
        const made = onnx.serialize(all, { inputs: [], dynamicBatch: false })
        if (drawn.test(name)) {
          await expect(made, name).rejects.toThrow(/random numbers: export in evaluation mode/)
          refused.push(name)
          continue
        }
        const wanted = await runtime(await made, {})
        for (const [i, output] of outputs.entries()) {
          const apart = difference(wanted[`o${i}`]!, await outputOf(output))
          expect(apart, `${name}, output ${i}`).toBeLessThan(1e-4)
        }
      }
      if (refused.length > 0) console.log(`${title}: refused by name: ${refused.join(', ')}`)
    })
  }
})

test('a recurrent layer that takes time first', async () => {
  const layer = new nn.LSTM(4, 6)
  const inputs = [[5, 1, 4]]
  await expect(onnx.serialize(layer, { inputs })).rejects.toThrow(/batchDims/)
  const bytes = await onnx.serialize(layer, { inputs, batchDims: [1] })
  for (const batch of [1, 3]) await check(layer, [mixed(5, batch, 4)], bytes)
  await expect(onnx.serialize(layer, { inputs, batchDims: [3] })).rejects.toThrow(/3 for 3 dims/)
})

test('a file on the disk; names of inputs, outputs and weights; metadata', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'brickwork-onnx-'))
  try {
    const path = join(folder, 'net.onnx')
    const net = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3))
    await onnx.save(net, path, {
      inputs: [[1, 4]],
      inputNames: ['points'],
      outputNames: ['scores'],
      metadata: { classes: 'a,b,c' },
    })
    const { model, graph, initializers } = await readOnnx(path)
    expect(model.metadataProps).toEqual([{ key: 'classes', value: 'a,b,c' }])
    expect(graph.input[0]!.type!.tensorType!.shape!.dim[0]).toEqual({ dimParam: 'batch' })
    expect([...initializers.keys()].sort()).toEqual([
      '0.bias',
      '0.weight',
      '1.bias',
      '1.running_mean',
      '1.running_var',
      '1.weight',
    ])
    const back = await onnx.load(path)
    expect(back.outputs.map(({ name }) => name)).toEqual(['scores'])
    expect(Object.keys(back.namedBuffers())).toEqual(['1.running_mean', '1.running_var'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a network of two inputs, and one of whole numbers', async () => {
  const two = {
    forward: (a: Tensor, b: Tensor) => ({ sum: a.add(b), product: a.matmul(b.transpose()) }),
  }
  const bytes = await onnx.serialize((a, b) => two.forward(a!, b!), {
    inputs: [
      [1, 4],
      [1, 4],
    ],
    dynamicBatch: false,
  })
  const out = await runtime(bytes, { input_0: mixed(1, 4), input_1: mixed(1, 4) })
  expect(Object.keys(out).sort()).toEqual(['product', 'sum'])
  const words = new nn.Embedding(10, 4)
  const file = await onnx.serialize(words, { inputs: [tensor([[1, 2]], { dtype: 'i32' })] })
  const found = await runtime(file, {
    input: { type: 'int32', shape: [3, 2], data: [1, 0, 9, 3, 3, 4] },
  })
  expect(found['output']!.shape).toEqual([3, 2, 4])
})

test('what depends on the batch size, or has no inputs, is refused', async () => {
  const odd = (x: Tensor) => (x.shape[0]! > 2 ? x.relu() : x.tanh())
  await expect(onnx.serialize((x) => odd(x!), { inputs: [[1, 4]] })).rejects.toThrow(
    /depends on the batch size.*dynamicBatch: false/s,
  )
  const share = (x: Tensor) =>
    x
      .relu()
      .sum()
      .div(x.shape[0]! + 1)
  await expect(onnx.serialize((x) => share(x!), { inputs: [[1, 4]] })).rejects.toThrow(
    /depends on the batch size/,
  )
  await expect(onnx.serialize(new nn.Linear(2, 2))).rejects.toThrow(/the shape of each input/)
})

test('an imported network is exported again, and its training mode is left alone', async () => {
  const net = new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.ReLU(), new nn.Flatten())
  const first = await onnx.load(await onnx.serialize(net, { inputs: [[1, 1, 6, 6]] }))
  first.train()
  const bytes = await onnx.serialize(first)
  expect(first.training).toBe(true)
  await check(net, [mixed(2, 1, 6, 6)], bytes)
  const { initializers } = await readOnnx(bytes)
  expect([...initializers.keys()].filter((n) => !n.startsWith('shape')).sort()).toEqual([
    '0.bias',
    '0.weight',
  ])
})
