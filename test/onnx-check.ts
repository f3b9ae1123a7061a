import { expect } from 'vitest'
import { manualSeed, models, type nn, noGrad, onnx, Tensor } from '../src/index.ts'
import { readOnnx } from '../src/onnx/file/read.ts'
import { difference, type Given, mixed, ourTensor, outputOf, runtime } from './onnx-case.ts'

/** All tensors of a result by the names that the export gives them. */
function namedOf(result: unknown, name = ''): Record<string, Tensor> {
  if (result instanceof Tensor) return { [name || 'output']: result }
  const list = Array.isArray(result)
  return Object.assign(
    {},
    ...Object.entries(result as object).map(([key, value]) =>
      namedOf(value, list ? `${name || 'output'}_${key}` : name ? `${name}.${key}` : key),
    ),
  )
}

/** Compares onnxruntime's and the imported network's outputs with the network's own. */
export async function check(
  net: nn.AnyModule,
  inputs: readonly Given[],
  bytes: Uint8Array,
): Promise<void> {
  const back = await onnx.load(bytes)
  const names = back.inputs.map(({ name }) => name)
  const given = Object.fromEntries(names.map((name, i) => [name, inputs[i]!]))
  const wanted = await runtime(bytes, given)
  const ours = inputs.map(ourTensor)
  net.eval()
  const own = namedOf(noGrad(() => net.forward(...(ours as never[]))))
  const again = noGrad(() => back.run(Object.fromEntries(names.map((n, i) => [n, ours[i]!]))))
  expect(Object.keys(wanted).sort()).toEqual(Object.keys(own).sort())
  for (const [name, value] of Object.entries(own)) {
    const mine = await outputOf(value)
    expect(difference(wanted[name]!, mine), `${name} in onnxruntime`).toBeLessThan(1e-4)
    expect(difference(await outputOf(again[name]!), mine), `${name} come back`).toBeLessThan(1e-4)
  }
}

/** A network of the zoo, and the operators that its file has. */
export interface Network {
  readonly name: string
  readonly channels: number
  readonly size: number
  readonly operators: string
  /** Takes long: many weights. */
  readonly slow?: boolean
}

const residual = 'Add BatchNormalization Conv Gemm MaxPool ReduceMean Relu'
const fire = 'AveragePool Concat Conv MaxPool Relu Reshape'
const pooled = 'Conv Einsum Gemm MaxPool Relu Reshape Transpose'
const inception = 'BatchNormalization Concat Conv Gemm MaxPool ReduceMean Relu'

export const zoo: readonly Network[] = [
  { name: 'lenet', channels: 1, size: 28, operators: 'Conv Gemm MaxPool Relu Reshape' },
  {
    name: 'lenet5',
    channels: 1,
    size: 28,
    operators: 'Add AveragePool Conv Gemm Mul Reshape Tanh',
  },
  { name: 'mlp', channels: 1, size: 28, operators: 'Gemm Relu Reshape' },
  { name: 'mlp:64-30-10', channels: 1, size: 8, operators: 'Gemm Relu Reshape' },
  { name: 'resnet18', channels: 3, size: 32, operators: residual, slow: true },
  { name: 'resnet50', channels: 3, size: 32, operators: residual, slow: true },
  { name: 'vgg11', channels: 3, size: 32, operators: pooled, slow: true },
  {
    name: 'vgg11_bn',
    channels: 3,
    size: 32,
    operators: `BatchNormalization ${pooled}`,
    slow: true,
  },
  { name: 'alexnet', channels: 3, size: 63, operators: pooled, slow: true },
  {
    name: 'alexnet2012',
    channels: 3,
    size: 67,
    operators: 'Add Conv Div Einsum Gemm MaxPool Mul Pad Pow Relu Reshape Slice Transpose',
    slow: true,
  },
  { name: 'googlenet', channels: 3, size: 32, operators: inception, slow: true },
  { name: 'squeezenet1_0', channels: 3, size: 40, operators: fire, slow: true },
  { name: 'squeezenet1_1', channels: 3, size: 40, operators: fire },
  {
    name: 'mobilenet_v2',
    channels: 3,
    size: 32,
    operators: 'Add BatchNormalization Clip Conv Gemm ReduceMean',
  },
  {
    name: 'unet',
    channels: 3,
    size: 16,
    operators: 'BatchNormalization Concat Conv ConvTranspose MaxPool Relu',
  },
]

/** Exports a network, and compares what comes out at two batch sizes. */
export async function checkNetwork({ name, channels, size, operators }: Network): Promise<void> {
  manualSeed(3)
  const net = models.createModel(name, { inputShape: [channels, size, size], classes: 10 })
  const bytes = await onnx.serialize(net, { inputs: [[1, channels, size, size]] })
  expect(net.training).toBe(true)
  const { graph } = await readOnnx(bytes)
  const used = [...new Set(graph.node.map(({ opType }) => opType))].sort().join(' ')
  // Whole operators, not the primitives that they are made of.
  expect(used).toBe(operators)
  for (const batch of [1, 3]) await check(net, [mixed(batch, channels, size, size)], bytes)
}
