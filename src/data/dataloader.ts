import { BrickError } from '../base/errors.ts'
import { BatchMaker, type BatchTransform } from './batch-maker.ts'
import { checkDataset, checkWhole } from './check.ts'
import { type Batch, type Collate, stack } from './collate.ts'
import { type Dataset, type Draw, type Example, isGatherer } from './dataset.ts'
import { IterableDataset } from './iterable.ts'
import type { Crew } from './loader-crew.ts'
import type { Normalization } from './normalize.ts'
import { permutation } from './random.ts'
import type { BatchSampler, Sampler } from './sampler.ts'

export type { Batch } from './collate.ts'

/** Where a loader stands: all that a checkpoint needs to go on with the same batches. */
export interface DataPosition {
  readonly seed: number
  /** Full passes over the data that are done. */
  readonly epoch: number
  /** Batches of the running epoch that were handed out. */
  readonly batch: number
}

export interface DataLoaderOptions<T = Example, B = Batch> {
  /** Examples in a batch. Default 32. */
  readonly batchSize?: number
  /** A new random order in each epoch. Default false. */
  readonly shuffle?: boolean
  /** Which random orders and changes; a whole number from 0. Default 0. */
  readonly seed?: number
  /** Leaves out the last batch of an epoch if it is smaller. Default false. */
  readonly dropLast?: boolean
  /**
   * How inputs become f32: see {@link Normalization}. Default: bytes are scaled to 0 … 1, others
   * stay as they are. `false` keeps bytes too.
   */
  readonly normalize?: Normalization | false
  /**
   * Changes the inputs of each batch at random, such as `data.transforms.compose(…)`: after they
   * are scaled, before mean and std are taken out.
   */
  readonly transform?: BatchTransform
  /** Makes a batch of items. Default {@link stack}. */
  readonly collate?: Collate<T, B>
  /** Which examples, in which order, instead of `shuffle`. */
  readonly sampler?: Sampler
  /** Which examples in each batch, instead of `batchSize`, `shuffle` and `dropLast`. */
  readonly batchSampler?: BatchSampler
  /**
   * Worker threads that make the batches. The batches are the same at any number. Default 0: this
   * thread makes them. Datasets that iterate have one at most.
   */
  readonly workers?: number
  /**
   * Keeps the worker threads after a whole epoch for the next one, and with them what their
   * datasets have cached, until `close()`. Default false: each epoch starts its own.
   */
  readonly persistentWorkers?: boolean
  /** Batches that are made ahead, by each worker. Default 2. */
  readonly prefetch?: number
  /** Milliseconds without the next batch after which workers are given up. Default 300,000. */
  readonly timeout?: number
}

/** What a loader reads. */
export type AnyDataset<T> = Dataset<T> | IterableDataset<T>

/**
 * Mini-batches of a dataset, over and over. Iterating it hands out the rest of the running epoch
 * and moves {@link position}; the batches depend on the seed and the epoch only, so a loader that
 * is restored to a position goes on with exactly the same ones. Leaving the loop early ends the
 * worker threads.
 *
 * @throws BrickError `argument` for an empty dataset or an impossible option.
 * @example
 * ```ts
 * const loader = new DataLoader(train, { batchSize: 64, shuffle: true, seed: 1 })
 * for await (const [inputs, targets] of loader) console.log(inputs.shape, targets.shape)
 * ```
 */
export class DataLoader<T = Example, B = Batch> {
  readonly dataset: AnyDataset<T>
  readonly batchSize: number
  readonly shuffle: boolean
  readonly dropLast: boolean
  #position: DataPosition
  readonly #options: DataLoaderOptions<T, B>
  readonly #maker: BatchMaker<T, B>
  /** Worker threads that wait for the next epoch. */
  #crew: Crew | undefined

