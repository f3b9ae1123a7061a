import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { checkDataset, checkWhole } from './check.ts'
import type { CopyInput, Dataset } from './dataset.ts'
import { type Normalization, normalizer } from './normalize.ts'
import { permutation } from './random.ts'

/** Inputs `[n, …]` and targets `[n, …]` of one step. */
export type Batch = readonly [inputs: ArrayView, targets: ArrayView]

/** Where a loader stands: all that a checkpoint needs to go on with the same batches. */
export interface DataPosition {
  readonly seed: number
  /** Full passes over the data that are done. */
  readonly epoch: number
  /** Batches of the running epoch that were handed out. */
  readonly batch: number
}

export interface DataLoaderOptions {
  /** Examples in a batch. Default 32. */
  readonly batchSize?: number
  /** A new random order in each epoch. Default false. */
  readonly shuffle?: boolean
  /** Which random orders; a whole number from 0. Default 0. */
  readonly seed?: number
  /** Leaves out the last batch of an epoch if it is smaller. Default false. */
  readonly dropLast?: boolean
  /**
   * How inputs become f32: see {@link Normalization}. Default: bytes are scaled to 0 … 1, others
   * stay as they are. `false` keeps bytes too.
   */
  readonly normalize?: Normalization | false
}

/**
 * Mini-batches of a dataset, over and over. Iterating it hands out the rest of the running epoch
 * and moves {@link position}; the order depends on the seed and the epoch only, so a loader that
 * is restored to a position goes on with exactly the same batches.
 *
 * @throws BrickError `argument` for an empty dataset or an impossible option.
 * @example
 * ```ts
 * const loader = new DataLoader(train, { batchSize: 64, shuffle: true, seed: 1 })
 * for await (const [inputs, targets] of loader) console.log(inputs.shape, targets.shape)
 * ```
 */
export class DataLoader {
  readonly dataset: Dataset
  readonly batchSize: number
  readonly shuffle: boolean
  readonly dropLast: boolean
  #position: DataPosition
  readonly #copy: CopyInput | undefined

  constructor(dataset: Dataset, options: DataLoaderOptions = {}) {
    const { batchSize = 32, shuffle = false, seed = 0, dropLast = false, normalize } = options
    checkWhole('DataLoader', 'batchSize', batchSize, 1)
    checkWhole('DataLoader', 'seed', seed, 0)
    checkDataset(dataset, 'DataLoader')
    this.dataset = dataset
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
    this.#position = { seed, epoch: 0, batch: 0 }
    this.#copy = normalize === false ? undefined : normalizer(dataset.input, normalize ?? {})
    if (this.length === 0) throw noBatches(dataset, batchSize)
  }

  /** Batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
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
   * The batches of an epoch, from one of them on; the loader's position stays where it is.
   *
   * @example
   * ```ts
   * const [first] = loader.batches(0)
   * ```
   */
  *batches(epoch = this.#position.epoch, from = 0): Generator<Batch, void, undefined> {
    const { seed } = this.#position
    const { length } = this.dataset
    const order = this.shuffle
      ? permutation(length, seed, epoch)
      : Int32Array.from({ length }, (_, i) => i)
    for (let batch = from; batch < this.length; batch++) {
      const rows = order.subarray(batch * this.batchSize, (batch + 1) * this.batchSize)
      const { inputs, targets } = this.dataset.gather(rows, this.#copy)
      yield [inputs, targets]
    }
  }

  /** The rest of the running epoch. The next loop begins the next epoch. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    const { seed, epoch, batch: from } = this.#position
    let batch = from
    for (const examples of this.batches(epoch, from)) {
      batch++
      this.#position =
        batch < this.length ? { seed, epoch, batch } : { seed, epoch: epoch + 1, batch: 0 }
      yield examples
    }
  }
}

function noBatches({ name, length }: Dataset, batchSize: number): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `DataLoader: ${name}`,
    wanted: length === 0 ? 'examples' : `at least ${batchSize} examples for one full batch`,
    got: `${length}`,
    ...(length > 0 ? { remedy: 'Choose a smaller batchSize or leave out dropLast.' } : {}),
  })
}
