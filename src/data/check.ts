import { BrickError } from '../base/errors.ts'

/** Throws unless the value is a whole number of at least `least`. */
export function checkWhole(where: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: `${name} to be a whole number of at least ${least}`,
    got: `${value}`,
  })
}
