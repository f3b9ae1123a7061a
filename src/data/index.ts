/** Datasets, and batches of them. */
export { ArrayDataset, type ArrayDatasetParts } from './array-dataset.ts'
export * as audio from './audio/audio.ts'
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
export * from './lazy.ts'
export type { Normalization } from './normalize.ts'
export { Random, randomAt } from './random-stream.ts'
export type {
  CorruptImage,
  ImageFolder,
  ImageFolderOptions,
} from './readers/image-folder.ts'
export type { ColumnType, MissingPolicy, Table, TableOptions } from './readers/table.ts'
export type { CsvOptions } from './readers/tables.ts'
export type { Sound } from './readers/wav.ts'
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
export { type ShapesOptions, shapes } from './sets/shapes.ts'
export { breastCancer, diabetes, iris, wine } from './sets/tabular.ts'
export type { SplitOptions } from './split.ts'
export { type Statistics, statistics, streamStatistics } from './statistics.ts'
export { type BpeJson, type BpeOptions, BpeTokenizer } from './text/bpe.ts'
export {
  CharTokenizer,
  type Tokenizer,
  type TokenizerJson,
  tokenizerFromJson,
  type WordOptions,
  WordTokenizer,
} from './text/tokenizer.ts'
export { Vocabulary, type VocabularyJson, type VocabularyOptions } from './text/vocabulary.ts'
export { type WorkerInfo, workerInfo } from './worker-info.ts'
