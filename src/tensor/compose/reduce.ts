import { BrickError } from '../../base/errors.ts'
import { normalizeAxes, normalizeAxis, showShape, sizeOf } from '../../base/shape.ts'
import { make } from '../../graph/make.ts'
import type { Node } from '../../graph/node.ts'
import { keeping } from '../../graph/ops/helpers.ts'
import {
  add,
  binary,
  broadcastTo,
  cast,
  constant,
  div,
  mul,
  sub,
  unary,
  where,
} from './arithmetic.ts'
import { iota, narrow, unsqueeze } from './movement.ts'

export type Dims = number | readonly number[] | undefined
type ReduceOp = 'sum' | 'amax' | 'prod' | 'argmax'

function reduced(op: ReduceOp, x: Node, dims: Dims, keepDim: boolean, where: string): Node {
  const axes = normalizeAxes(dims, x.shape.length, where)
  const choosing = op !== 'sum' && op !== 'prod'
  if (choosing && axes.some((axis) => x.shape[axis] === 0)) {
    throw new BrickError({
      kind: 'shape',
      where,
      got: `${showShape(x.shape)} without elements to choose from`,
      wanted: 'at least one element',
    })
  }
  const out = make(op, [x], { axes })
  return keepDim ? make('reshape', [out], { shape: keeping(x.shape, axes) }) : out
}

const countable = (x: Node): Node => (x.dtype === 'bool' || x.dtype === 'u8' ? cast(x, 'i32') : x)

/** Σ x. Truth values are counted. */
export const sum = (x: Node, dims?: Dims, keepDim = false): Node =>
  reduced('sum', countable(x), dims, keepDim, 'sum')
export const prod = (x: Node, dims?: Dims, keepDim = false): Node =>
  reduced('prod', cast(x, 'f32'), dims, keepDim, 'prod')
export const amax = (x: Node, dims?: Dims, keepDim = false): Node =>
  reduced('amax', countable(x), dims, keepDim, 'max')
/** In reverse order: −x, and for integers all bits turned (−x − 1), since −(−2³¹) overflows. */
const reversed = (x: Node): Node =>
  x.dtype === 'i32' ? make('xor', [x, constant(-1, x.shape, 'i32')], {}) : make('neg', [x], {})
export const amin = (x: Node, dims?: Dims, keepDim = false): Node =>
  reversed(amax(reversed(countable(x)), dims, keepDim))
export const argmax = (x: Node, dims?: Dims, keepDim = false): Node =>
  reduced('argmax', countable(x), dims, keepDim, 'argmax')
export const argmin = (x: Node, dims?: Dims, keepDim = false): Node =>
  argmax(reversed(countable(x)), dims, keepDim)

/** Elements that fold into each result. */
function count(x: Node, dims: Dims, where: string): number {
  const axes = normalizeAxes(dims, x.shape.length, where)
  return sizeOf(axes.map((axis) => x.shape[axis]!))
}

export const mean = (x: Node, dims?: Dims, keepDim = false): Node =>
  mul(sum(cast(x, 'f32'), dims, keepDim), 1 / count(x, dims, 'mean'))

/** Σ (x − mean)² / (n − correction), in two passes. */
export function variance(x: Node, dims?: Dims, correction = 1, keepDim = false): Node {
  const centred = sub(x, broadcastTo(mean(x, dims, true), x.shape))
  const n = count(x, dims, 'var')
  return mul(sum(mul(centred, centred), dims, keepDim), 1 / Math.max(0, n - correction))
}

/** log Σ eˣ, shifted by the maximum; −∞ of no elements. */
export function logSumExp(values: Node, dims?: Dims, keepDim = false): Node {
  const x = cast(values, 'f32')
  const axes = normalizeAxes(dims, x.shape.length, 'logsumexp')
  if (axes.some((axis) => x.shape[axis] === 0)) return unary('log', sum(x, axes, keepDim))
  const top = make('detach', [amax(x, axes, true)], {})
  // A row of −∞ (or one with +∞) would give ∞ − ∞.
  const finite = make(
    'lt',
    [make('abs', [top], {}), constant(Number.POSITIVE_INFINITY, top.shape, 'f32')],
    {},
  )
  const shift = where(finite, top, constant(0, [], 'f32'))
  const total = unary('log', sum(unary('exp', sub(x, broadcastTo(shift, x.shape))), axes, true))
  const out = add(total, shift)
  return keepDim
    ? out
    : make('reshape', [out], { shape: x.shape.filter((_, i) => !axes.includes(i)) })
}

