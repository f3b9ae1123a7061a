import type { ArchiveOptions } from './archive.ts'
import type { ArrayDataset } from './array-dataset.ts'
import type { TrainAndTest } from './digits.ts'
import type { CifarOptions } from './sets/cifar.ts'

/** Datasets, and batches of them. */
export { ArrayDataset, type ArrayDatasetParts } from './array-dataset.ts'
export type { BatchTransform } from './batch-maker.ts'
export {
  type Batch,
  type Collate,
  classTarget,
  type PaddedBatch,
  type PaddedOptions,
  padded,
  stack,
} from './collate.ts'
export {
  type AnyDataset,
  DataLoader,
  type DataLoaderOptions,
  type DataPosition,
} from './dataloader.ts'
export {
  type CopyInput,
  Dataset,
  type Draw,
  type Example,
  type Examples,
  type ExampleType,
  type Gatherer,
  type MapItem,
} from './dataset.ts'
export { digits, type TrainAndTest } from './digits.ts'
export { MeanImage, meanImage } from './images/mean-image.ts'
export { type ColorPca, colorPca } from './images/pca.ts'
export * as transforms from './images/transforms.ts'
export { IterableDataset } from './iterable.ts'
export type { Normalization } from './normalize.ts'
export { Random, randomAt } from './random-stream.ts'
export { load } from './recipe.ts'
export {
  type BatchSampler,
  type BucketOptions,
  bucketSampler,
  type Sampler,
  weightedSampler,
} from './sampler.ts'
export {
  circles,
  gaussians,
  linearlySeparable,
  moons,
  type PointsOptions,
  spiral,
  xor,
} from './sets/points.ts'
export { breastCancer, diabetes, iris, wine } from './sets/tabular.ts'
export type { SplitOptions } from './split.ts'
export { type Statistics, statistics, streamStatistics } from './statistics.ts'
export { type WorkerInfo, workerInfo } from './worker-info.ts'

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

/**
 * CIFAR-10: 50,000 colour images to train, 10,000 to test. Inputs u8 `[n, 3, 32, 32]`, targets i32
 * `[n]`. From `BRICKWORK_DATA/cifar10`, the user's cache folder, or downloaded into it once.
 *
 * @throws BrickError as {@link mnist}.
 * @example
 * ```ts
 * const { train, test } = await data.cifar10()
 * ```
 */
export async function cifar10(options?: ArchiveOptions): Promise<TrainAndTest> {
  return (await import('./sets/cifar.ts')).cifar10(options)
}

/**
 * Files in CIFAR's binary form: records of a label byte and the planes R, G, B of 32 × 32 pixels.
 *
 * @throws BrickError `file` if one can't be read or is cut, `argument` for a label that is no class.
 * @example
 * ```ts
 * const signs = await data.readCifar(['gtsrb32-train.bin.gz'], { name: 'signs' })
 * ```
 */
export async function readCifar(
  paths: readonly string[],
  options: CifarOptions,
): Promise<ArrayDataset> {
  return (await import('./sets/cifar.ts')).readCifar(paths, options)
}
