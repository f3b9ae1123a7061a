import type { ArrayView } from '../../base/array.ts'
import type { DType, TypedArray } from '../../base/dtype.ts'
import { sizeOf } from '../../base/shape.ts'
import { attributeTypes, type Draft } from '../file/messages.ts'
import type { Dim } from './dims.ts'
import type { WrittenOperator } from './operators.ts'

export type NodeDraft = Draft<'NodeProto'>
type AttributeDraft = Draft<'AttributeProto'>

/** Element types of dtypes in the file. */
export const codes: { readonly [D in DType]: number } = { f32: 1, u8: 2, i32: 6, bool: 9 }
export const INT64 = 7

/** Attributes by kind: the format tells whole numbers from others by their kind alone. */
export const int = (i: number): AttributeDraft => ({ i, type: attributeTypes.int })
export const float = (f: number): AttributeDraft => ({ f, type: attributeTypes.float })
export const ints = (list: readonly number[]): AttributeDraft => ({
  ints: list,
  type: attributeTypes.ints,
})
export const text = (s: string): AttributeDraft => ({
  s: new TextEncoder().encode(s),
  type: attributeTypes.string,
})
export const graph = (g: Draft<'GraphProto'>): AttributeDraft => ({ g, type: attributeTypes.graph })

/** Writes the nodes of a graph and what they start from. */
export class GraphWriter {
  nodes: NodeDraft[] = []
  /** What the graph starts from, by name. */
  readonly initializers = new Map<string, Draft<'TensorProto'>>()
  /** Nodes that stand in front of all others. */
  private readonly prologue: NodeDraft[] = []
  private readonly used = new Map<string, number>()
  private readonly constants = new Map<string, string>()
  /** Where the batch's size is read. */
  private readonly source: { readonly input: string; readonly dim: number } | undefined
  private batch: string | undefined
  /** Where in the model the nodes come from that are being written. */
  scope = ''

  constructor(source: { readonly input: string; readonly dim: number } | undefined) {
    this.source = source
  }

  /** A name that is not taken: this one, or with a number. */
  unique(name: string): string {
    const count = this.used.get(name) ?? 0
    this.used.set(name, count + 1)
    return count === 0 ? name : this.unique(`${name}_${count}`)
  }

  /** A node with one output, whose name is returned. */
  add(
    opType: WrittenOperator,
    input: readonly string[],
    attributes: Readonly<Record<string, AttributeDraft>> = {},
  ): string {
    return this.addAll(opType, input, attributes, 1)[0]!
  }

  /** A node with several outputs. */
  addAll(
    opType: WrittenOperator,
    input: readonly string[],
    attributes: Readonly<Record<string, AttributeDraft>>,
    outputs: number,
  ): string[] {
    const base = this.unique(this.scope ? `${this.scope}/${opType}` : opType)
    const output = Array.from({ length: outputs }, (_, i) =>
      i === 0 ? `${base}_out` : `${base}_out${i}`,
    )
    this.nodes.push(nodeOf(opType, base, input, output, attributes))
    return output
  }

  /** Nodes that `body` writes, as the nodes of a graph inside. */
  inside(body: () => void): NodeDraft[] {
    const outer = this.nodes
    this.nodes = []
    try {
      body()
      return this.nodes
    } finally {
      this.nodes = outer
    }
  }

  /** All nodes, in order. */
  get all(): NodeDraft[] {
    return [...this.prologue, ...this.nodes]
  }

  /** Numbers that the graph starts from, under this name or one like it. */
  initializer(name: string, { dtype, shape, data }: ArrayView): string {
    const own = this.unique(name)
    this.initializers.set(own, {
      name: own,
      dims: shape,
      dataType: codes[dtype],
      rawData: bytesOf(data),
    })
    return own
  }

  /** Ones in a shape, for operators that want a factor. */
  ones(shape: readonly number[]): string {
    const data = new Float32Array(sizeOf(shape)).fill(1)
    return this.constant(`ones ${shape}`, 'ones', {
      dims: shape,
      dataType: codes.f32,
      rawData: bytesOf(data),
    })
  }

  /** Whole numbers in 64 bits: shapes, positions, axes. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.constant(`int64 ${shape}: ${values}`, 'shape', {
      dims: shape,
      dataType: INT64,
      rawData: bytesOf(BigInt64Array.from(values, BigInt)),
    })
  }

  /** One number of a dtype. */
  scalar(value: number, dtype: DType): string {
    const data = dtype === 'f32' ? Float32Array : dtype === 'i32' ? Int32Array : Uint8Array
    return this.constant(`${dtype} ${Object.is(value, -0) ? '-0' : value}`, 'scalar', {
      dims: [],
      dataType: codes[dtype],
      rawData: bytesOf(data.of(value)),
    })
  }

  private constant(key: string, name: string, proto: Draft<'TensorProto'>): string {
    const known = this.constants.get(key)
    if (known) return known
    const own = this.unique(name)
    this.initializers.set(own, { ...proto, name: own })
    this.constants.set(key, own)
    return own
  }

  /** Sizes as a vector; those that depend on the batch are computed. */
  vector(dims: readonly Dim[]): string {
    if (dims.every((d) => typeof d === 'number')) return this.integers(dims)
    const parts: string[] = []
    for (let i = 0; i < dims.length; ) {
      const dim = dims[i]!
      if (typeof dim !== 'number') {
        parts.push(this.scaled(dim))
        i++
        continue
      }
      const end = dims.findIndex((d, k) => k > i && typeof d !== 'number')
      const run = dims.slice(i, end < 0 ? undefined : end) as number[]
      parts.push(this.integers(run))
      i += run.length
    }
    return parts.length === 1 ? parts[0]! : this.add('Concat', parts, { axis: int(0) })
  }

  private scaled({ scale, offset }: { scale: number; offset: number }): string {
    let name = this.batchSize()
    if (scale !== 1) name = this.add('Mul', [name, this.integers([scale])])
    return offset === 0 ? name : this.add('Add', [name, this.integers([offset])])
  }

  /** The batch size as a vector of one number. */
  private batchSize(): string {
    if (this.batch) return this.batch
    this.batch = this.unique('batch_size')
    const { input, dim } = this.source!
    const attributes = { start: int(dim), end: int(dim + 1) }
    const output = [this.batch]
    this.prologue.push(nodeOf('Shape', this.batch, [input], output, attributes))
    return this.batch
  }
}

function nodeOf(
  opType: WrittenOperator,
  name: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeDraft>>,
): NodeDraft {
  const attribute = Object.entries(attributes).map(([key, value]) => ({ ...value, name: key }))
  return { opType, name, input, output, attribute }
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray | BigInt64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
