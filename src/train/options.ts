import { BrickError } from '../base/errors.ts'
import type { BatchTransform } from '../data/batch-maker.ts'
import type { AnyDataset, DataLoaderOptions } from '../data/dataloader.ts'
import type { Example } from '../data/dataset.ts'
import type { Normalization } from '../data/normalize.ts'
import type { OptimizerFactory } from '../optim/optimizer.ts'
import type { EventListener } from './events.ts'
import type { Metric } from './metrics.ts'
import type { Json } from './run-state.ts'
import type { LossFunction } from './tally.ts'

/** When to stop before the last epoch. */
export interface EarlyStopping {
  /** Epochs without an improvement that are borne. A whole number from 1. */
  readonly patience: number
  /** What counts as an improvement: more than this. Default 0. */
  readonly minDelta?: number
  /** Gives the model the weights of the best epoch in the end. Default true. */
  readonly restoreBest?: boolean
}

export interface FitOptions {
  /** Mean over a batch: `nn.crossEntropy`. */
  readonly loss: LossFunction
  /** How the weights are changed: `optim.adam({ lr: 1e-3 })`. */
  readonly optimizer: OptimizerFactory
  /** Passes over the data, in all: a resumed run counts those it has done. Default 1. */
  readonly epochs?: number
  /** Examples in a step. Default 32. */
  readonly batchSize?: number
  /** Measured after each epoch, in evaluation mode. */
  readonly validation?: AnyDataset<Example>
  readonly metrics?: readonly Metric[]
  /** Order of the data, and random numbers of the steps (dropout). Default 0. */
  readonly seed?: number
  /** A new random order in each epoch. Default true; a dataset that iterates, or a sampler, decides its order itself. */
  readonly shuffle?: boolean
  /** How inputs become f32, for training and validation: as `DataLoader`'s. */
  readonly normalize?: Normalization | false
  /** Changes the inputs of each training batch at random: `data.transforms.compose(…)`. */
  readonly augment?: BatchTransform
  /** How training batches are made: as `DataLoader`'s options of these names. */
  readonly loading?: Pick<
    DataLoaderOptions,
    | 'workers'
    | 'persistentWorkers'
    | 'prefetch'
    | 'collate'
    | 'sampler'
    | 'batchSampler'
    | 'dropLast'
    | 'timeout'
  >
  /** What makes an epoch the best: 'loss' (default) or a metric's name; of the validation set if there is one. */
  readonly monitor?: string
  readonly earlyStopping?: EarlyStopping
  /** Folder for checkpoints after each epoch. Default: none are written. */
  readonly out?: string
  /** Goes on with the run in `out`, exactly where it stopped. */
  readonly resume?: boolean
  /** What else the run's folder should say of it: JSON for `config.json` and the checkpoints. */
  readonly config?: { readonly [key: string]: Json | undefined }
  readonly onEvent?: EventListener
  /** Stops after the current step, with a checkpoint if there is a folder. */
  readonly signal?: AbortSignal
  /**
   * What is shown in the terminal: a bar and a line an epoch, lines only, or nothing. Default: a
   * bar on a terminal, lines in a pipe, nothing in a browser.
   */
  readonly progress?: 'bar' | 'lines' | 'none'
  /** On NaN, names the operation that produced it first. Slow: keeps a copy of all state. */
  readonly debugNan?: boolean
}

function refuse(name: string, wanted: string, got: unknown, remedy?: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `train.fit: ${name}`,
    wanted,
    got: String(got),
    ...(remedy === undefined ? {} : { remedy }),
  })
}

function checkWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw refuse(name, `a whole number from ${least}`, value)
}

/** The options with what was left out. */
export type Settings = FitOptions &
  Required<Pick<FitOptions, 'epochs' | 'batchSize' | 'seed' | 'shuffle' | 'monitor' | 'metrics'>>

/**
 * Checks the options and fills in what was left out.
 *
 * @throws BrickError `argument`.
 */
export function settingsOf(options: FitOptions): Settings {
  const { epochs = 1, batchSize = 32, seed = 0, shuffle = true, monitor = 'loss' } = options
  const { metrics = [], earlyStopping, resume, out } = options
  checkWhole('epochs', epochs, 1)
  checkWhole('batchSize', batchSize, 1)
  checkWhole('seed', seed, 0)
  if (typeof options.loss !== 'function') throw refuse('loss', 'a function', typeof options.loss)
  if (typeof options.optimizer !== 'function') {
    const remedy = 'Pass optim.adam({ lr: 1e-3 }), for example.'
    throw refuse('optimizer', 'what an optimiser is made with', typeof options.optimizer, remedy)
  }
  if (!metrics.every((metric) => typeof metric?.measure === 'function')) {
    throw refuse('metrics', 'metrics', metrics, 'Pass [metrics.accuracy], for example.')
  }
  const names = ['loss', ...metrics.map(({ name }) => name)]
  if (!names.includes(monitor)) throw refuse('monitor', names.join(' or '), `'${monitor}'`)
  if (new Set(names).size < names.length) throw refuse('metrics', 'names that differ', names)
  if (earlyStopping) {
    checkWhole('earlyStopping.patience', earlyStopping.patience, 1)
    const { minDelta = 0 } = earlyStopping
    if (!(minDelta >= 0)) throw refuse('earlyStopping.minDelta', 'a number from 0', minDelta)
  }
  if (resume && out === undefined) {
    throw refuse('resume', 'the folder of a run in `out`', 'none', 'Pass out: "runs/…" too.')
  }
  return { ...options, epochs, batchSize, seed, shuffle, monitor, metrics }
}
