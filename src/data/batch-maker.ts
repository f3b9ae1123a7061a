import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { type Batch, type Collate, stack } from './collate.ts'
import { type CopyInput, type Dataset, type Draw, type ExampleType, isGatherer } from './dataset.ts'
import type { IterableDataset } from './iterable.ts'
import { checkBatchLabels } from './labels.ts'
import { type Normalization, normalizer } from './normalize.ts'
import { type Random, randomAt } from './random-stream.ts'
import { type Recipe, recipeOf } from './recipe.ts'

/**
 * Changes f32 inputs `[n, …]` in place or into new ones; each example has its own random numbers.
 */
export type BatchTransform = (
  inputs: ArrayView<'f32'>,
  randoms: readonly Random[],
) => ArrayView<'f32'>

export interface BatchOptions<T, B> {
  readonly normalize: Normalization | false | undefined
  readonly transform: BatchTransform | undefined
  readonly collate: Collate<T, B>
}

/** What `map` draws has other streams. */
const TRANSFORM_STREAM = 1 << 16

/** Makes batches of rows: the same in this thread and in a worker. */
export class BatchMaker<T, B> {
  readonly #dataset: Dataset<T> | IterableDataset<T>
  readonly #options: BatchOptions<T, B>
  readonly #copy: CopyInput | undefined

  constructor(dataset: Dataset<T> | IterableDataset<T>, options: BatchOptions<T, B>) {
    this.#dataset = dataset
    this.#options = options
    const { normalize, transform } = options
    if (!isGatherer(dataset)) return
    // Of plain bytes or numbers, a transform makes others; the rest of the normalisation follows it.
    const first = transform && normalize !== false ? { scale: normalize?.scale } : normalize
    this.#copy = copyOf(dataset.input, first, transform !== undefined)
    if (normalize) normalizer(dataset.input, normalize)
  }

  /** Whether batches have memory of their own: a collate function may hand out what it keeps. */
  get isFresh(): boolean {
    return this.#options.collate === (stack as unknown)
  }

