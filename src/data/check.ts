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

/** @throws BrickError `argument` if this is no dataset. */
export function checkDataset(value: unknown, where: string): void {
  const { get, gather, iterate } = (value ?? {}) as Readonly<Record<string, unknown>>
  if ([get, gather, iterate].some((method) => typeof method === 'function')) {
    if (!(value instanceof Map)) return
  }
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: 'a dataset',
    got: Array.isArray(value) ? 'an array' : typeof value,
    remedy: 'Make one: new ArrayDataset({ name, inputs, targets }), or extend data.Dataset.',
  })
}
