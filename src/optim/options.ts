import { BrickError } from '../base/errors.ts'

/** Checks of options that several optimisers and schedules have. */

const unit = (v: number): boolean => v >= 0 && v < 1
const natural = (v: number): boolean => v >= 0

/** Fading factors: in [0, 1). */
export function requireFactors(where: string, factors: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(factors)) {
    requireRange(where, name, value, unit, 'a number in [0, 1)')
  }
}

/** Numbers ≥ 0. */
export function requireNatural(where: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    requireRange(where, name, value, natural, 'a number ≥ 0')
  }
}

/** Numbers > 0. */
export function requirePositive(where: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    requireRange(where, name, value, (v) => v > 0, 'a number > 0')
  }
}

/** Whole numbers from `least`. */
export function requireWhole(
  where: string,
  values: Readonly<Record<string, number>>,
  least = 1,
): void {
  for (const [name, value] of Object.entries(values)) {
    const accepts = (v: number) => Number.isSafeInteger(v) && v >= least
    requireRange(where, name, value, accepts, `a whole number from ${least}`)
  }
}

/** The value, if it is a number that the test accepts. */
export function requireRange(
  where: string,
  name: string,
  value: number,
  accepts: (value: number) => boolean,
  wanted: string,
): number {
  if (Number.isFinite(value) && accepts(value)) return value
  throw new BrickError({ kind: 'argument', where, got: `${name} = ${value}`, wanted })
}
