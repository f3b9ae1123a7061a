import { BrickError } from '../base/errors.ts'
import type { BatchTransform } from '../data/batch-maker.ts'
import { digits, type TrainAndTest } from '../data/digits.ts'
import { compose } from '../data/images/compose.ts'
import { randomHorizontalFlip } from '../data/images/crops.ts'
import { randomAffine } from '../data/images/geometric.ts'

/** A dataset that the command line knows, and what works well with it. */
export interface DatasetRecord {
  load(): Promise<TrainAndTest>
  readonly defaults: { readonly epochs: number; readonly batch: number; readonly lr: number }
  /** Whether inputs are normalised to mean 0 and standard deviation 1. */
  readonly normalize: boolean
  /** Whether its images are bright ink on black, so that a photo of a digit can be brought into that form. */
  readonly isInk: boolean
  /** Random changes after which an example is still of its class: for `--augment`. */
  augment(): BatchTransform
}

/** Handwriting, turned, moved, stretched and slanted a little. */
const slanted = (translate: number): BatchTransform =>
  randomAffine({ degrees: 10, translate: [translate, translate], scale: [0.9, 1.1], shear: 8 })

/** Clothes, turned around and moved a little. */
const turned = (): BatchTransform =>
  compose(randomHorizontalFlip(), randomAffine({ translate: [0.06, 0.06], scale: [0.93, 1.07] }))

const records: Readonly<Record<string, DatasetRecord>> = {
  digits: {
    load: digits,
    defaults: { epochs: 20, batch: 32, lr: 2e-3 },
    normalize: true,
    isInk: true,
    augment: () => slanted(0.06),
  },
  mnist: {
    load: async () => (await import('../data/mnist.ts')).mnist(),
    defaults: { epochs: 3, batch: 64, lr: 1e-3 },
    normalize: true,
    isInk: true,
    augment: () => slanted(0.08),
  },
  'fashion-mnist': {
    load: async () => (await import('../data/mnist.ts')).fashionMnist(),
    defaults: { epochs: 5, batch: 64, lr: 1e-3 },
    normalize: true,
    isInk: true,
    augment: turned,
  },
}

/** Names for `--data`. */
export const datasetNames: readonly string[] = Object.keys(records)

/**
 * What is known of a dataset.
 *
 * @throws BrickError `unknown`.
 */
export function datasetRecord(name: string): DatasetRecord {
  if (Object.hasOwn(records, name)) return records[name]!
  const wanted = datasetNames.join(', ')
  throw new BrickError({ kind: 'unknown', where: 'dataset', got: `'${name}'`, wanted })
}