  constructor(dataset: AnyDataset<T>, options: DataLoaderOptions<T, B> = {}) {
    const { batchSize = 32, shuffle = false, seed = 0, dropLast = false } = options
    checkOptions(options)
    checkDataset(dataset, 'DataLoader')
    checkCombination(dataset, options)
    this.dataset = dataset
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
    this.#options = options
    this.#position = { seed, epoch: 0, batch: 0 }
    this.#maker = new BatchMaker(dataset, {
      normalize: options.normalize,
      transform: options.transform,
      collate: options.collate ?? (stack as unknown as Collate<T, B>),
    })
    if (this.length === 0) throw noBatches(dataset, batchSize)
  }

  /** Batches in an epoch; NaN for a dataset that iterates and doesn't know its length. */
  get length(): number {
    const { sampler, batchSampler } = this.#options
    if (batchSampler) return batchSampler.length
    const batches = (sampler?.length ?? this.dataset.length ?? Number.NaN) / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** Where iterating goes on. Inside a loop over the loader: after the batch at hand. */
  get position(): DataPosition {
    return this.#position
  }

  /**
   * Goes to a saved position.
   *
   * @throws BrickError `argument` if the position isn't one of this loader's.
   */
  restore({ seed, epoch, batch }: DataPosition): void {
    checkWhole('DataLoader: position', 'seed', seed, 0)
    checkWhole('DataLoader: position', 'epoch', epoch, 0)
    checkWhole('DataLoader: position', 'batch', batch, 0)
    if (batch >= this.length) {
      throw new BrickError({
        kind: 'argument',
        where: 'DataLoader: position',
        wanted: `a batch from 0 to ${this.length - 1}`,
        got: `${batch}`,
        remedy: 'Resume with the same dataset, batchSize and dropLast.',
      })
    }
    this.#position = { seed, epoch, batch }
  }

  /**
   * The batches of an epoch, from one of them on, made one by one by this thread; the loader's
   * position stays where it is.
   *
   * @throws BrickError `argument` for a dataset that is not made of arrays: its items are waited for.
   * @example
   * ```ts
   * const [first] = loader.batches(0)
   * ```
   */
  *batches(epoch = this.#position.epoch, from = 0): Generator<B, void, undefined> {
    const { seed } = this.#position
    if (!isGatherer(this.dataset)) throw needsWaiting(this.dataset.name)
    const plan = this.#plan(seed, epoch)
    for (let batch = from; batch < this.length; batch++) {
      yield this.#maker.make(plan(batch), { seed, epoch }) as B
    }
  }

  /** The rest of the running epoch. The next loop begins the next epoch. */
  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    const { seed, epoch, batch: from } = this.#position
    let batch = from
    for await (const made of this.#made(seed, epoch, from)) {
      batch++
      this.#position =
        batch === this.length ? { seed, epoch: epoch + 1, batch: 0 } : { seed, epoch, batch }
      yield made
    }
    this.#position = { seed, epoch: epoch + 1, batch: 0 }
  }

  /** The rows of each batch of an epoch. */
  #plan(seed: number, epoch: number): (batch: number) => Int32Array {
    const { sampler, batchSampler } = this.#options
    if (batchSampler) {
      const batches = batchSampler.batches(seed, epoch)
      return (batch) => batches[batch]!
    }
    const length = this.dataset.length ?? 0
    const order = sampler
      ? sampler.order(seed, epoch)
      : this.shuffle
        ? permutation(length, seed, epoch)
        : Int32Array.from({ length }, (_, i) => i)
    return (batch) => order.subarray(batch * this.batchSize, (batch + 1) * this.batchSize)
  }

  async *#made(seed: number, epoch: number, from: number): AsyncGenerator<B, void, undefined> {
    const { workers = 0, prefetch = 2 } = this.#options
    const draw = { seed, epoch }
    if (workers > 0) {
      yield* this.#threaded(draw, from, workers)
    } else if (this.dataset instanceof IterableDataset) {
      yield* this.#maker.stream(draw, this.batchSize, this.dropLast, from)
    } else if (isGatherer(this.dataset)) {
      yield* this.batches(epoch, from)
    } else {
      yield* this.#ahead(draw, from, prefetch)
    }
  }

  async *#threaded(draw: Draw, from: number, workers: number): AsyncGenerator<B, void, undefined> {
    if (!globalThis.process?.versions?.node) throw noThreads(workers)
    const { prefetch = 2, timeout = 300_000, persistentWorkers = false } = this.#options
    const { Crew } = await import('./loader-crew.ts')
    const isStream = this.dataset instanceof IterableDataset
    const most = isStream ? 1 : Math.min(workers, this.length)
    const spec = this.#maker.recipe()
    const crew = this.#crew ?? new Crew({ spec, workers: most, prefetch, timeout })
    this.#crew = undefined
    let isWhole = false
    try {
      if (isStream) {
        const { batchSize, dropLast } = this
        yield* crew.stream<B>(draw, { batchSize, dropLast, from })
      } else {
        const plan = this.#plan(draw.seed, draw.epoch)
        // Each by itself: a message would copy the whole order with every part of it.
        const rows = Array.from({ length: this.length - from }, (_, i) => plan(from + i).slice())
        yield* crew.batches<B>(draw, rows)
      }
      isWhole = true
    } finally {
      if (isWhole && persistentWorkers && !this.#crew) {
        crew.rest()
        this.#crew = crew
      } else await crew.end()
    }
  }

  /** Ends worker threads that wait for the next epoch. */
  async close(): Promise<void> {
    const crew = this.#crew
    this.#crew = undefined
    await crew?.end()
  }

  /** Items are asked for some batches ahead: files are read while the model computes. */
  async *#ahead(
    draw: { seed: number; epoch: number },
    from: number,
    prefetch: number,
  ): AsyncGenerator<B, void, undefined> {
    const plan = this.#plan(draw.seed, draw.epoch)
    const waiting: Promise<B>[] = []
    let next = from
    for (let batch = from; batch < this.length; batch++) {
      for (; next < this.length && next <= batch + prefetch; next++) {
        const made = Promise.resolve(plan(next)).then((rows) => this.#maker.make(rows, draw))
        // Its error is thrown when its turn has come, or never, if the loop is left before.
        made.catch(() => {})
        waiting.push(made)
      }
      yield await waiting.shift()!
    }
  }
}