  /** The batch of these rows. */
  make(rows: Int32Array, draw: Draw): B | Promise<B> {
    const dataset = this.#dataset
    if (isGatherer(dataset) && this.isFresh) {
      const { inputs, targets } = dataset.gather(rows, this.#copy)
      if (!this.#options.transform) return [inputs, targets] as B
      return [this.#change(inputs, rows, draw), targets] as B
    }
    return this.#collected(dataset as Dataset<T>, rows, draw)
  }

  /** The batches of a dataset that iterates, from one of them on. */
  async *stream(draw: Draw, batchSize: number, dropLast: boolean, from = 0) {
    const dataset = this.#dataset as IterableDataset<T>
    let items: T[] = []
    let first = 0
    let isEmpty = true
    const batch = () =>
      this.#collate(
        items,
        Int32Array.from(items, (_, i) => first + i),
        draw,
      )
    for await (const item of dataset.iterate(draw)) {
      items.push(item)
      isEmpty = false
      if (items.length < batchSize) continue
      if (first >= from * batchSize) yield batch()
      first += items.length
      items = []
    }
    if (isEmpty) {
      throw new BrickError({
        kind: 'argument',
        where: `DataLoader: ${dataset.name}`,
        wanted: 'examples',
        got: 'none',
      })
    }
    if (items.length > 0 && !dropLast && first >= from * batchSize) yield batch()
  }

  /** How a worker thread makes the same maker. */
  recipe(): Recipe {
    const { normalize, transform, collate } = this.#options
    const options = {
      normalize,
      transform: transform && recipeOf(transform),
      collate: recipeOf(collate),
    }
    const args = [recipeOf(this.#dataset), options.transform, options.collate, { normalize }]
    return { brickwork: 'recipe', module: import.meta.url, make: 'remadeMaker', args }
  }

  async #collected(dataset: Dataset<T>, rows: Int32Array, draw: Draw): Promise<B> {
    const items = await Promise.all(Array.from(rows, async (row) => dataset.get(row, draw)))
    return this.#collate(items, rows, draw)
  }

  #collate(items: readonly T[], rows: Int32Array, draw: Draw): B {
    const { collate } = this.#options
    const made = collate(items)
    if (!isBatch(made)) return this.#asItIs(made)
    const [inputs, ...rest] = made
    checkBatchLabels(this.#dataset, made[1], rows)
    return [this.#finish(inputs, rows, draw), ...rest] as B
  }

  #asItIs(made: B): B {
    const { normalize, transform } = this.#options
    if (!normalize && !transform) return made
    throw new BrickError({
      kind: 'argument',
      where: 'DataLoader: collate',
      wanted: `a batch [inputs, targets] of arrays to ${transform ? 'transform' : 'normalize'}`,
      got: typeof made,
      remedy: 'Leave out normalize and transform, or do it in collate.',
    })
  }

  #finish(inputs: ArrayView, rows: Int32Array, draw: Draw): ArrayView {
    const { normalize, transform } = this.#options
    const input = { dtype: inputs.dtype, shape: inputs.shape.slice(1) }
    const first = transform && normalize !== false ? { scale: normalize?.scale } : normalize
    const copy = copyOf(input, first, transform !== undefined)
    const scaled = copy ? copied(inputs, input, copy) : inputs
    return transform ? this.#change(scaled, rows, draw) : scaled
  }

  /** Transforms inputs, and then takes mean and std out of them. */
  #change(inputs: ArrayView, rows: Int32Array, { seed, epoch }: Draw): ArrayView {
    const { normalize, transform } = this.#options
    const randoms = Array.from(rows, (row) => randomAt(seed, epoch, row, TRANSFORM_STREAM))
    const changed = transform!(inputs as ArrayView<'f32'>, randoms)
    if (!normalize || (normalize.mean === undefined && normalize.std === undefined)) return changed
    const input = { dtype: 'f32' as const, shape: changed.shape.slice(1) }
    const { mean = 0, std = 1 } = normalize
    return copied(changed, input, normalizer(input, { mean, std }))
  }
}

/** @internal For worker threads. */
export function remadeMaker<T, B>(
  dataset: Dataset<T> | IterableDataset<T>,
  transform: BatchTransform | undefined,
  collate: Collate<T, B>,
  { normalize }: { normalize: Normalization | false | undefined },
): BatchMaker<T, B> {
  return new BatchMaker(dataset, { normalize, transform, collate })
}

/** The loop that makes f32 of inputs; none if they stay as they are. */
function copyOf(
  input: ExampleType,
  normalize: { scale?: number | undefined } | Normalization | false | undefined,
  mustBeFloat: boolean,
): CopyInput | undefined {
  if (normalize === false) return mustBeFloat ? normalizer(input, { scale: 1 }) : undefined
  const { scale, ...rest } = (normalize ?? {}) as Normalization
  const isPlain = scale === undefined && Object.keys(rest).length === 0
  if (isPlain && input.dtype !== 'u8' && !(mustBeFloat && input.dtype !== 'f32')) return undefined
  return normalizer(input, { ...rest, ...(scale === undefined ? {} : { scale }) })
}

function copied({ shape, data }: ArrayView, { shape: own }: ExampleType, copy: CopyInput) {
  const size = own.reduce((a, b) => a * b, 1)
  const result = new Float32Array(data.length)
  for (let i = 0; i < shape[0]!; i++) copy(data, i * size, result, i * size)
  return { dtype: 'f32' as const, shape, data: result }
}

function isBatch(made: unknown): made is Batch {
  const isArray = (part: unknown) => ArrayBuffer.isView((part as ArrayView | undefined)?.data)
  return Array.isArray(made) && made.length >= 2 && isArray(made[0]) && isArray(made[1])
}
