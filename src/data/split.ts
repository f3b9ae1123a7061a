import { BrickError } from '../base/errors.ts'
import { checkWhole } from './check.ts'
import { permutation } from './random.ts'

export interface SplitOptions {
  /** Which random split; the same seed gives the same one. Default 0. */
  readonly seed?: number
  /** Keeps each class's share in every part (as near as whole examples allow). */
  readonly stratified?: boolean
  /** The items' classes, for a dataset that doesn't know them itself. */
  readonly labels?: ArrayLike<number>
}

/** Apart from the streams of the loader, which are its epochs. */
const SPLIT_STREAM = -1

/**
 * Numbers 0 … length − 1 split at random into parts that share none, each ascending.
 *
 * @param labels The examples' classes, to give each part the same share of each.
 */
export function splitRows(
  length: number,
  parts: number | readonly number[],
  { seed = 0 }: SplitOptions,
  labels?: ArrayLike<number>,
): Int32Array[] {
  checkWhole('split', 'seed', seed, 0)
  const order = permutation(length, seed, SPLIT_STREAM)
  const piles = labels ? [...byClass(order, labels).values()] : [Array.from(order)]
  return countsOf(length, parts).map((count) => Int32Array.from(take(piles, count)).sort())
}

/** The sizes of the parts, checked. */
function countsOf(length: number, parts: number | readonly number[]): number[] {
  const list = typeof parts === 'number' ? [parts, 1 - parts] : [...parts]
  const total = list.reduce((sum, part) => sum + part, 0)
  const isFractions = list.every((part) => part > 0 && part < 1) && Math.abs(total - 1) < 1e-9
  const counts = isFractions ? roundToTotal(list, length) : list
  const fits = counts.every((count) => Number.isInteger(count) && count > 0)
  if (fits && counts.length > 0 && (isFractions || total <= length)) return counts
  throw new BrickError({
    kind: 'argument',
    where: 'split',
    wanted: `a fraction between 0 and 1, fractions that sum to 1, or counts from 1 that sum to at most ${length}`,
    got: JSON.stringify(parts),
    remedy: 'No part may be empty.',
  })
}

/** Whole numbers in these proportions with this sum: the largest remainders are rounded up. */
function roundToTotal(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((a, b) => a + b, 0)
  const exact = weights.map((weight) => (weight * total) / sum)
  const counts = exact.map(Math.floor)
  const missing = total - counts.reduce((a, b) => a + b, 0)
  const order = exact.map((_, i) => i)
  order.sort((a, b) => exact[b]! - counts[b]! - (exact[a]! - counts[a]!) || a - b)
  for (const i of order.slice(0, missing)) counts[i]!++
  return counts
}

/** Removes `count` numbers from the piles, from each in proportion to what it still holds. */
function take(piles: readonly number[][], count: number): number[] {
  const shares = roundToTotal(
    piles.map((pile) => pile.length),
    count,
  )
  return piles.flatMap((pile, i) => pile.splice(0, shares[i]!))
}

function byClass(order: Int32Array, labels: ArrayLike<number>): Map<number, number[]> {
  const piles = new Map<number, number[]>()
  for (const row of order) {
    const label = labels[row]!
    const pile = piles.get(label)
    if (pile) pile.push(row)
    else piles.set(label, [row])
  }
  return piles
}
