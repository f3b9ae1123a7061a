import { afterAll, beforeAll, expect, test } from 'vitest'
import { BrickError, createBackend, noGrad, onnx, useBackend } from '../src/index.ts'
import { float, int, ints, text } from '../src/onnx/export/writer.ts'
import {
  type Attribute,
  difference,
  type Given,
  given,
  ints64,
  mixed,
  modelBytes,
  node,
  ourTensor,
  outputOf,
  runtime,
} from './onnx-case.ts'

/** Each operator as onnxruntime computes it. What the import computes must be that. */

const before = await createBackend('interpreter')
beforeAll(() => useBackend(before))
afterAll(() => useBackend(before))

interface Case {
  readonly op: string
  readonly inputs: readonly (Given | undefined)[]
  readonly attributes?: Readonly<Record<string, Attribute>>
  readonly outputs?: number
  readonly opset?: number
  readonly domain?: string
  /** Inputs from this one on are in the file. */
  readonly fixedFrom?: number
}

const image = mixed(2, 3, 7, 8)
const line = mixed(2, 4, 9)
const positive: Given = { ...mixed(3, 4), data: mixed(3, 4).data.map((v) => Math.abs(v) + 0.1) }
const inside: Given = { ...mixed(3, 4), data: mixed(3, 4).data.map((v) => v / 2.1) }
const unary = (op: string, input = mixed(3, 4), attributes = {}): Case => ({
  op,
  inputs: [input],
  attributes,
})
const binary = (op: string, a = mixed(2, 3, 4), b = mixed(3, 1)): Case => ({ op, inputs: [a, b] })
const wholes = given('int32', [2, 3], 7, -7, 5, -5, 12, 3)
const divisors = given('int32', [3], 3, 2, -4)
const reduce = (op: string, axes: readonly number[], keep = 1): Case => ({
  op,
  inputs: [
    { ...mixed(2, 3, 4), data: mixed(2, 3, 4).data.map((v) => Math.abs(v) + 0.5) },
    ints64(...axes),
  ],
  attributes: { keepdims: int(keep) },
  fixedFrom: 1,
})

