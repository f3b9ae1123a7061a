import * as ort from 'onnxruntime-node'
import { Tensor } from '../src/index.ts'
import type { int } from '../src/onnx/export/writer.ts'
import { codec } from '../src/onnx/file/codec.ts'
import { typeNamed } from '../src/onnx/file/element-types.ts'
import type { Draft } from '../src/onnx/file/messages.ts'

/** Makes small ONNX models, and runs models in onnxruntime: the oracle of the tests. */

export type Attribute = ReturnType<typeof int>

/** Numbers of an element type, in a shape. */
export interface Given {
  readonly type: 'float' | 'int64' | 'int32' | 'bool' | 'uint8' | 'int8' | 'double'
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

export const given = (type: Given['type'], shape: readonly number[], ...data: number[]): Given => ({
  type,
  shape,
  data,
})

/** Numbers between −2 and 2 that look random, the same each time. */
export function mixed(...shape: readonly number[]): Given {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i * 12.9898 + size) * 2))
  return { type: 'float', shape, data }
}

export const ints64 = (...data: readonly number[]): Given => given('int64', [data.length], ...data)

/** A node: op, names of inputs and outputs, attributes. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Draft<'NodeProto'> {
  const attribute = Object.entries(attributes).map(([name, value]) => ({ ...value, name }))
  return { opType, name: `the_${opType}`, input, output, attribute }
}

export interface ModelParts {
  readonly nodes: readonly Draft<'NodeProto'>[]
  /** Inputs by name. */
  readonly inputs: Readonly<Record<string, Given>>
  readonly initializers?: Readonly<Record<string, Given>>
  readonly outputs: readonly string[]
  readonly opset?: number
  /** Another domain that the nodes are of. */
  readonly domain?: string
  /** The first dim of the inputs is free. */
  readonly dynamic?: boolean
}

/** The bytes of a model. */
export async function modelBytes(parts: ModelParts): Promise<Uint8Array> {
  const { nodes, inputs, initializers = {}, outputs, opset = 18, domain, dynamic = false } = parts
  return (await codec()).encode('ModelProto', {
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }, ...(domain ? [{ domain, version: 1 }] : [])],
    graph: {
      name: 'test',
      node: domain ? nodes.map((one) => ({ ...one, domain })) : nodes,
      initializer: Object.entries(initializers).map(([name, array]) => tensorProto(name, array)),
      input: Object.entries(inputs).map(([name, { type, shape }]) => ({
        name,
        type: {
          tensorType: {
            elemType: typeNamed(type).code,
            shape: {
              dim: shape.map((n, i) => (dynamic && i === 0 ? { dimParam: 'N' } : { dimValue: n })),
            },
          },
        },
      })),
      output: outputs.map((name) => ({ name })),
    },
  })
}

/** A tensor with its bytes as they lie in a file. */
export function tensorProto(name: string, { type, shape, data }: Given): Draft<'TensorProto'> {
  return {
    name,
    dims: shape,
    dataType: typeNamed(type).code,
    rawData: rawBytes({ type, shape, data }),
  }
}

const arrays = {
  float: Float32Array,
  double: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const

function typed({ type, data }: Given) {
  if (type === 'int64') return BigInt64Array.from(data, BigInt)
  return arrays[type].from(data)
}

function rawBytes(array: Given): Uint8Array {
  const { buffer } = typed(array)
  return new Uint8Array(buffer)
}

/** As a tensor of ours. */
export function ourTensor({ type, shape, data }: Given): Tensor {
  const { dtype } = typeNamed(type)
  const elements = dtype === 'f32' ? Float32Array : dtype === 'i32' ? Int32Array : Uint8Array
  return Tensor.of(elements.from(data), shape, dtype)
}

const ortTypes = {
  float: 'float32',
  double: 'float64',
  int32: 'int32',
  int64: 'int64',
  uint8: 'uint8',
  int8: 'int8',
  bool: 'bool',
} as const

export interface Output {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** What onnxruntime computes. */
export async function runtime(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, Given>>,
): Promise<Record<string, Output>> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 })
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, array]) => [
      name,
      new ort.Tensor(ortTypes[array.type], typed(array) as never, array.shape),
    ]),
  )
  const results = await session.run(feeds)
  await session.release()
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { shape: dims, data: Array.from(data as ArrayLike<number | bigint>, Number) },
    ]),
  )
}

/** The largest difference of two outputs, relative to the largest number; ∞ for other shapes or kinds. */
export function difference(got: Output, wanted: Output): number {
  if (`${got.shape}` !== `${wanted.shape}` || got.data.length !== wanted.data.length) {
    return Number.POSITIVE_INFINITY
  }
  const finite = wanted.data.filter(Number.isFinite).map(Math.abs)
  const scale = finite.reduce((a, b) => Math.max(a, b), 1e-6)
  return wanted.data.reduce((worst, want, i) => {
    const value = got.data[i]!
    if (Object.is(value, want) || value === want) return worst
    const apart = Math.abs(value - want) / scale
    return Number.isNaN(apart) ? Number.POSITIVE_INFINITY : Math.max(worst, apart)
  }, 0)
}

/** A tensor's contents as an output. */
export async function outputOf(tensor: Tensor): Promise<Output> {
  return { shape: tensor.shape, data: Array.from(await tensor.data()) }
}
