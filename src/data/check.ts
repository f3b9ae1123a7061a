import { BrickError } from '../base/errors.ts'
import type { Dataset } from './dataset.ts'

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

/** @throws BrickError `argument` if this is no dataset. */
export function checkDataset(value: unknown, where: string): asserts value is Dataset {
  const { input, target, gather } = (value ?? {}) as Partial<Dataset>
  if (input && target && typeof gather === 'function') return
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: 'a dataset',
    got: Array.isArray(value) ? 'an array' : typeof value,
    remedy: 'Make one: new ArrayDataset({ name, inputs, targets }).',
  })
}