const cases: readonly Case[] = [
  ...[
    'Abs',
    'Neg',
    'Ceil',
    'Floor',
    'Round',
    'Sign',
    'Exp',
    'Erf',
    'Sin',
    'Cos',
    'Tan',
    'Atan',
  ].map((op) => unary(op)),
  ...['Sinh', 'Cosh', 'Asinh', 'Tanh', 'Sigmoid', 'Relu', 'Softplus', 'Softsign', 'HardSwish'].map(
    (op) => unary(op),
  ),
  ...['Mish', 'IsNaN', 'IsInf', 'Identity'].map((op) => unary(op)),
  ...['Sqrt', 'Log', 'Reciprocal'].map((op) => unary(op, positive)),
  ...['Asin', 'Acos', 'Atanh'].map((op) => unary(op, inside)),
  unary('Acosh', { ...positive, data: positive.data.map((v) => v + 1) }),
  unary('LeakyRelu', mixed(3, 4), { alpha: float(0.2) }),
  unary('Elu', mixed(3, 4), { alpha: float(0.7) }),
  unary('Selu'),
  unary('Celu', mixed(3, 4), { alpha: float(0.7) }),
  unary('HardSigmoid', mixed(3, 4), { alpha: float(0.3) }),
  unary('ThresholdedRelu', mixed(3, 4), { alpha: float(0.6) }),
  unary('Shrink', mixed(3, 4), { bias: float(0.2), lambd: float(0.7) }),
  { ...unary('Gelu'), opset: 20 },
  { ...unary('Gelu', mixed(3, 4), { approximate: text('tanh') }), opset: 20 },
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Greater', 'Less', 'Equal'].map((op) => binary(op)),
  ...['GreaterOrEqual', 'LessOrEqual', 'Sum', 'Mean', 'PRelu'].map((op) => binary(op)),
  binary('Pow', positive, mixed(4)),
  binary('Div', wholes, divisors),
  binary('Mod', wholes, divisors),
  { op: 'Mod', inputs: [wholes, divisors], attributes: { fmod: int(1) } },
  {
    op: 'Mod',
    inputs: [mixed(4), given('float', [4], 0.3, 0.7, -0.4, 1)],
    attributes: { fmod: int(1) },
  },
  {
    op: 'Add',
    inputs: [given('int8', [3], 120, -120, 3), given('int8', [3], 20, -20, 4)],
    opset: 14,
  },
  { op: 'Where', inputs: [given('bool', [3, 1], 1, 0, 1), mixed(3, 4), mixed(4)] },
  { op: 'And', inputs: [given('bool', [4], 1, 0, 1, 0), given('bool', [4], 1, 1, 0, 0)] },
  { op: 'Xor', inputs: [given('bool', [4], 1, 0, 1, 0), given('bool', [4], 1, 1, 0, 0)] },
  { op: 'Not', inputs: [given('bool', [2], 1, 0)] },
  {
    op: 'Clip',
    inputs: [mixed(3, 4), given('float', [], -0.5), given('float', [], 0.8)],
    fixedFrom: 1,
  },
  { op: 'Clip', inputs: [mixed(3, 4), undefined, given('float', [], 0.8)] },
  { op: 'Cast', inputs: [mixed(3, 4)], attributes: { to: int(6) } },
  { op: 'Cast', inputs: [mixed(3, 4)], attributes: { to: int(9) } },
  ...[
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceProd',
    'ReduceL1',
    'ReduceL2',
  ].map((op) => reduce(op, [1])),
  ...['ReduceLogSum', 'ReduceLogSumExp', 'ReduceSumSquare'].map((op) => reduce(op, [0, -1], 0)),
  { op: 'ReduceMean', inputs: [mixed(2, 3, 4)], attributes: { axes: ints([-1]) }, opset: 13 },
  { op: 'ArgMax', inputs: [mixed(3, 4)], attributes: { axis: int(1) } },
  { op: 'ArgMin', inputs: [mixed(3, 4)], attributes: { axis: int(-1), keepdims: int(0) } },
  {
    op: 'ArgMax',
    inputs: [given('float', [1, 4], 2, 1, 2, 0)],
    attributes: { axis: int(1), select_last_index: int(1) },
  },
  { op: 'TopK', inputs: [mixed(3, 5), ints64(2)], outputs: 2, fixedFrom: 1 },
  {
    op: 'TopK',
    inputs: [mixed(3, 5), ints64(3)],
    attributes: { axis: int(0), largest: int(0) },
    outputs: 2,
    fixedFrom: 1,
  },
  {
    op: 'CumSum',
    inputs: [mixed(3, 4), given('int32', [], 1)],
    attributes: { exclusive: int(1), reverse: int(1) },
    fixedFrom: 1,
  },
  { op: 'Softmax', inputs: [mixed(2, 3, 4)], attributes: { axis: int(1) } },
  { op: 'Softmax', inputs: [mixed(2, 3, 4)], opset: 11 },
  { op: 'LogSoftmax', inputs: [mixed(2, 3, 4)], attributes: { axis: int(-1) } },
  { op: 'Hardmax', inputs: [mixed(2, 3, 4)], attributes: { axis: int(1) } },
  { op: 'LpNormalization', inputs: [mixed(3, 4)], attributes: { p: int(1), axis: int(1) } },
  { op: 'Reshape', inputs: [mixed(2, 3, 4), ints64(0, -1)], fixedFrom: 1 },
  { op: 'Flatten', inputs: [mixed(2, 3, 4)], attributes: { axis: int(2) } },
  { op: 'Squeeze', inputs: [mixed(1, 3, 1)], opset: 13 },
  { op: 'Squeeze', inputs: [mixed(1, 3, 1), ints64(-1)], fixedFrom: 1 },
  { op: 'Unsqueeze', inputs: [mixed(3, 4), ints64(0, -1)], fixedFrom: 1 },
  { op: 'Transpose', inputs: [mixed(2, 3, 4)] },
  { op: 'Concat', inputs: [mixed(2, 3), mixed(2, 1)], attributes: { axis: int(-1) } },
  {
    op: 'Split',
    inputs: [mixed(2, 7), ints64(2, 5)],
    attributes: { axis: int(1) },
    outputs: 2,
    fixedFrom: 1,
  },
  {
    op: 'Slice',
    inputs: [mixed(4, 6), ints64(3, -1), ints64(-(2 ** 60), 1), ints64(0, 1), ints64(-2, -1)],
    fixedFrom: 1,
  },
  { op: 'Slice', inputs: [mixed(4, 6), ints64(1), ints64(2 ** 62), ints64(-1)], fixedFrom: 1 },
  ...['constant', 'reflect', 'edge'].map(
    (mode): Case => ({
      op: 'Pad',
      inputs: [image, ints64(0, 0, 1, 2, 0, 0, 3, 0)],
      attributes: { mode: text(mode) },
      fixedFrom: 1,
    }),
  ),
  { op: 'Pad', inputs: [mixed(3, 4), ints64(-1, 2, 0, -1), given('float', [], 9)], fixedFrom: 1 },
  { op: 'Expand', inputs: [mixed(3, 1), ints64(2, 1, 4)], fixedFrom: 1 },
  { op: 'Tile', inputs: [mixed(2, 3), ints64(2, 3)], fixedFrom: 1 },
  {
    op: 'Gather',
    inputs: [mixed(3, 4), given('int64', [2, 2], 0, -1, 2, 1)],
    attributes: { axis: int(0) },
  },
  {
    op: 'GatherElements',
    inputs: [mixed(3, 3), given('int64', [2, 3], 1, -2, 0, 2, 0, 1)],
    attributes: { axis: int(0) },
  },
  { op: 'GatherND', inputs: [mixed(2, 3, 4), given('int64', [2, 2], 0, 1, 1, -1)] },
  {
    op: 'ScatterElements',
    inputs: [mixed(3, 3), given('int64', [2, 3], 1, 0, 2, 0, 2, 1), mixed(2, 3)],
    attributes: { axis: int(0) },
  },
  {
    op: 'ScatterElements',
    inputs: [mixed(1, 3), given('int64', [1, 3], 1, 1, 0), mixed(1, 3)],
    attributes: { axis: int(1), reduction: text('add') },
  },
  { op: 'ScatterND', inputs: [mixed(4, 3), given('int64', [2, 1], 2, 0), mixed(2, 3)] },
  {
    op: 'OneHot',
    inputs: [given('int64', [3], 0, -1, 2), ints64(4), given('float', [2], -1, 5)],
    attributes: { axis: int(0) },
    fixedFrom: 1,
  },
  {
    op: 'Trilu',
    inputs: [mixed(4, 4), given('int64', [], 1)],
    attributes: { upper: int(0) },
    fixedFrom: 1,
  },
  { op: 'EyeLike', inputs: [mixed(3, 4)], attributes: { k: int(1) } },
  {
    op: 'DepthToSpace',
    inputs: [mixed(1, 8, 2, 3)],
    attributes: { blocksize: int(2), mode: text('CRD') },
  },
  { op: 'SpaceToDepth', inputs: [mixed(1, 2, 4, 6)], attributes: { blocksize: int(2) } },
  { op: 'MatMul', inputs: [mixed(2, 3, 4), mixed(4, 5)] },
  { op: 'MatMul', inputs: [mixed(4), mixed(2, 4, 5)] },
  {
    op: 'Gemm',
    inputs: [mixed(4, 3), mixed(5, 4), mixed(5)],
    attributes: { transA: int(1), transB: int(1), alpha: float(0.5), beta: float(2) },
  },
  {
    op: 'Einsum',
    inputs: [mixed(2, 3, 4), mixed(2, 4, 5)],
    attributes: { equation: text('...ij,...jk->...ik') },
  },
  {
    op: 'Conv',
    inputs: [image, mixed(4, 3, 3, 2), mixed(4)],
    attributes: { pads: ints([1, 0, 2, 1]), strides: ints([2, 1]) },
  },
  {
    op: 'Conv',
    inputs: [image, mixed(6, 1, 3, 3)],
    attributes: { group: int(3), strides: ints([2, 1]), auto_pad: text('SAME_UPPER') },
  },
  {
    op: 'Conv',
    inputs: [line, mixed(2, 4, 3)],
    attributes: { auto_pad: text('SAME_LOWER'), strides: ints([2]) },
  },
  { op: 'Conv', inputs: [mixed(1, 2, 4, 4, 4), mixed(3, 2, 2, 2, 2)] },
  {
    op: 'ConvTranspose',
    inputs: [image, mixed(3, 2, 3, 3), mixed(2)],
    attributes: { strides: ints([2, 3]), pads: ints([1, 0, 1, 2]), output_padding: ints([1, 1]) },
  },
  {
    op: 'ConvTranspose',
    inputs: [mixed(1, 4, 5, 5), mixed(4, 2, 2, 2)],
    attributes: { group: int(2), strides: ints([2, 2]) },
  },
  {
    op: 'ConvTranspose',
    inputs: [line, mixed(4, 2, 3)],
    attributes: { output_shape: ints([18]), strides: ints([2]) },
  },
  {
    op: 'MaxPool',
    inputs: [image],
    attributes: {
      kernel_shape: ints([3, 2]),
      strides: ints([2, 3]),
      ceil_mode: int(1),
      pads: ints([1, 0, 0, 1]),
    },
    outputs: 2,
  },
  {
    op: 'AveragePool',
    inputs: [image],
    attributes: {
      kernel_shape: ints([3, 3]),
      strides: ints([2, 2]),
      ceil_mode: int(1),
      pads: ints([1, 1, 1, 1]),
    },
  },
  {
    op: 'AveragePool',
    inputs: [image],
    attributes: { kernel_shape: ints([2, 2]), pads: ints([1, 0, 0, 1]), count_include_pad: int(1) },
  },
  { op: 'LpPool', inputs: [image], attributes: { kernel_shape: ints([2, 2]), p: int(3) } },
  ...['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'].map((op) => unary(op, image)),
  {
    op: 'BatchNormalization',
    inputs: [image, mixed(3), mixed(3), mixed(3), given('float', [3], 0.5, 1, 2)],
    attributes: { epsilon: float(1e-3) },
  },
  { op: 'InstanceNormalization', inputs: [image, mixed(3), mixed(3)] },
  {
    op: 'LayerNormalization',
    inputs: [mixed(2, 3, 4), mixed(3, 4), mixed(3, 4)],
    attributes: { axis: int(1) },
  },
  { op: 'LRN', inputs: [image], attributes: { size: int(3), alpha: float(0.1), bias: float(2) } },
  { op: 'MeanVarianceNormalization', inputs: [image] },
  {
    op: 'Resize',
    inputs: [image, undefined, given('float', [4], 1, 1, 2, 1.5)],
    attributes: { mode: text('linear') },
    fixedFrom: 1,
  },
  {
    op: 'Resize',
    inputs: [image, undefined, undefined, ints64(2, 3, 4, 20)],
    attributes: { mode: text('cubic'), coordinate_transformation_mode: text('align_corners') },
    fixedFrom: 1,
  },
  {
    op: 'Resize',
    inputs: [image, undefined, given('float', [4], 1, 1, 2, 2)],
    attributes: {
      mode: text('nearest'),
      coordinate_transformation_mode: text('asymmetric'),
      nearest_mode: text('floor'),
    },
    fixedFrom: 1,
  },
  {
    op: 'GridSample',
    inputs: [image, { ...mixed(2, 4, 5, 2), data: mixed(2, 4, 5, 2).data.map((v) => v * 0.6) }],
    attributes: { padding_mode: text('reflection') },
  },
  {
    op: 'LSTM',
    inputs: [mixed(5, 2, 3), mixed(2, 16, 3), mixed(2, 16, 4), mixed(2, 32)],
    attributes: { hidden_size: int(4), direction: text('bidirectional') },
    outputs: 3,
  },
  {
    op: 'LSTM',
    inputs: [
      mixed(5, 2, 3),
      mixed(1, 16, 3),
      mixed(1, 16, 4),
      mixed(1, 32),
      given('int32', [2], 5, 3),
      mixed(1, 2, 4),
      mixed(1, 2, 4),
      mixed(1, 12),
    ],
    attributes: { hidden_size: int(4) },
    outputs: 3,
  },
  {
    op: 'GRU',
    inputs: [mixed(5, 2, 3), mixed(1, 12, 3), mixed(1, 12, 4), mixed(1, 24)],
    attributes: { hidden_size: int(4), linear_before_reset: int(1) },
    outputs: 2,
  },
  {
    op: 'GRU',
    inputs: [mixed(5, 2, 3), mixed(1, 12, 3), mixed(1, 12, 4)],
    attributes: { hidden_size: int(4), direction: text('reverse') },
    outputs: 2,
  },
  {
    op: 'RNN',
    inputs: [mixed(5, 2, 3), mixed(1, 4, 3), mixed(1, 4, 4)],
    attributes: { hidden_size: int(4), clip: float(0.5) },
    outputs: 2,
  },
  {
    op: 'QuantizeLinear',
    inputs: [mixed(3, 4), given('float', [], 0.02), given('uint8', [], 128)],
  },
  {
    op: 'DequantizeLinear',
    inputs: [given('int8', [2, 2], -128, 5, 7, 127), given('float', [2], 0.1, 0.2)],
    attributes: { axis: int(0) },
  },
  { op: 'DynamicQuantizeLinear', inputs: [mixed(3, 4)], outputs: 3 },
  {
    op: 'MatMulInteger',
    inputs: [
      given('uint8', [2, 2], 200, 1, 3, 4),
      given('uint8', [2, 2], 9, 8, 7, 6),
      given('uint8', [], 5),
    ],
  },
  {
    op: 'Compress',
    inputs: [mixed(3, 4), given('bool', [3], 1, 0, 1)],
    attributes: { axis: int(0) },
    fixedFrom: 1,
  },
  { op: 'NonZero', inputs: [given('int32', [2, 3], 1, 0, 2, 0, 0, 3)] },
  { op: 'ReverseSequence', inputs: [mixed(4, 3), ints64(1, 4, 2)] },
  {
    op: 'Attention',
    inputs: [mixed(2, 2, 3, 4), mixed(2, 2, 5, 4), mixed(2, 2, 5, 4), mixed(3, 5)],
    opset: 23,
  },
  {
    op: 'Attention',
    inputs: [mixed(2, 3, 16), mixed(2, 3, 8), mixed(2, 3, 8)],
    attributes: { q_num_heads: int(4), kv_num_heads: int(2), is_causal: int(1) },
    opset: 23,
  },
  {
    op: 'RotaryEmbedding',
    inputs: [mixed(2, 2, 3, 4), mixed(5, 2), mixed(5, 2), given('int64', [2, 3], 0, 1, 2, 2, 3, 4)],
    opset: 23,
  },
  {
    op: 'RMSNormalization',
    inputs: [mixed(2, 3, 4), mixed(4)],
    attributes: { epsilon: float(1e-3) },
    opset: 23,
  },
  ...['Gelu', 'QuickGelu', 'FastGelu'].map(
    (op): Case => ({ op, inputs: [mixed(3, 4)], domain: 'com.microsoft' }),
  ),
  { op: 'BiasGelu', inputs: [mixed(3, 4), mixed(4)], domain: 'com.microsoft' },
  {
    op: 'FusedMatMul',
    inputs: [mixed(2, 4, 3), mixed(2, 5, 4)],
    attributes: { transA: int(1), transB: int(1), alpha: float(0.5) },
    domain: 'com.microsoft',
  },
  {
    op: 'FusedConv',
    inputs: [image, mixed(4, 3, 3, 3), mixed(4)],
    attributes: { activation: text('Relu'), pads: ints([1, 1, 1, 1]) },
    domain: 'com.microsoft',
  },
  {
    op: 'SkipLayerNormalization',
    inputs: [mixed(2, 3, 4), mixed(2, 3, 4), mixed(4), mixed(4), mixed(4)],
    attributes: { epsilon: float(1e-5) },
    domain: 'com.microsoft',
  },
  { op: 'Size', inputs: [mixed(3, 4)] },
  { op: 'Shape', inputs: [mixed(3, 4)], attributes: { start: int(-1) } },
]

