import { requireRange } from './optimizer.ts'

/** Checks of options that several optimisers have. */

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
