import { BrickError } from '../base/errors.ts'
import { type Shape, showShape } from '../base/shape.ts'
import { currentScope } from '../graph/make.ts'

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
