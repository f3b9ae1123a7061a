import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { type AnyDataset, type Batch, DataLoader } from '../data/dataloader.ts'
import type { Example } from '../data/dataset.ts'
import { IterableDataset } from '../data/iterable.ts'
import { uniformAt } from '../data/random.ts'
import type { Module } from '../nn/module/module.ts'
import { EMA } from '../optim/ema.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Schedule } from '../optim/schedules/schedule.ts'
import { generator } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Accumulator } from './accumulator.ts'
import { badBatch } from './bad-batch.ts'
import { ClassCheck } from './class-check.ts'
import { Evaluator, tensorsOf } from './evaluate.ts'
import type { EventListener } from './events.ts'
import { type Best, type EpochRecord, follow, monitored, type Scores } from './history.ts'
import { asArgument } from './mixing.ts'
import { NanWatch } from './nan-watch.ts'
import type { Settings } from './options.ts'
import { Pipeline } from './pipeline.ts'
import { scheduleFor } from './scheduling.ts'
import { type Arrays, copyOf, putBack, servedArrays, statesOf } from './session-state.ts'
import { type StepArguments, type StepKind, Steps } from './steps.ts'
import { Tally } from './tally.ts'

/** Steps whose results may be unread while the next ones are made. */
const LAG = 3
/** Random numbers of mixing are apart from those of the loader, which has streams from −1 on. */
const MIX_STREAM = -2

/** A run under way: model, optimiser, data, and all that a checkpoint must hold. */
export class Session {
  readonly model: Module
  readonly settings: Settings
  readonly loader: DataLoader
  readonly optimizer: Optimizer
  /** The groups' learning rates as the optimiser was made with. */
  readonly initialLrs: readonly number[]
  readonly schedule: Schedule | undefined
  readonly ema: EMA | undefined
  readonly tally: Tally
  history: EpochRecord[] = []
  best: Best | undefined
  /** Time spent in the running epoch before it was interrupted. */
  seconds = 0
  /** Steps of all epochs. */
  batches = 0
  readonly #evaluator: Evaluator | undefined
  readonly #watch: NanWatch | undefined
  readonly #accumulator: Accumulator | undefined
  readonly #steps: Steps
  readonly #classes = new ClassCheck('train.fit')
  /** Time in which the running epoch waited for its batches. */
  #waited = 0
  /** The rate of the last step. */
  #lr: number
  #bestArrays: Arrays | undefined

