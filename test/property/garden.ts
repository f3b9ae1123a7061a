import type { DType, TypedArray } from '../../src/base/dtype.ts'
import { dtypes } from '../../src/base/dtype.ts'
import { type Shape, sameShape, sizeOf } from '../../src/base/shape.ts'
import type { OpName } from '../../src/graph/attributes.ts'
import { make } from '../../src/graph/make.ts'
import { Node } from '../../src/graph/node.ts'
import { interpret, type Values } from '../../src/interpreter/interpreter.ts'
import { bufferNode } from '../../src/tensor/engine.ts'
import { Storage } from '../../src/tensor/storage.ts'
import { type Dice, stream } from './dice.ts'

/** A buffer with its contents. */
export interface Leaf {
  readonly node: Node<'buffer'>
  readonly data: TypedArray
}

export type Domain = readonly [low: number, high: number]

/** Sizes of axes, the common ones first; 0 now and then. */
const extents = [2, 3, 1, 4, 2, 3, 5, 1, 2, 4, 3, 2, 6, 3, 1, 7, 2, 5, 3, 9, 2, 4, 3, 0] as const
const MAX_SIZE = 90
/** Beyond these, f32 and double precision need not agree about the next op. */
const limits = { f32: 100, i32: 1000, u8: 255, bool: 1 }

/** One op on known values. */
export function evaluateOne<O extends OpName>(node: Node<O>, inputs: readonly Values[]): Values {
  // What a loop leaves is computed with the loop, from what that is given.
  if (node.is('scanned')) return evaluatePart(node, inputs)
  const stand = node.inputs.map(({ shape, dtype }) => {
    return new Node('buffer', [], { source: {}, shape, dtype }, shape, dtype, '')
  })
  const copy = new Node(node.op, stand, node.attrs, node.shape, node.dtype, '')
  const known = new Map<object, Values>(stand.map((n, i) => [n.attrs.source, inputs[i]!]))
  return interpret([copy], (n) => known.get(n.attrs.source)!)[0]!
}

function evaluatePart(node: Node<'scanned'>, inputs: readonly Values[]): Values {
  const scan = node.inputs[0]!
  const stand = scan.inputs.map(({ shape, dtype }) => {
    return new Node('buffer', [], { source: {}, shape, dtype }, shape, dtype, '')
  })
  const loop = new Node(scan.op, stand, scan.attrs, scan.shape, scan.dtype, '')
  const part = new Node(node.op, [loop], node.attrs, node.shape, node.dtype, '')
  const known = new Map<object, Values>(stand.map((n, i) => [n.attrs.source, inputs[i]!]))
  return interpret([part], (n) => known.get(n.attrs.source)!)[0]!
}

/**
 * A graph that is growing: nodes to build on, with their values, so that what is built next stays
 * where its op is defined.
 */
export class Garden {
  readonly leaves: Leaf[] = []
  /** Results so far, that the next ops may use. */
  readonly pool: Node[] = []
  private readonly values = new Map<Node, Values>()
  private readonly used = new Set<Node>()

  /** A node over others of this garden. */
  make: typeof make = (op, inputs, attrs) => {
    const node = make(op, inputs, attrs)
    for (const input of inputs) this.used.add(input)
    const given = node.is('scanned') ? inputs[0]!.inputs : inputs
    const values = given.map((input) => this.valuesOf(input))
    this.values.set(node, evaluateOne(node, values))
    return node
  }

  valuesOf(node: Node): Values {
    return this.values.get(node)!
  }

  /** Results that nothing was built on: the graph's outputs. */
  get outputs(): Node[] {
    const ends = this.pool.filter((node) => !this.used.has(node))
    return ends.length > 0 ? ends : this.pool.slice(-1)
  }

  shape(dice: Dice, rank = dice.pick([2, 1, 3, 2, 0, 4, 2, 3])): number[] {
    let room = MAX_SIZE
    return Array.from({ length: rank }, () => {
      const extent = Math.min(dice.pick(extents), Math.max(1, room))
      room = Math.floor(room / Math.max(1, extent))
      return extent
    })
  }

  /** Fresh contents on a coarse grid, so that f32 holds them and their sums and products exactly. */
  leaf(dice: Dice, shape: Shape, dtype: DType = 'f32'): Node {
    const random = stream(dice.below(1000))
    const draw = {
      f32: () => (Math.floor(random() * 33) - 16) / 8,
      i32: () => Math.floor(random() * 13) - 6,
      u8: () => Math.floor(random() * 256),
      bool: () => Math.floor(random() * 2),
    }
    return this.plant(shape, dtype, draw[dtype])
  }

  /** A buffer with these contents. */
  plant(shape: Shape, dtype: DType, value: () => number): Node<'buffer'> {
    const data = new dtypes[dtype].array(sizeOf(shape)).map(value) as TypedArray
    const node = bufferNode(new Storage(dtype, data.length, data), shape)
    this.leaves.push({ node, data })
    this.values.set(node, Float64Array.from(data))
    return node
  }

  /** An earlier result that fits, or a fresh leaf. */
  operand(dice: Dice, dtype: DType, shape?: Shape, rank?: number): Node {
    const fitting = this.pool.filter(
      (node) =>
        node.dtype === dtype &&
        (!shape || sameShape(node.shape, shape)) &&
        (rank === undefined || node.shape.length === rank) &&
        this.valuesOf(node).every(Number.isFinite),
    )
    // Late results first, so that graphs grow deep.
    const fresh = fitting.length === 0 || dice.below(4) === 3
    if (fresh) return this.leaf(dice, shape ?? this.shape(dice, rank), dtype)
    return this.tame(fitting[fitting.length - 1 - dice.below(fitting.length)]!)
  }

  /** An operand of any dtype. */
  any(dice: Dice, shape?: Shape): Node {
    return this.operand(dice, dice.pick(['f32', 'f32', 'i32', 'f32', 'u8', 'bool'] as const), shape)
  }

  /** An operand with at least one axis. */
  ranked(dice: Dice, dtype: DType): Node {
    const x = this.operand(dice, dtype)
    return x.shape.length > 0 ? x : this.make('reshape', [x], { shape: [1] })
  }

  /** The same values, made smaller where they are large. */
  tame(x: Node): Node {
    if (this.largest(x) <= limits[x.dtype]) return x
    return x.dtype === 'i32' ? this.mask(x, 63) : this.fit(x, [-3, 3])
  }

  /** The values scaled (by a power of two) and shifted into a domain, if they leave it. */
  fit(x: Node, [low, high]: Domain): Node {
    if (this.valuesOf(x).every((v) => v >= low && v <= high)) return x
    if (x.dtype !== 'f32') return x.dtype === 'i32' ? this.mask(x, Math.floor(high)) : x
    const room = (high - low) * 0.45
    const factor = 2 ** Math.floor(Math.log2(room / this.largest(x)))
    const scaled = this.make('mul', [x, this.like(x, factor)], {})
    const middle = Math.round((low + high) * 4) / 8
    return middle === 0 ? scaled : this.make('add', [scaled, this.like(x, middle)], {})
  }

  like(x: Node, value: number): Node {
    return this.make('constant', [], { value, shape: x.shape, dtype: x.dtype })
  }

  private mask(x: Node, bits: number): Node {
    return this.make('and', [x, this.like(x, bits)], {})
  }

  private largest(x: Node): number {
    return this.valuesOf(x).reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  }
}
