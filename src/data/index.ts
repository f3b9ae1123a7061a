import type { ArchiveOptions } from './archive.ts'
import type { TrainAndTest } from './digits.ts'

/** Datasets, and batches of them. */
export { ArrayDataset, type ArrayDatasetParts } from './array-dataset.ts'
export { type Batch, DataLoader, type DataLoaderOptions, type DataPosition } from './dataloader.ts'
export type { CopyInput, Dataset, Examples, ExampleType } from './dataset.ts'
export { digits, type TrainAndTest } from './digits.ts'
export type { Normalization } from './normalize.ts'
export type { SplitOptions } from './split.ts'
export { type Statistics, statistics } from './statistics.ts'

// These read and cache files: they are fetched when called, so that browsers need none of Node.

/**
 * MNIST: 60,000 handwritten digits to train, 10,000 to test. Inputs u8 `[n, 1, 28, 28]`, targets
 * i32 `[n]`. From `BRICKWORK_DATA/mnist`, the user's cache folder, or downloaded into it once.
 *
 * @throws BrickError `file` for a file that is damaged or can't be written, `network` if no mirror
 * can be reached.
 * @example
 * ```ts
 * const { train, test } = await data.mnist()
 * ```
 */
export async function mnist(options?: ArchiveOptions): Promise<TrainAndTest> {
  return (await import('./mnist.ts')).mnist(options)
}

/**
 * Fashion-MNIST: as {@link mnist}, with ten kinds of clothing.
 *
 * @throws BrickError as {@link mnist}.
 * @example
 * ```ts
 * const { train, test } = await data.fashionMnist()
 * ```
 */
export async function fashionMnist(options?: ArchiveOptions): Promise<TrainAndTest> {
  return (await import('./mnist.ts')).fashionMnist(options)
}
