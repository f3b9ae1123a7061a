import { BrickError } from '../base/errors.ts'
import type { Dataset } from '../data/dataset.ts'
import type { ImageSets } from '../vision/image-sets.ts'

/** What a run learns from, chooses by, and is tested on in the end. */
export interface Sets extends ImageSets {
  readonly validation: Dataset
}

/**
 * The sets with so many training examples kept back; without, what tests is also chosen by.
 *
 * @throws BrickError `argument` if none would be left.
 */
export function heldOut({ train, test }: ImageSets, count: number | null, seed: number): Sets {
  if (count === null) return { train, validation: test, test }
  if (count >= train.length) {
    throw new BrickError({
      kind: 'argument',
      where: '--hold-out',
      wanted: `fewer than the ${train.length} training examples of ${train.name}`,
      got: `${count}`,
      remedy: 'Some must be left to learn from.',
    })
  }
  const parts = train.split([train.length - count, count], { seed, stratified: true })
  const [rest, validation] = parts as [Dataset, Dataset]
  return { train: rest, validation, test }
}
