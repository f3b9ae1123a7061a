import { BrickError } from '../base/errors.ts'
import type { ArrayDataset } from '../data/array-dataset.ts'
import type { Dataset } from '../data/dataset.ts'
import { splitRows } from '../data/split.ts'
import { streamStatistics } from '../data/statistics.ts'
import type { Module } from '../nn/module/module.ts'
import { fit as fitModel } from './fit.ts'
import { monitored } from './history.ts'
import type { FitOptions } from './options.ts'
import type { Run } from './run.ts'

/** A part to learn from, and one to check with: no example is in both. */
export interface Fold<Data = ArrayDataset> {
  readonly train: Data
  readonly validation: Data
}

export interface FoldOptions {
  /** Number of folds (default 5), at least 2. */
  readonly folds?: number
  /** Which random split; the same seed gives the same one. Default 0. */
  readonly seed?: number
  /** Keeps each class's share in every fold. */
  readonly stratified?: boolean
}

/**
 * Splits a dataset into k parts; each is the validation set once, and the others are to learn from.
 *
 * @throws BrickError `argument` for fewer than 2 folds, or more than examples, and for `stratified`
 * where no class numbers are known.
 *
 * @example
 * ```ts
 * const folds = train.kFold(dataset, { folds: 4, stratified: true })
 * folds.length // 4
 * ```
 */
export function kFold(dataset: ArrayDataset, options?: FoldOptions): Fold[]
export function kFold(dataset: Dataset, options?: FoldOptions): Fold<Dataset>[]
export function kFold(
  dataset: Dataset,
  { folds = 5, seed = 0, stratified = false }: FoldOptions = {},
): Fold<Dataset>[] {
  const { length, name } = dataset
  if (!Number.isSafeInteger(folds) || folds < 2 || folds > length) {
    throw new BrickError({
      kind: 'argument',
      where: 'train.kFold: folds',
      wanted: `a whole number from 2 to ${length}, the number of examples`,
      got: `${folds}`,
    })
  }
  const share = Math.floor(length / folds)
  const sizes = Array.from({ length: folds }, (_, i) => share + Number(i < length % folds))
  const labels = stratified ? labelsOf(dataset) : undefined
  const parts = splitRows(length, sizes, { seed }, labels)
  return parts.map((rows, i) => {
    const others = parts.filter((_, j) => j !== i).flatMap((part) => [...part])
    return {
      train: dataset.subset(
        others.sort((a, b) => a - b),
        `${name} without fold ${i + 1}`,
      ),
      validation: dataset.subset(rows, `${name} fold ${i + 1}`),
    }
  })
}

function labelsOf(dataset: Dataset): ArrayLike<number> {
  const labels = dataset.labels()
  if (labels) return labels
  throw new BrickError({
    kind: 'argument',
    where: 'train.kFold: stratified',
    wanted: 'a dataset that knows its class numbers',
    got: `${dataset.name}, which knows none`,
    remedy: 'Leave out { stratified: true }.',
  })
}

export type HoldOutOptions = Omit<FoldOptions, 'folds'>

/**
 * Holds a share of a dataset out, to check with.
 *
 * @param share Of the examples, between 0 and 1 (default 0.2).
 * @throws BrickError `argument` if a part would be empty.
 *
 * @example
 * ```ts
 * const { train: trainPart, validation } = train.holdOut(dataset, 0.1, { stratified: true })
 * ```
 */
export function holdOut(dataset: ArrayDataset, share?: number, options?: HoldOutOptions): Fold
export function holdOut(dataset: Dataset, share?: number, options?: HoldOutOptions): Fold<Dataset>
export function holdOut(
  dataset: Dataset,
  share = 0.2,
  { seed = 0, stratified = false }: HoldOutOptions = {},
): Fold<Dataset> {
  const [train, validation] = dataset.split(1 - share, { seed, stratified })
  return { train: train!, validation: validation! }
}

export interface CrossValidationOptions<Data = ArrayDataset>
  extends FoldOptions,
    Omit<FitOptions, 'validation' | 'out' | 'resume' | 'seed'> {
  /**
   * Options that are learnt from the data. It sees the fold's training part alone, so nothing of
   * the validation part leaks: `(part) => ({ normalize: data.statistics(part) })`, which is the
   * default where `normalize` is left out and inputs are u8 or f32.
   */
  readonly prepare?: (train: Data) => Partial<FitOptions> | Promise<Partial<FitOptions>>
}

export interface CrossValidation {
  readonly runs: readonly Run[]
  /** Each fold's best monitored value. */
  readonly values: readonly number[]
  /** Their mean and standard deviation (over n − 1). */
  readonly mean: number
  readonly std: number
}

/**
 * Trains a fresh model on each of k folds and checks it with the rest: an honest guess of how well
 * a kind of model does, and how far it scatters.
 *
 * @param make Makes the untrained model, anew for each fold.
 * @throws BrickError as `train.kFold` and `train.fit` do.
 *
 * @example
 * ```ts
 * const { mean, std } = await train.crossValidate(
 *   () => new nn.Sequential(new nn.Flatten(), new nn.Linear(64, 10)),
 *   dataset,
 *   { folds: 3, loss: nn.crossEntropy, optimizer: optim.adam({ lr: 0.01 }),
 *     metrics: [metrics.accuracy], monitor: 'accuracy', progress: 'none' },
 * )
 * ```
 */
export async function crossValidate(
  make: () => Module,
  dataset: ArrayDataset,
  options: CrossValidationOptions,
): Promise<CrossValidation>
export async function crossValidate(
  make: () => Module,
  dataset: Dataset,
  options: CrossValidationOptions<Dataset>,
): Promise<CrossValidation>
export async function crossValidate<Data extends Dataset>(
  make: () => Module,
  dataset: Data,
  options: CrossValidationOptions<Data>,
): Promise<CrossValidation> {
  const { folds, stratified, prepare, seed = 0, ...rest } = options
  const split = { seed, ...(folds ? { folds } : {}), ...(stratified ? { stratified } : {}) }
  const learn = prepare ?? (rest.normalize === undefined ? standardize : () => ({}))
  const runs: Run[] = []
  // Parts of a dataset of arrays are such again, as the overloads say.
  for (const { train, validation } of kFold(dataset, split) as Fold<Data>[]) {
    const own = { ...rest, seed, ...(await learn(train)), validation }
    runs.push(await fitModel(make(), train, own))
  }
  const values = runs.map(({ best, history }) =>
    best ? best.value : monitored(history.at(-1)!, rest.monitor ?? 'loss'),
  )
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { runs, values, mean, std: Math.sqrt(squares / (values.length - 1)) }
}

/** Inputs to mean 0 and standard deviation 1, by the training part's; numbers of tokens stay. */
async function standardize(train: Dataset): Promise<Partial<FitOptions>> {
  const { input } = await train.get(0)
  return input.dtype === 'i32' ? {} : { normalize: await streamStatistics(train) }
}
