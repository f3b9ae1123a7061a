import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { type AnyDataset, type Batch, DataLoader } from '../data/dataloader.ts'
import type { Example } from '../data/dataset.ts'
import { IterableDataset } from '../data/iterable.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { compile } from '../tensor/compile.ts'
import { generator } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { badBatch } from './bad-batch.ts'
import { ClassCheck } from './class-check.ts'
import { Evaluator, tensorsOf } from './evaluate.ts'
import type { EventListener } from './events.ts'
import { type Best, type EpochRecord, follow, type Scores } from './history.ts'
import { NanWatch } from './nan-watch.ts'
import type { Settings } from './options.ts'
import { Pipeline } from './pipeline.ts'
import { type Arrays, copyOf, modelArrays, putBack, statesOf } from './session-state.ts'
import { lossOf, Tally } from './tally.ts'

/** Steps whose results may be unread while the next ones are made. */
const LAG = 3

/** A run under way: model, optimiser, data, and all that a checkpoint must hold. */
export class Session {
  readonly model: Module
  readonly settings: Settings
  readonly loader: DataLoader
  readonly optimizer: Optimizer
  readonly initialLr: number
  readonly tally: Tally
  history: EpochRecord[] = []
  best: Best | undefined
  /** Time spent in the running epoch before it was interrupted. */
  seconds = 0
  readonly #evaluator: Evaluator | undefined
  readonly #watch: NanWatch | undefined
  readonly #step: (x: Tensor, y: Tensor) => Tensor
  #bestArrays: Arrays | undefined
  readonly #classes = new ClassCheck('train.fit')

  constructor(model: Module, trainSet: AnyDataset<Example>, settings: Settings) {
    const { batchSize, shuffle, seed, normalize, metrics, loss, validation } = settings
    const { augment, loading } = settings
    const given = normalize === undefined ? {} : { normalize }
    this.model = model
    this.settings = settings
    const isOrdered = loading?.sampler !== undefined || trainSet instanceof IterableDataset
    const order = loading?.batchSampler ? {} : { batchSize, shuffle: shuffle && !isOrdered }
    this.loader = new DataLoader(trainSet, {
      ...order,
      seed,
      ...given,
      ...(augment ? { transform: augment } : {}),
      persistentWorkers: true,
      ...loading,
    })
    this.optimizer = settings.optimizer(model)
    this.initialLr = this.optimizer.lr
    this.tally = new Tally(metrics)
    this.#evaluator = validation && new Evaluator(model, { loss, metrics, ...given })
    const body = (x: Tensor, y: Tensor) => this.#stepBody(x, y)
    this.#step = compile(body)
    const states = () => [...this.states.values(), generator.key]
    this.#watch = settings.debugNan ? new NanWatch(states, body) : undefined
  }

  /** Model and optimiser, by the names in a checkpoint. */
  get states(): Map<string, Tensor> {
    return statesOf(this.model, this.optimizer)
  }

  /** Epochs that are complete. */
  get epoch(): number {
    return this.history.length
  }

  #stepBody(x: Tensor, y: Tensor): Tensor {
    const output = this.model.forward(x)
    this.#classes.output = output.shape
    const loss = lossOf(this.settings.loss, output, y)
    loss.backward()
    this.optimizer.step()
    return this.tally.pack(loss.detach(), output.detach(), y)
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
    const { epoch: passes } = this.loader.position
    const steps = this.loader.length || 0
    const start = performance.now()
    let step = this.loader.position.batch
    const pipeline = new Pipeline<Note>(this.#watch ? 0 : LAG, (values, note) => {
      const loss = this.tally.add(values, note.examples)
      if (!Number.isFinite(loss)) throw lossError(loss, epoch, note, steps)
      void tell({ type: 'step', epoch, step: note.step, steps, loss })
    })
    this.model.train()
    for await (const batch of this.loader) {
      step++
      await this.#makeStep(batch, { step, examples: batch[0].shape[0]!, batch }, pipeline)
      if (signal?.aborted) break
    }
    await pipeline.drain()
    this.seconds += (performance.now() - start) / 1000
    return this.loader.position.epoch > passes
  }

  async #makeStep(batch: Batch, note: Note, pipeline: Pipeline<Note>): Promise<void> {
    const [x, y] = tensorsOf(batch)
    if (!this.#watch) {
      const result = this.#step(x, y)
      this.#classes.check(this.loader.dataset, batch, note.step)
      return pipeline.push(result, note)
    }
    const place = `epoch ${this.epoch + 1}, step ${note.step}`
    await this.#watch.before(batch)
    const result = this.#step(x, y)
    await this.#watch.after(result, batch, place)
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
    const scores = validation && (await this.#validate(validation))
    const seconds = this.seconds + (performance.now() - start) / 1000
    const record = {
      epoch: this.epoch + 1,
      train,
      ...(scores ? { validation: scores } : {}),
      seconds,
    }
    const goal = metrics.find(({ name }) => name === monitor)?.goal ?? 'min'
    const { best, isBest } = follow(this.best, record, monitor, goal, earlyStopping?.minDelta ?? 0)
    this.history.push(record)
    this.best = best
    this.tally.clear()
    this.seconds = 0
    return { record, isBest }
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
    this.#bestArrays = modelArrays(arrays)
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
}

const lossRemedy =
  'Lower the learning rate, check that targets are classes that the model has, or find the operation with debugNan: true (--debug-nan).'

function lossError(loss: number, epoch: number, { step, batch }: Note, steps: number): BrickError {
  const where = `train.fit: epoch ${epoch}, step ${step}${steps ? ` of ${steps}` : ''}`
  const parts = { kind: 'numeric', where, wanted: 'a finite loss', got: `${loss}` } as const
  return badBatch(batch, where) ?? new BrickError({ ...parts, remedy: lossRemedy })
}
