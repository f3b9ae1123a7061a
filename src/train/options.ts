import { BrickError } from '../base/errors.ts'
import type { BatchTransform } from '../data/batch-maker.ts'
import type { AnyDataset, DataLoaderOptions } from '../data/dataloader.ts'
import type { Example } from '../data/dataset.ts'
import type { Normalization } from '../data/normalize.ts'
import type { EmaOptions } from '../optim/ema.ts'
import type { OptimizerFactory } from '../optim/optimizer.ts'
import type { ScheduleFactory } from '../optim/schedules/schedule.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { EventListener } from './events.ts'
import type { Metric } from './metrics.ts'
import type { Mixing } from './mixing.ts'
import type { Json } from './run-state.ts'
import type { LossFunction } from './tally.ts'

/** `metrics.csv` for spreadsheets; event files for TensorBoard. */
export type LogKind = 'csv' | 'tensorboard'

/** When to stop before the last epoch. */
export interface EarlyStopping {
  /** Epochs without an improvement that are borne. A whole number from 1. */
  readonly patience: number
  /** What counts as an improvement: more than this. Default 0. */
  readonly minDelta?: number
  /** Gives the model the weights of the best epoch in the end. Default true. */
  readonly restoreBest?: boolean
}

/** `Out`: what the model returns, if it is not one tensor. */
export interface FitOptions<Out = Tensor> {
  /** Mean over a batch: `nn.crossEntropy`. */
  readonly loss: LossFunction<Out>
  /** What the validation set is measured by (default: the same): without label smoothing, say. */
  readonly validationLoss?: LossFunction<Out>
  /** How the weights are changed: `optim.adam({ lr: 1e-3 })`. */
  readonly optimizer: OptimizerFactory
  /** How the learning rate changes: `optim.stepLR({ stepSize: 10 })`. */
  readonly schedule?: ScheduleFactory
  /** Whether the schedule goes on after each `epoch` (default) or each `step` (update). */
  readonly scheduleEvery?: 'epoch' | 'step'
  /** Limits each element of the gradients to [−this, this], before their norm is limited. */
  readonly clipGradValue?: number
  /** Limits the norm of all gradients together. */
  readonly clipGradNorm?: number
  /**
   * Batches for one update: as one batch of all their examples, in the memory of one (default 1).
   * The last update of an epoch takes what is left.
   */
  readonly accumulate?: number
  /** Keeps an average of the weights; validation, the best weights and the model in the end are it. */
  readonly ema?: EmaOptions
  /** Mixes training examples with each other: `train.mixup({ classes: 10 })`. */
  readonly mix?: Mixing
  /**
   * Tells `statistics` events of activations, gradients and weights, every so many steps. Those
   * steps are programs of their own, and may round differently in the last bit.
   */
  readonly statistics?: { readonly every: number }
  /** Passes over the data, in all: a resumed run counts those it has done. Default 1. */
  readonly epochs?: number
  /** Examples in a step. Default 32. */
  readonly batchSize?: number
  /** Measured after each epoch, in evaluation mode. */
  readonly validation?: AnyDataset<Example>
  readonly metrics?: readonly Metric<number, Out>[]
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
  /** Logs in the folder besides `metrics.jsonl` (default both). */
  readonly logs?: readonly LogKind[]
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

const nameOf = (thing: unknown): string =>
  typeof thing === 'function' ? `the function ${thing.name}` : String(thing)

/** The options with what was left out. */
export type Settings = FitOptions &
  Required<
    Pick<
      FitOptions,
      | 'epochs'
      | 'batchSize'
      | 'seed'
      | 'shuffle'
      | 'monitor'
      | 'metrics'
      | 'accumulate'
      | 'scheduleEvery'
    >
  >

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
    const got = metrics.map((metric) => nameOf(metric)).join(', ')
    const remedy = 'Pass [metrics.accuracy, metrics.f1()], for example: some are made by a call.'
    throw refuse('metrics', 'metrics', got, remedy)
  }
  const names = ['loss', ...metrics.map(({ name }) => name)]
  if (!names.includes(monitor)) throw refuse('monitor', names.join(' or '), `'${monitor}'`)
  if (new Set(names).size < names.length) throw refuse('metrics', 'names that differ', names)
  checkUpdates(options)
  if (earlyStopping) {
    checkWhole('earlyStopping.patience', earlyStopping.patience, 1)
    const { minDelta = 0 } = earlyStopping
    if (!(minDelta >= 0)) throw refuse('earlyStopping.minDelta', 'a number from 0', minDelta)
  }
  if (resume && out === undefined) {
    throw refuse('resume', 'the folder of a run in `out`', 'none', 'Pass out: "runs/…" too.')
  }
  const { accumulate = 1, scheduleEvery = 'epoch' } = options
  return {
    ...options,
    epochs,
    batchSize,
    seed,
    shuffle,
    monitor,
    metrics,
    accumulate,
    scheduleEvery,
  }
}

/** Options of how gradients become updates. */
function checkUpdates(options: FitOptions): void {
  const { accumulate = 1, scheduleEvery = 'epoch', schedule, statistics, mix, logs = [] } = options
  checkWhole('accumulate', accumulate, 1)
  if (statistics) checkWhole('statistics.every', statistics.every, 1)
  for (const name of ['clipGradNorm', 'clipGradValue'] as const) {
    const limit = options[name]
    if (limit !== undefined && !(limit > 0)) throw refuse(name, 'a number above 0', limit)
  }
  if (schedule !== undefined && typeof schedule !== 'function') {
    const remedy = 'Pass optim.stepLR({ stepSize: 10 }), for example.'
    throw refuse('schedule', 'what a schedule is made with', typeof schedule, remedy)
  }
  if (!['epoch', 'step'].includes(scheduleEvery)) {
    throw refuse('scheduleEvery', "'epoch' or 'step'", `'${scheduleEvery}'`)
  }
  if (mix && typeof mix.apply !== 'function') {
    throw refuse('mix', 'a way to mix examples', typeof mix, 'Pass train.mixup({ classes: 10 }).')
  }
  const unknown = logs.find((log) => log !== 'csv' && log !== 'tensorboard')
  if (unknown !== undefined) throw refuse('logs', "'csv' and 'tensorboard'", `'${unknown}'`)
}
