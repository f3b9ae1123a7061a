import { BrickError } from '../../base/errors.ts'

/** A size, or one that depends on the batch: scale · batch + offset. */
export type Dim = number | { readonly scale: number; readonly offset: number }

/** The two batch sizes that a network is traced with; sizes that differ tell how they depend on it. */
export const BATCHES = [2, 3] as const

/** A size by what it was for each of {@link BATCHES}. */
export function dimOf(first: number, second: number, where: string): Dim {
  if (first === second) return first
  const scale = (second - first) / (BATCHES[1] - BATCHES[0])
  const offset = first - scale * BATCHES[0]
  if (Number.isInteger(scale) && Number.isInteger(offset)) return { scale, offset }
  throw dependsOnBatch(where, `a size of ${first} or ${second}`)
}

export const sameDim = (a: Dim, b: Dim): boolean =>
  typeof a === 'number' || typeof b === 'number'
    ? a === b
    : a.scale === b.scale && a.offset === b.offset

export function dependsOnBatch(where: string, got: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `onnx export${where ? `: ${where}` : ''}`,
    got: `${got}, which depends on the batch size`,
    wanted: 'the same computation for every batch size',
    remedy:
      'Say which dim is the batch (batchDims), or export for one size: { dynamicBatch: false }.',
  })
}