for (const [i, one] of cases.entries()) {
  const shown = Object.keys(one.attributes ?? {}).join(', ')
  test(`${i} ${one.op}${one.opset ? ` of opset ${one.opset}` : ''}${shown ? ` (${shown})` : ''}`, async () => {
    const names = one.inputs.map((input, k) => (input ? `x${k}` : ''))
    const outputs = Array.from({ length: one.outputs ?? 1 }, (_, k) => `y${k}`)
    const from = one.fixedFrom ?? one.inputs.length
    const part = (keep: (k: number) => boolean) =>
      Object.fromEntries(
        one.inputs.flatMap((input, k) => (input && keep(k) ? [[`x${k}`, input] as const] : [])),
      )
    const inputs = part((k) => k < from)
    const bytes = await modelBytes({
      nodes: [node(one.op, names, outputs, one.attributes)],
      inputs,
      initializers: part((k) => k >= from),
      outputs,
      ...(one.opset ? { opset: one.opset } : {}),
      ...(one.domain ? { domain: one.domain } : {}),
    })
    const wanted = await runtime(bytes, inputs)
    const model = await onnx.load(bytes)
    const ours = Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => [name, ourTensor(input)]),
    )
    const got = noGrad(() => model.run(ours))
    for (const name of outputs) {
      expect(difference(await outputOf(got[name]!), wanted[name]!), name).toBeLessThan(1e-4)
    }
  })
}