  constructor(model: Module, trainSet: AnyDataset<Example>, settings: Settings) {
    const { normalize, metrics, validation } = settings
    const loss = settings.validationLoss ?? settings.loss
    const given = normalize === undefined ? {} : { normalize }
    this.model = model
    this.settings = settings
    this.loader = loaderFor(trainSet, settings)
    this.optimizer = settings.optimizer(model)
    checkTrainable(this.optimizer)
    this.initialLrs = this.optimizer.groups.map(({ lr }) => lr)
    this.schedule = scheduleFor(this.optimizer, settings)
    this.ema = settings.ema && new EMA(model, settings.ema)
    this.#lr = this.optimizer.lr
    this.tally = new Tally(metrics)
    this.#evaluator = validation && new Evaluator(model, { loss, metrics, ...given })
    const { optimizer, tally, ema } = this
    if (settings.accumulate > 1) {
      this.#accumulator = new Accumulator(optimizer.parameters, optimizer.names)
    }
    const accumulator = this.#accumulator
    this.#steps = new Steps({
      model,
      optimizer,
      settings,
      tally,
      accumulator,
      ema,
      classes: this.#classes,
    })
    const states = () => [...this.states.values(), generator.key]
    this.#watch = settings.debugNan ? new NanWatch(states) : undefined
  }

  /** Model, optimiser and what else a step changes, by the names in a checkpoint. */
  get states(): Map<string, Tensor> {
    return statesOf(this.model, {
      optimizer: this.optimizer.stateDict(),
      ema: this.emaStates,
      accumulated: this.accumulated,
    })
  }

  /** The averages by all names of their parameters, and what else the average is. */
  get emaStates(): Record<string, Tensor> {
    const { ema } = this
    if (!ema) return {}
    const averageOf = new Map(ema.parameters.map((p, i) => [p, ema.averages[i]!]))
    const named = Object.entries(this.model.stateDict()).flatMap(([name, state]) => {
      const average = averageOf.get(state)
      return average ? [[name, average] as const] : []
    })
    return { ...Object.fromEntries(named), updates: ema.updates }
  }

  /** What an interrupted update has gathered. */
  get accumulated(): Record<string, Tensor> {
    return this.#accumulator?.states ?? {}
  }

  /** To be called when states of an earlier run were loaded. */
  async resumed(): Promise<void> {
    await this.#accumulator?.lookAtSums()
  }

  /** Epochs that are complete. */
  get epoch(): number {
    return this.history.length
  }

  /**
   * Makes the steps that the running epoch still lacks.
   *
   * @returns Whether the epoch is complete; false if the signal ended it.
   * @throws BrickError `numeric` if the loss is no finite number.
   */
  async trainEpoch(tell: EventListener): Promise<boolean> {
    const { signal } = this.settings
    if (signal?.aborted) return false
    const epoch = this.epoch + 1
    const { epoch: passes, batch: from } = this.loader.position
    const steps = this.loader.length || 0
    const start = performance.now()
    const pipeline = new Pipeline<Note>(this.#watch ? 0 : LAG, async (values, note) => {
      const loss = this.tally.add(values, note.examples)
      if (!Number.isFinite(loss)) {
        this.#classes.check(this.loader.dataset, note.batch, note.step, true)
        throw lossError(loss, epoch, note, steps)
      }
      await tell({ type: 'step', epoch, step: note.step, steps, loss, lr: note.lr })
      if (!note.kind.measures) return
      const found = this.#steps.layers.read(values, this.tally.sizeOf(note.examples))
      await tell({ type: 'statistics', epoch, step: note.step, steps, ...found })
    })
    this.model.train()
    let step = from
    // An earlier run may have stopped after the last batch of a stream, before its last update.
    let isDue = from > 0 && !this.#updatesAt(from)
    let asked = performance.now()
    for await (const batch of this.loader) {
      this.#waited += (performance.now() - asked) / 1000
      const note = this.#noteOf(batch, ++step)
      await this.#makeStep(batch, note, pipeline)
      isDue = !note.kind.updates
      if (note.kind.updates) this.#afterUpdate()
      if (signal?.aborted) break
      asked = performance.now()
    }
    const isComplete = this.loader.position.epoch > passes
    if (isComplete && isDue) this.#updateByRest()
    await pipeline.drain()
    this.seconds += (performance.now() - start) / 1000
    return isComplete
  }

  #afterUpdate(): void {
    if (this.settings.scheduleEvery === 'step') this.schedule?.step()
  }

  /** The update that a loader of unknown length leaves in the end. */
  #updateByRest(): void {
    this.#steps.updateByRest()
    this.#afterUpdate()
  }

  #updatesAt(step: number): boolean {
    return step % this.settings.accumulate === 0 || step === this.loader.length
  }

  #noteOf(batch: Batch, step: number): Note {
    const { statistics } = this.settings
    const updates = this.#updatesAt(step)
    const measures = statistics !== undefined && this.batches % statistics.every === 0
    this.batches++
    this.#lr = this.optimizer.lr
    const examples = batch[0].shape[0]!
    return { step, examples, batch, kind: { updates, measures }, lr: this.#lr }
  }

  #argumentsOf(batch: Batch): StepArguments {
    const { mix, seed } = this.settings
    if (!mix) return tensorsOf(batch)
    const stream = MIX_STREAM - this.batches
    let index = 0
    const drawn = mix.draw(() => uniformAt(seed, stream, index++), batch[0].shape)
    return [...tensorsOf(batch), asArgument(drawn)]
  }

  async #makeStep(batch: Batch, note: Note, pipeline: Pipeline<Note>): Promise<void> {
    const { kind, step } = note
    const args = this.#argumentsOf(batch)
    if (!this.#watch) {
      const result = this.#steps.run(kind, args)
      this.#classes.check(this.loader.dataset, batch, step)
      return pipeline.push(result, note)
    }
    const place = `epoch ${this.epoch + 1}, step ${step}`
    await this.#watch.before(batch)
    const result = this.#steps.run(kind, args)
    await this.#watch.after(result, () => this.#steps.body(kind, args), place)
    await pipeline.push(result, note)
  }

  /**
   * Closes a complete epoch: validates, and compares with the best one.
   *
   * @throws BrickError `numeric` if a weight or the validation loss is no finite number.
   */
  async closeEpoch(): Promise<{ record: EpochRecord; isBest: boolean }> {
    const { validation, monitor, metrics, earlyStopping } = this.settings
    const start = performance.now()
    const train = this.tally.scores()
    const scores = validation && (await this.#served(() => this.#validate(validation)))
    const seconds = this.seconds + (performance.now() - start) / 1000
    const record = {
      epoch: this.epoch + 1,
      train,
      ...(scores ? { validation: scores } : {}),
      lr: this.#lr,
      seconds,
      loading: this.#waited,
    }
    const goal = metrics.find(({ name }) => name === monitor)?.goal ?? 'min'
    const { best, isBest } = follow(this.best, record, monitor, goal, earlyStopping?.minDelta ?? 0)
    this.history.push(record)
    this.best = best
    this.tally.clear()
    this.seconds = 0
    this.#waited = 0
    if (this.settings.scheduleEvery === 'epoch') this.schedule?.step(monitored(record, monitor))
    return { record, isBest }
  }

  /** Runs `body` with the averaged weights, if the run keeps an average. */
  #served<T>(body: () => Promise<T>): Promise<T> {
    return this.ema ? this.ema.applied(body) : body()
  }

  async #validate(validation: AnyDataset<Example>): Promise<Scores> {
    const scores = (await this.#evaluator!.run(validation)).scores()
    if (Number.isFinite(scores.loss)) return scores
    throw new BrickError({
      kind: 'numeric',
      where: `train.fit: validation after epoch ${this.epoch + 1}`,
      wanted: 'a finite loss',
      got: `${scores.loss}`,
      remedy: lossRemedy,
    })
  }

  /** Copies of model and optimiser. Weights that are not finite are refused: a checkpoint with them is none. */
  async snapshot(): Promise<Arrays> {
    const arrays = await copyOf(this.states)
    for (const name of Object.keys(this.model.namedParameters())) {
      const { data } = arrays.get(name)!
      if (data.every(Number.isFinite)) continue
      throw new BrickError({
        kind: 'numeric',
        where: `train.fit: ${name} after epoch ${this.epoch}`,
        wanted: 'finite weights',
        got: 'NaN or ∞',
        remedy: lossRemedy,
      })
    }
    return arrays
  }

  /** Keeps the model as the best one, for {@link restoreBest}. */
  keepBest(arrays: Arrays): void {
    this.#bestArrays = servedArrays(arrays)
  }

  /**
   * Gives the model the best epoch's weights.
   *
   * @param stored Gets them from the checkpoint, if an earlier part of the run had them.
   */
  async restoreBest(stored: () => Promise<ReadonlyMap<string, ArrayView> | undefined>) {
    const arrays = this.#bestArrays ?? (await stored())
    if (arrays) await putBack(new Map(Object.entries(this.model.stateDict())), arrays)
    return arrays !== undefined
  }
}