function checkOptions(options: DataLoaderOptions<never, unknown>): void {
  const { batchSize = 32, seed = 0, workers = 0, prefetch = 2, timeout = 1 } = options
  checkWhole('DataLoader', 'batchSize', batchSize, 1)
  checkWhole('DataLoader', 'seed', seed, 0)
  checkWhole('DataLoader', 'workers', workers, 0)
  checkWhole('DataLoader', 'prefetch', prefetch, 1)
  checkWhole('DataLoader', 'timeout', timeout, 1)
}

/** Options that say the same thing twice, or that a dataset that iterates can't obey. */
function checkCombination(
  dataset: AnyDataset<unknown>,
  options: DataLoaderOptions<never, unknown>,
): void {
  const { shuffle, sampler, batchSampler, batchSize, dropLast } = options
  const isStream = dataset instanceof IterableDataset
  const wrong =
    isStream && (shuffle || sampler || batchSampler)
      ? [
          'no order for a dataset that iterates',
          'shuffle or a sampler',
          'Use dataset.shuffle(buffer).',
        ]
      : batchSampler && (batchSize !== undefined || shuffle || dropLast || sampler)
        ? ['batchSampler alone', 'batchSize, shuffle, dropLast or sampler too', 'Leave them out.']
        : sampler && shuffle
          ? ['sampler or shuffle', 'both', 'Leave out shuffle: the sampler decides the order.']
          : undefined
  if (!wrong) return
  const [wanted, got, remedy] = wrong as [string, string, string]
  throw new BrickError({ kind: 'argument', where: 'DataLoader', wanted, got, remedy })
}

function noThreads(workers: number): BrickError {
  return new BrickError({
    kind: 'argument',
    where: 'DataLoader',
    wanted: 'workers: 0 in a browser',
    got: `${workers}`,
    remedy: 'Leave out workers.',
  })
}

function needsWaiting(name: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `DataLoader: batches() of ${name}`,
    wanted: 'a dataset of arrays',
    got: 'one whose items are waited for',
    remedy: 'Loop over the loader itself: for await (const batch of loader).',
  })
}

function noBatches({ name, length }: AnyDataset<unknown>, batchSize: number): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `DataLoader: ${name}`,
    wanted: length === 0 ? 'examples' : `at least ${batchSize} examples for one full batch`,
    got: `${length}`,
    ...(length ? { remedy: 'Choose a smaller batchSize or leave out dropLast.' } : {}),
  })
}
