import type { DType } from '../base/dtype.ts'
import type { Attributes, OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'
import { flatten, unflatten } from '../graph/ops/movement.ts'
import { type ElementwiseName, recordOf } from '../graph/ops.ts'
import type { AnyOp, Guard, MovementOp } from '../graph/record.ts'
import {
  atomPosition,
  clampPosition,
  fixed,
  keyOf,
  type Position,
  rangeOf,
  symbolic,
} from './position.ts'

/** What one element of a node is, as a function of loop positions: a graph of scalars. */
export type Value = { readonly id: number; readonly dtype: DType } & (
  | { readonly kind: 'load'; readonly from: Node; readonly at: Position }
  | { readonly kind: 'constant'; readonly value: number }
  /** A position as an i32. */
  | { readonly kind: 'position'; readonly at: Position }
  /** 32 random bits from a key and a counter. */
  | {
      readonly kind: 'random'
      readonly key: readonly [Value, Value]
      readonly at: Position
      readonly stream: number
    }
  | {
      readonly kind: 'op'
      readonly op: ElementwiseName
      readonly attrs: Attributes[OpName]
      readonly args: readonly Value[]
    }
  /** All guards hold ? yes : no. */
  | {
      readonly kind: 'guard'
      readonly guards: readonly Guard<Position>[]
      readonly yes: Value
      readonly no: Value
    }
  /** Whether a data-dependent position lies in 0 … limit − 1. */
  | { readonly kind: 'inside'; readonly of: Value; readonly limit: number }
  /** A register that another stage of the kernel computed. */
  | { readonly kind: 'register'; readonly name: string }
)

type Shapeless<T> = T extends unknown ? Omit<T, 'id'> : never
type Draft = Shapeless<Value>

/** How the reader treats a node that it meets at some coordinates. */
export type Resolve = (node: Node, coords: readonly Position[]) => Draft | undefined

/**
 * Reads graph nodes as scalar values. `resolve` says which nodes are found in memory or in
 * registers; everything else is computed on the spot. Equal values are made once.
 */
export class Reader {
  private readonly resolve: Resolve
  private readonly made = new Map<string, Value>()
  private readonly met = new Map<string, Value>()

  constructor(resolve: Resolve) {
    this.resolve = resolve
  }

  /** The element of a node at coordinates. */
  read(node: Node, coords: readonly Position[]): Value {
    const key = `${node.id}@${coords.map(keyOf).join(';')}`
    const known = this.met.get(key)
    if (known) return known
    const draft = this.resolve(node, coords)
    const value = draft ? this.intern(draft) : this.compute(node, coords)
    this.met.set(key, value)
    return value
  }

  /** Forgets which nodes were met, since `resolve` would now answer otherwise. */
  forget(): void {
    this.met.clear()
  }

  private compute(node: Node, coords: readonly Position[]): Value {
    const record = recordOf<OpName>(node.op) as AnyOp<OpName>
    switch (record.kind) {
      case 'elementwise': {
        const args = node.inputs.map((input) => this.read(input, coords))
        return this.intern({
          kind: 'op',
          op: node.op as ElementwiseName,
          attrs: node.attrs,
          args,
          dtype: node.dtype,
        })
      }
      case 'movement':
        return this.move(record, node, coords)
      case 'transform':
        return this.combination(node as Node<'transform'>, coords)
      case 'alias':
        return this.read(node.inputs[0]!, coords)
      case 'source':
        return this.source(node, coords)
      default:
        if (node.is('gather')) return this.gather(node, coords)
        throw new Error(`${node.op} must be stored before it is read`)
    }
  }

  /** One axis at a time, so that what the rows of the matrix share is computed once. */
  private combination(node: Node<'transform'>, coords: readonly Position[]): Value {
    const { axes, matrix } = node.attrs
    const [axis, ...others] = axes as [number, ...number[]]
    const row = coords[axis]!
    if (row.terms.length > 0)
      throw new Error('a transform is read at fixed coordinates along its axes')
    let inner = node.inputs[0]!
    if (others.length > 0) {
      inner = this.within.get(node) ?? make('transform', [inner], { axes: others, matrix })
      this.within.set(node, inner)
    }
    const terms = matrix[row.constant]!.flatMap((factor, column) => {
      if (factor === 0) return []
      const value = this.read(inner, coords.with(axis, fixed(column)))
      return [this.arithmetic('mul', value, factor)]
    })
    return terms.reduce((sum, term) => this.arithmetic('add', sum, term), this.constant(0, 'f32'))
  }

  /** The part of a transform along all its axes but the first. */
  private readonly within = new Map<Node, Node>()

  /** x + y or x · y, where a neutral element is left out. */
  private arithmetic(op: 'add' | 'mul', x: Value, y: Value | number): Value {
    const neutral = op === 'add' ? 0 : 1
    if (y === neutral) return x
    if (x.kind === 'constant' && x.value === neutral && typeof y !== 'number') return y
    const other = typeof y === 'number' ? this.constant(y, 'f32') : y
    return this.intern({ kind: 'op', op, attrs: {}, args: [x, other], dtype: 'f32' })
  }

  private source(node: Node, coords: readonly Position[]): Value {
    if (node.is('constant')) return this.constant(node.attrs.value, node.dtype)
    if (node.is('iota'))
      return this.intern({ kind: 'position', at: coords[node.attrs.axis]!, dtype: 'i32' })
    const key = node.inputs[0]!
    return this.intern({
      kind: 'random',
      key: [this.read(key, [fixed(0)]), this.read(key, [fixed(1)])],
      at: flatten(coords, node.shape, symbolic),
      stream: (node as Node<'random'>).attrs.stream,
      dtype: 'i32',
    })
  }

  constant(value: number, dtype: DType): Value {
    return this.intern({ kind: 'constant', value, dtype })
  }

  private move(record: MovementOp<OpName>, node: Node, coords: readonly Position[]): Value {
    const pieces = record.pieces(coords, node, symbolic)
    const fill = () => this.constant(record.fill?.(node.attrs) ?? 0, node.dtype)
    let value: Value | undefined
    for (const piece of pieces.toReversed()) {
      const input = node.inputs[piece.input]!
      const open = piece.guards.filter((guard) => !always(guard))
      if (open.some(never)) continue
      const safe = piece.coords.map((coord, axis) =>
        clampPosition(coord, Math.max(1, input.shape[axis]!)),
      )
      if (input.shape.includes(0)) continue
      const inner = this.read(input, safe)
      // The last piece needs no guard where pieces cover everything.
      const needed = open.length > 0 && (value !== undefined || record.fill !== undefined)
      value = needed
        ? this.intern({
            kind: 'guard',
            guards: open,
            yes: inner,
            no: value ?? fill(),
            dtype: node.dtype,
          })
        : inner
    }
    return value ?? fill()
  }

  private gather(node: Node<'gather'>, coords: readonly Position[]): Value {
    const [x, index] = node.inputs as [Node, Node]
    const { axis } = node.attrs
    const limit = x.shape[axis]!
    const chosen = this.read(index, coords)
    const missing = this.constant(node.dtype === 'f32' ? Number.NaN : 0, node.dtype)
    if (limit === 0) return missing
    const found = this.read(
      x,
      coords.map((coord, i) =>
        i === axis ? atomPosition({ kind: 'data', value: chosen, limit }) : coord,
      ),
    )
    const inside = this.intern({ kind: 'inside', of: chosen, limit, dtype: 'bool' })
    return this.intern({
      kind: 'op',
      op: 'where',
      attrs: {},
      args: [inside, found, missing],
      dtype: node.dtype,
    })
  }

  /** The same value for the same draft. */
  intern(draft: Draft): Value {
    const key = draftKey(draft)
    const known = this.made.get(key)
    if (known) return known
    const value = { ...draft, id: this.made.size } as Value
    this.made.set(key, value)
    return value
  }
}

/** A draft that loads a stored node's element. */
export function loadOf(node: Node, coords: readonly Position[]): Draft {
  return { kind: 'load', from: node, at: flatten(coords, node.shape, symbolic), dtype: node.dtype }
}

function draftKey(draft: Draft): string {
  switch (draft.kind) {
    case 'load':
      return `load ${draft.from.id} ${keyOf(draft.at)}`
    case 'constant':
      return `constant ${draft.dtype} ${Object.is(draft.value, -0) ? '-0' : draft.value}`
    case 'position':
      return `position ${keyOf(draft.at)}`
    case 'random':
      return `random ${draft.key.map((k) => k.id)} ${keyOf(draft.at)} ${draft.stream}`
    case 'op':
      return `${draft.op} ${draft.dtype} ${draft.args.map((a) => a.id)} ${JSON.stringify(draft.attrs)}`
    case 'guard': {
      const guards = draft.guards.map((g) => `${keyOf(g.index)},${g.low},${g.high},${g.every}`)
      return `guard ${guards.join(' ')} ${draft.yes.id} ${draft.no.id}`
    }
    case 'inside':
      return `inside ${draft.of.id} ${draft.limit}`
    case 'register':
      return `register ${draft.name}`
  }
}

function always({ index, low, high, every }: Guard<Position>): boolean {
  const { min, max } = rangeOf(index)
  return every === 1 && min >= low && max < high
}

function never({ index, low, high }: Guard<Position>): boolean {
  const { min, max } = rangeOf(index)
  return max < low || min >= high
}

/** Values that a value is computed from. */
export function partsOf(value: Value): readonly Value[] {
  switch (value.kind) {
    case 'load':
    case 'position':
      return dataOf(value.at)
    case 'random':
      return [...value.key, ...dataOf(value.at)]
    case 'op':
      return value.args
    case 'guard':
      return [...value.guards.flatMap((g) => dataOf(g.index)), value.yes, value.no]
    case 'inside':
      return [value.of]
    default:
      return []
  }
}

/** Positions that a value is computed from, itself only. */
export function positionsOf(value: Value): readonly Position[] {
  switch (value.kind) {
    case 'load':
    case 'position':
    case 'random':
      return [value.at]
    case 'guard':
      return value.guards.map((g) => g.index)
    default:
      return []
  }
}

/** Data-dependent values inside a position. */
function dataOf(position: Position): Value[] {
  return position.terms.flatMap(({ atom }) => {
    if (atom.kind === 'data') return [atom.value as Value]
    return atom.kind === 'digit' ? [] : dataOf(atom.of)
  })
}

/** Coordinates of a flat loop over a shape. */
export const coordinates = (position: Position, shape: readonly number[]): Position[] =>
  unflatten(position, shape, symbolic)