/** eˣ / Σ eˣ along one axis; nothing of no elements. */
export function softmax(x: Node, dim: number): Node {
  const axis = normalizeAxis(dim, x.shape.length, 'softmax')
  if (x.shape[axis] === 0) return x
  const top = make('detach', [amax(x, axis, true)], {})
  const powers = unary('exp', sub(x, broadcastTo(top, x.shape)))
  return div(powers, broadcastTo(sum(powers, axis, true), x.shape))
}

/** x − max − log Σ e^(x − max) along one axis. */
export function logSoftmax(x: Node, dim: number): Node {
  const axis = normalizeAxis(dim, x.shape.length, 'logSoftmax')
  if (x.shape[axis] === 0) return x
  const shifted = sub(x, broadcastTo(make('detach', [amax(x, axis, true)], {}), x.shape))
  const total = unary('log', sum(unary('exp', shifted), axis, true))
  return sub(shifted, broadcastTo(total, x.shape))
}

/** (Σ |x|^p)^(1/p). */
export function norm(values: Node, p: number, dims?: Dims, keepDim = false): Node {
  const x = cast(values, 'f32')
  if (p === 2) return root(sum(mul(x, x), dims, keepDim), (total) => unary('sqrt', total))
  const size = make('abs', [x], {})
  if (p === 1) return sum(size, dims, keepDim)
  if (p === Number.POSITIVE_INFINITY) return amax(size, dims, keepDim)
  const powers = binary('pow', size, constant(p, [], 'f32'))
  const inverse = constant(1 / p, [], 'f32')
  return root(sum(powers, dims, keepDim), (total) => binary('pow', total, inverse))
}

/** A root whose gradient at 0 is 0, as PyTorch's norm has it, instead of 0 · ∞. */
function root(total: Node, of: (total: Node) => Node): Node {
  const zero = constant(0, total.shape, total.dtype)
  const isZero = make('eq', [total, zero], {})
  const safe = where(isZero, constant(1, total.shape, total.dtype), total)
  return where(isZero, zero, of(safe))
}

/** NaN is above all numbers and equal to itself, so that every value has a place. */
const isNan = (x: Node): Node => make('ne', [x, x], {})

function above(a: Node, b: Node): Node {
  const larger = make('lt', [b, a], {})
  if (a.dtype !== 'f32') return larger
  return make('or', [larger, make('and', [isNan(a), make('eq', [b, b], {})], {})], {})
}

function equal(a: Node, b: Node): Node {
  const same = make('eq', [a, b], {})
  return a.dtype === 'f32' ? make('or', [same, make('and', [isNan(a), isNan(b)], {})], {}) : same
}

/**
 * Values and positions along an axis in order. Every element counts those that come before it
 * (equal ones by position, so the order is stable), which takes O(n²) comparisons but no memory.
 */
export function sort(x: Node, dim: number, descending: boolean): [values: Node, indices: Node] {
  const axis = normalizeAxis(dim, x.shape.length, 'sort')
  const wide = [...x.shape, x.shape[axis]!]
  const mine = make('expand', [unsqueeze(x, -1)], { shape: wide })
  const last = x.shape.flatMap((_, i) => (i === axis ? [] : [i])).concat(axis)
  const moved = unsqueeze(make('permute', [x], { order: last }), axis)
  const others = make('expand', [moved], { shape: wide })
  const ahead = descending ? above(others, mine) : above(mine, others)
  const earlier = make('lt', [iota(wide, wide.length - 1), iota(wide, axis)], {})
  const tie = make('and', [equal(mine, others), earlier], {})
  const rank = sum(make('or', [ahead, tie], {}), -1)
  const zeros = constant(0, x.shape, 'i32')
  const indices = make('scatterAdd', [zeros, rank, iota(x.shape, axis)], { axis })
  return [make('gather', [x, indices], { axis }), indices]
}

export function topk(
  x: Node,
  k: number,
  dim: number,
  largest: boolean,
): [values: Node, indices: Node] {
  const axis = normalizeAxis(dim, x.shape.length, 'topk')
  if (k < 0 || k > x.shape[axis]!) {
    throw new BrickError({
      kind: 'argument',
      where: 'topk',
      got: `k = ${k}`,
      wanted: `0 … ${x.shape[axis]}`,
    })
  }
  const [, indices] = sort(x, axis, largest)
  const first = narrow(indices, axis, 0, k)
  return [make('gather', [x, first], { axis }), first]
}

export const cumsum = (x: Node, dim: number): Node =>
  make('cumsum', [countable(x)], { axis: normalizeAxis(dim, x.shape.length, 'cumsum') })