/** Attributes and inputs that a damaged file may have. */
const odd = [-1, 0, 1, 7, -3, 100, 2 ** 31, -(2 ** 31), 2 ** 62, -(2 ** 62)]

test('odd attributes, fewer inputs, other ranks: each operator runs, or says what is wrong', async () => {
  let [ran, refused] = [0, 0]
  for (const [c, one] of cases.entries()) {
    for (const [o, value] of odd.entries()) {
      const inputs = one.inputs.flatMap((input, k) => (input ? [[`x${k}`, input] as const] : []))
      const keys = Object.keys(one.attributes ?? {})
      const chosen = keys[(c + o) % Math.max(1, keys.length)]
      const changed = Object.fromEntries(
        Object.entries(one.attributes ?? {}).map(([key, attribute]) => {
          if (key !== chosen) return [key, attribute]
          if (attribute.ints) return [key, ints([...attribute.ints].with(0, value))]
          if (attribute.i !== undefined) return [key, int(value)]
          return attribute.f === undefined ? [key, text('odd')] : [key, float(value)]
        }),
      )
      // Of every third, the last input is left out; of every other third, it has a dim more.
      const names = one.inputs.map((input, k) => (input ? `x${k}` : ''))
      const given = Object.fromEntries(
        inputs.map(([name, input], k) => {
          const wider = o % 3 === 1 && k === inputs.length - 1
          return [name, wider ? { ...input, shape: [1, ...input.shape] } : input]
        }),
      )
      const bytes = await modelBytes({
        nodes: [node(one.op, o % 3 === 2 ? names.slice(0, -1) : names, ['y'], changed)],
        inputs: given,
        outputs: ['y'],
        ...(one.opset ? { opset: one.opset } : {}),
        ...(one.domain ? { domain: one.domain } : {}),
      })
      try {
        const model = await onnx.load(bytes)
        const ours = Object.entries(given).map(([name, input]) => [name, ourTensor(input)] as const)
        noGrad(() => model.run(Object.fromEntries(ours)))
        ran++
      } catch (error) {
        expect(error, `${one.op}: ${String(error)}`).toBeInstanceOf(BrickError)
        refused++
      }
    }
  }
  expect(ran).toBeGreaterThan(100)
  expect(refused).toBeGreaterThan(100)
})
