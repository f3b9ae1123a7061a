import type { ArrayView } from '../base/array.ts'
import type { DType, TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import type { Shape } from '../base/shape.ts'
import { type Random, randomAt } from './random-stream.ts'
import { type Recipe, recipeOf } from './recipe.ts'
import { type SplitOptions, splitRows } from './split.ts'

/** Element type and shape of one example's input or target. */
export interface ExampleType {
  readonly dtype: DType
  readonly shape: Shape
}

/** One example: what goes into a model and what should come out. */
export interface Example {
  readonly input: ArrayView
  readonly target: ArrayView
}

/** Inputs `[n, …input shape]` and targets `[n, …target shape]` of n examples. */
export interface Examples {
  readonly inputs: ArrayView
  readonly targets: ArrayView
}

/** Copies one input from `source`, beginning at `from`, to `target`, beginning at `at`. */
export type CopyInput = (source: TypedArray, from: number, target: Float32Array, at: number) => void

/** Which random numbers an example's random changes get, together with its own number. */
export interface Draw {
  readonly seed: number
  readonly epoch: number
}

/** The draw of who asks without one. */
export const noDraw: Draw = { seed: 0, epoch: 0 }

/** What a dataset of arrays can do besides: it gathers many examples at once, without waiting. */
export interface Gatherer {
  readonly length: number
  readonly input: ExampleType
  readonly target: ExampleType
  /**
   * The examples with these numbers, in this order.
   *
   * @param copy Writes each input as f32 while it is gathered; without it, inputs stay as they are.
   */
  gather(rows: ArrayLike<number>, copy?: CopyInput): Examples
}

/** Whether a dataset hands out its examples as arrays at once. */
export function isGatherer(dataset: object): dataset is Gatherer {
  const { input, target, gather } = dataset as Partial<Gatherer>
  return typeof gather === 'function' && input !== undefined && target !== undefined
}

/** Changes an item. The random numbers depend on seed, epoch and the item's number only. */
export type MapItem<T, U> = (item: T, index: number, random: Random) => U | Promise<U>

/**
 * Items that can be had by number: examples for training, or whatever `map` and `collate` make
 * examples of. A class of yours needs `name`, `length` and `get`; it may read files, for `get`
 * may be async.
 *
 * @example
 * ```ts
 * class Squares extends data.Dataset<number> {
 *   readonly name = 'squares'
 *   readonly length = 10
 *   get(index: number) {
 *     return index ** 2
 *   }
 * }
 * await new Squares().map((x) => x + 1).get(3) // 10
 * ```
 */
export abstract class Dataset<T = Example> {
  /** As messages and reports name it: `mnist/train`. */
  abstract readonly name: string
  /** Number of items. */
  abstract readonly length: number
  /** Names of the classes, if targets are class numbers. */
  readonly classNames: readonly string[] | undefined

  /**
   * The item with this number.
   *
   * @param draw Seed and epoch, for datasets that change their items at random.
   */
  abstract get(index: number, draw?: Draw): T | Promise<T>

  /** The items' classes, where they are known without reading the items. */
  labels(): ArrayLike<number> | undefined {
    return undefined
  }

  /** Changes each item when it is asked for. `random` is the item's own in each epoch. */
  map<U>(change: MapItem<T, U>): Dataset<U> {
    return new MappedDataset(this, change)
  }

  /** The items for which `keep` says so. It reads all items once, now. */
  async filter(keep: (item: T, index: number) => boolean | Promise<boolean>): Promise<Dataset<T>> {
    const rows: number[] = []
    for (let i = 0; i < this.length; i++) if (await keep(await this.get(i), i)) rows.push(i)
    return this.subset(rows)
  }

  /** The items of this dataset, then those of the others. */
  concat(...others: readonly Dataset<T>[]): Dataset<T> {
    return new ConcatDataset([this, ...others])
  }

  /**
   * The items with these numbers, in this order.
   *
   * @throws BrickError `argument` if a number is not one of this dataset's.
   */
  subset(rows: ArrayLike<number>, name = this.name): Dataset<T> {
    return new SubsetDataset(this, Int32Array.from(rows), name)
  }

  /**
   * Splits the items into parts that share none: no item is in two parts. Each part keeps the
   * items' order.
   *
   * @param parts A fraction (0.8: that part and the rest), fractions that sum to 1, or counts.
   * @throws BrickError `argument` if the parts don't fit, or if `stratified` and no labels are known.
   * @example
   * ```ts
   * const [train, validation] = dataset.split(0.9, { seed: 1, stratified: true })
   * ```
   */
  split(parts: number | readonly number[], options: SplitOptions = {}): Dataset<T>[] {
    return this.splitRows(parts, options).map((rows) => this.subset(rows))
  }

  /** The numbers of the items in each part of a split. */
  protected splitRows(parts: number | readonly number[], options: SplitOptions): Int32Array[] {
    const labels = options.stratified ? (options.labels ?? this.labels()) : undefined
    if (options.stratified && labels === undefined) {
      throw new BrickError({
        kind: 'argument',
        where: `${this.name}: split`,
        wanted: 'class numbers (i32, [n]) to stratify by',
        got: 'a dataset that knows none',
        remedy: 'Pass { labels }, or leave out { stratified: true }.',
      })
    }
    return splitRows(this.length, parts, options, labels)
  }

  /** Keeps each item in memory once it was asked for. What `map` draws at random before is kept, too. */
  cache(): Dataset<T> {
    return new CachedDataset(this)
  }

  /** All items, in order. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let i = 0; i < this.length; i++) yield this.get(i)
  }
}

/** @throws BrickError `argument` unless the dataset has an item of this number. */
export function checkRow({ name, length }: { name: string; length: number }, row: number): void {
  if (Number.isInteger(row) && row >= 0 && row < length) return
  throw new BrickError({
    kind: 'argument',
    where: name,
    wanted: `an example's number from 0 to ${length - 1}`,
    got: `${row}`,
  })
}

/** How a combination is made again. */
function combined(make: string, ...args: readonly unknown[]): Recipe {
  return { brickwork: 'recipe', module: import.meta.url, make, args }
}

/** @internal */
export class MappedDataset<S, T> extends Dataset<T> {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[] | undefined
  /** Each map has random numbers of its own. */
  readonly depth: number
  readonly #source: Dataset<S>
  readonly #change: MapItem<S, T>

  constructor(source: Dataset<S>, change: MapItem<S, T>) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = source.classNames
    this.depth = source instanceof MappedDataset ? source.depth + 1 : 1
    this.#source = source
    this.#change = change
  }

  override async get(index: number, draw: Draw = noDraw): Promise<T> {
    const item = await this.#source.get(index, draw)
    return this.#change(item, index, randomAt(draw.seed, draw.epoch, index, this.depth))
  }
  override labels(): ArrayLike<number> | undefined {
    return this.#source.labels()
  }
  ownRecipe(): Recipe {
    return combined('MappedDataset', recipeOf(this.#source), recipeOf(this.#change))
  }
}

/** @internal */
export class SubsetDataset<T> extends Dataset<T> {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[] | undefined
  readonly #source: Dataset<T>
  readonly #rows: Int32Array

  constructor(source: Dataset<T>, rows: Int32Array, name: string) {
    super()
    for (const row of rows) checkRow(source, row)
    this.name = name
    this.length = rows.length
    this.classNames = source.classNames
    this.#source = source
    this.#rows = rows
  }

  override get(index: number, draw?: Draw): T | Promise<T> {
    checkRow(this, index)
    return this.#source.get(this.#rows[index]!, draw)
  }
  override labels(): ArrayLike<number> | undefined {
    const all = this.#source.labels()
    return all && this.#rows.map((row) => all[row]!)
  }
  ownRecipe(): Recipe {
    return combined('SubsetDataset', recipeOf(this.#source), this.#rows, this.name)
  }
}

/** @internal */
export class ConcatDataset<T> extends Dataset<T> {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[] | undefined
  readonly #parts: readonly Dataset<T>[]

  constructor(parts: readonly Dataset<T>[]) {
    super()
    this.name = parts.map(({ name }) => name).join(' + ')
    this.length = parts.reduce((sum, { length }) => sum + length, 0)
    this.classNames = sameClassNames(parts)
    this.#parts = parts
  }

  override get(index: number, draw?: Draw): T | Promise<T> {
    checkRow(this, index)
    let [part, row] = [0, index]
    while (row >= this.#parts[part]!.length) row -= this.#parts[part++]!.length
    // Items of the same number in two parts must not draw the same numbers.
    const own = draw && part > 0 ? { ...draw, seed: draw.seed + part * 2 ** 32 } : draw
    return this.#parts[part]!.get(row, own)
  }
  override labels(): ArrayLike<number> | undefined {
    const parts = this.#parts.map((part) => part.labels())
    if (!parts.every((part) => part !== undefined)) return undefined
    return parts.flatMap((part) => Array.from(part))
  }
  ownRecipe(): Recipe {
    return combined(
      'ConcatDataset',
      this.#parts.map((part) => recipeOf(part)),
    )
  }
}

/** The class names of datasets that become one. */
export function sameClassNames(parts: readonly Dataset<unknown>[]): readonly string[] | undefined {
  const [first, ...rest] = parts.map(({ classNames }) => classNames)
  const odd = rest.find((names) => `${names}` !== `${first}`)
  if (!rest.some((names) => `${names}` !== `${first}`)) return first
  throw new BrickError({
    kind: 'argument',
    where: 'concat',
    wanted: `datasets with the same classes: ${first ?? 'none'}`,
    got: `${odd ?? 'none'}`,
    remedy: 'Map the labels to the same classes first.',
  })
}

/** @internal */
export class CachedDataset<T> extends Dataset<T> {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[] | undefined
  readonly #source: Dataset<T>
  readonly #kept = new Map<number, T | Promise<T>>()

  constructor(source: Dataset<T>) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = source.classNames
    this.#source = source
  }

  override get(index: number, draw?: Draw): T | Promise<T> {
    if (this.#kept.has(index)) return this.#kept.get(index)!
    const item = this.#source.get(index, draw)
    this.#kept.set(index, item)
    // What failed is tried again the next time.
    if (item instanceof Promise) item.catch(() => this.#kept.delete(index))
    return item
  }
  override labels(): ArrayLike<number> | undefined {
    return this.#source.labels()
  }
  ownRecipe(): Recipe {
    return combined('CachedDataset', recipeOf(this.#source))
  }
}
