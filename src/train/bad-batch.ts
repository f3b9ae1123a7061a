import { BrickError } from '../base/errors.ts'
import type { Batch } from '../data/dataloader.ts'

/** The error of a batch whose inputs or targets are not finite; undefined if they are. */
export function badBatch([inputs, targets]: Batch, place: string): BrickError | undefined {
  for (const [what, { shape, data }] of Object.entries({ inputs, targets })) {
    const at = data.findIndex((value: number) => !Number.isFinite(value))
    if (at < 0) continue
    const example = Math.floor(at / (data.length / (shape[0] ?? 1)))
    return new BrickError({
      kind: 'numeric',
      where: `${place}: ${what}`,
      wanted: 'finite numbers in the batch',
      got: `${data[at]} at its example ${example}`,
      remedy: 'Fill or leave out missing values, and look at what map and augment do.',
    })
  }
  return undefined
}
