import { flatten } from '../graph/ops/movement.ts'
import type { Target } from '../loop/target.ts'
import { type Axis, type Contraction, extentOf, swapped } from './contraction.ts'
import { tiling } from './cut.ts'
import { strideIn } from './nest.ts'
import { loopPosition, symbolic } from './position.ts'

/** Multiply-adds of vectors that take the time of packing an element of b, and of a store apart from its neighbours. */
const PACKING = 0.35
const SCATTERED = 6
/** The other way round must take less than this share. */
const WORTHWHILE = 0.9

/**
 * Turns a contraction so that n, the side that vectors run along, holds the output's innermost axis;
 * or the other way round where that wastes so much less of the vectors that the output's elements
 * can be stored one by one.
 */
export function contractionSwap(contraction: Contraction, target: Target): Contraction {
  const { node, loops, m } = contraction
  const out = flatten(
    node.attrs.out.map((label) => loopPosition(loops.get(label)!)),
    node.shape,
    symbolic,
  )
  const innermost = m.some(({ loop, span }) => strideIn(out, loop, span) === 1)
  const along = innermost ? swapped(contraction) : contraction
  const across = swapped(along)
  const scattered = (SCATTERED * extentOf(m) * extentOf(contraction.n)) / extentOf(contraction.k)
  const extra = scattered * target.lanes
  const turns = workOf(across, target) + extra < WORTHWHILE * workOf(along, target)
  return summedInOrder(turns ? { ...across, n: asTheyLie(across.n, 1) } : along)
}

/** Axes in the order in which they lie in an operand. Where elements are stored one by one, any order of n will do. */
const asTheyLie = (axes: readonly Axis[], which: 0 | 1): Axis[] =>
  axes.toSorted((x, y) => y.strides[which] - x.strides[which])

/** A sum over several axes in the order in which they lie in the larger operand. */
function summedInOrder(contraction: Contraction): Contraction {
  const { m, n, k } = contraction
  const larger = extentOf(n) >= extentOf(m) ? 1 : 0
  return k.length > 1 ? { ...contraction, k: asTheyLie(k, larger) } : contraction
}

/** What a contraction takes for each k. By the table's costs: which way round decides the order of additions. */
function workOf(contraction: Contraction, { tiles: _, ...target }: Target): number {
  return tiling(contraction, target).work + PACKING * target.lanes * extentOf(contraction.n)
}
