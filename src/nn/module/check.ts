import { BrickError } from '../../base/errors.ts'
import { type Shape, showShape } from '../../base/shape.ts'
import { currentScope } from '../../graph/make.ts'
import { type Pair, spatial } from '../../tensor/compose/contraction.ts'

/** An error of the layer whose forward is under way; it names the place in the model. */
export function refuseInput(
  shape: Shape,
  wanted: string,
  got = showShape(shape),
  remedy?: string,
): BrickError {
  const where = currentScope() || 'nn'
  return new BrickError({ kind: 'shape', where, got, wanted, ...(remedy ? { remedy } : {}) })
}

/** Refuses sizes that are not whole numbers ≥ 1. */
export function requireSizes(where: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (!Number.isInteger(size) || size < 1) {
      throw refuseOption(where, `${name} = ${size}`, 'a whole number ≥ 1')
    }
  }
}

/** An error of a constructor's or function's option. */
export function refuseOption(
  where: string,
  got: string,
  wanted: string,
  remedy?: string,
): BrickError {
  return new BrickError({ kind: 'argument', where, got, wanted, ...(remedy ? { remedy } : {}) })
}

/** One size ≥ 1 for each spatial axis. */
export function positiveSizes(where: string, name: string, value: Pair, dims: number): number[] {
  const list = spatial(value, dims, where, name)
  if (list.includes(0)) throw refuseOption(where, `${name} = ${list}`, 'whole numbers ≥ 1')
  return list
}

/** Refuses channels that are no sizes, or that the groups do not divide. */
export function requireChannels(
  where: string,
  inChannels: number,
  outChannels: number,
  groups: number,
): void {
  requireSizes(where, { inChannels, outChannels, groups })
  if (inChannels % groups === 0 && outChannels % groups === 0) return
  const got = `groups = ${groups} for ${inChannels} → ${outChannels} channels`
  throw refuseOption(where, got, 'groups that divide both')
}

/** Refuses a word that is none of those known. */
export function requireWord(
  where: string,
  name: string,
  word: string,
  known: readonly string[],
): void {
  if (!known.includes(word)) throw refuseOption(where, `${name} = '${word}'`, known.join(', '))
}

/** Refuses a number outside [low, high]. */
export function requireWithin(
  where: string,
  name: string,
  value: number,
  [low, high]: readonly [low: number, high: number],
): void {
  if (value >= low && value <= high) return
  const wanted = high === Number.POSITIVE_INFINITY ? `a number ≥ ${low}` : `from ${low} to ${high}`
  throw refuseOption(where, `${name} = ${value}`, wanted)
}