interface Note {
  /** From 1, within the epoch. */
  readonly step: number
  readonly examples: number
  /** Kept until its loss is known to be a number. */
  readonly batch: Batch
  readonly kind: StepKind
  readonly lr: number
}

/** @throws BrickError `argument` if all parameters are frozen. */
function checkTrainable({ parameters }: Optimizer): void {
  if (parameters.some(({ requiresGrad }) => requiresGrad)) return
  throw new BrickError({
    kind: 'argument',
    where: 'train.fit: model',
    wanted: 'at least one parameter to train',
    got: `${parameters.length} parameters, all of them frozen`,
    remedy: 'Thaw what is to be trained: model.requiresGrad_().',
  })
}

const lossRemedy =
  'Lower the learning rate, check that targets are classes that the model has, or find the operation with debugNan: true (--debug-nan).'

function lossError(loss: number, epoch: number, { step, batch }: Note, steps: number): BrickError {
  const where = `train.fit: epoch ${epoch}, step ${step}${steps ? ` of ${steps}` : ''}`
  const parts = { kind: 'numeric', where, wanted: 'a finite loss', got: `${loss}` } as const
  return badBatch(batch, where) ?? new BrickError({ ...parts, remedy: lossRemedy })
}

/** The loader of a run: its batches, their order and what is done to them. */
function loaderFor(trainSet: AnyDataset<Example>, settings: Settings): DataLoader {
  const { batchSize, shuffle, seed, normalize, augment, loading } = settings
  const isOrdered = loading?.sampler !== undefined || trainSet instanceof IterableDataset
  const order = loading?.batchSampler ? {} : { batchSize, shuffle: shuffle && !isOrdered }
  return new DataLoader(trainSet, {
    ...order,
    seed,
    ...(normalize === undefined ? {} : { normalize }),
    ...(augment ? { transform: augment } : {}),
    persistentWorkers: true,
    ...loading,
  })
}
