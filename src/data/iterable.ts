import { type Draw, type MapItem, noDraw } from './dataset.ts'
import { randomAt } from './random-stream.ts'
import { type Recipe, recipeOf } from './recipe.ts'

/** The random numbers of a shuffling buffer are no item's. */
const SHUFFLE_STREAM = 1 << 20

/**
 * Items that come one after the other: lines of a file too large for memory, a stream. A class of
 * yours needs `name` and `iterate`.
 *
 * @example
 * ```ts
 * class Count extends data.IterableDataset<number> {
 *   readonly name = 'count'
 *   async *iterate() {
 *     for (let i = 0; i < 5; i++) yield i
 *   }
 * }
 * await new Count().filter((x) => x % 2 === 0).toArray() // [0, 2, 4]
 * ```
 */
export abstract class IterableDataset<T> {
  /** As messages and reports name it. */
  abstract readonly name: string
  /** Number of items, where it is known. */
  readonly length: number | undefined
  /** Names of the classes, if targets are class numbers. */
  readonly classNames: readonly string[] | undefined

  /** A pass over the items. With the same draw, it gives the same items. */
  abstract iterate(draw: Draw): Iterable<T> | AsyncIterable<T>

  /** Changes each item. `random` is the item's own in each epoch. */
  map<U>(change: MapItem<T, U>): IterableDataset<U> {
    return new MappedIterable(this, change)
  }

  /** The items for which `keep` says so. */
  filter(keep: (item: T, index: number) => boolean | Promise<boolean>): IterableDataset<T> {
    return new FilteredIterable(this, keep)
  }

  /** The items of this dataset, then those of the others. */
  concat(...others: readonly IterableDataset<T>[]): IterableDataset<T> {
    return new ConcatIterable([this, ...others])
  }

  /** The first items. The source is closed after them. */
  take(count: number): IterableDataset<T> {
    return new TakenIterable(this, count)
  }

  /** Hands out the items in random order, as far as a buffer of so many allows. */
  shuffle(buffer: number): IterableDataset<T> {
    return new ShuffledIterable(this, buffer)
  }

  /** Keeps the items of the first whole pass in memory, with what was drawn for them. */
  cache(): IterableDataset<T> {
    return new CachedIterable(this)
  }

  /** All items in memory. */
  async toArray(draw: Draw = noDraw): Promise<T[]> {
    const items: T[] = []
    for await (const item of this.iterate(draw)) items.push(item)
    return items
  }

  /** All items, in order. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* this.iterate(noDraw)
  }
}

function combined(make: string, ...args: readonly unknown[]): Recipe {
  return { brickwork: 'recipe', module: import.meta.url, make, args }
}

/** @internal */
export class MappedIterable<S, T> extends IterableDataset<T> {
  readonly name: string
  override readonly length: number | undefined
  override readonly classNames: readonly string[] | undefined
  readonly depth: number
  readonly #source: IterableDataset<S>
  readonly #change: MapItem<S, T>

  constructor(source: IterableDataset<S>, change: MapItem<S, T>) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = source.classNames
    this.depth = source instanceof MappedIterable ? source.depth + 1 : 1
    this.#source = source
    this.#change = change
  }

  override async *iterate(draw: Draw): AsyncGenerator<T, void, undefined> {
    let index = 0
    for await (const item of this.#source.iterate(draw)) {
      yield await this.#change(item, index, randomAt(draw.seed, draw.epoch, index, this.depth))
      index++
    }
  }
  ownRecipe(): Recipe {
    return combined('MappedIterable', recipeOf(this.#source), recipeOf(this.#change))
  }
}

/** @internal */
export class FilteredIterable<T> extends IterableDataset<T> {
  readonly name: string
  override readonly classNames: readonly string[] | undefined
  readonly #source: IterableDataset<T>
  readonly #keep: (item: T, index: number) => boolean | Promise<boolean>

  constructor(
    source: IterableDataset<T>,
    keep: (item: T, index: number) => boolean | Promise<boolean>,
  ) {
    super()
    this.name = source.name
    this.classNames = source.classNames
    this.#source = source
    this.#keep = keep
  }

  override async *iterate(draw: Draw): AsyncGenerator<T, void, undefined> {
    let index = 0
    for await (const item of this.#source.iterate(draw)) {
      if (await this.#keep(item, index++)) yield item
    }
  }
  ownRecipe(): Recipe {
    return combined('FilteredIterable', recipeOf(this.#source), recipeOf(this.#keep))
  }
}

/** @internal */
export class ConcatIterable<T> extends IterableDataset<T> {
  readonly name: string
  override readonly length: number | undefined
  override readonly classNames: readonly string[] | undefined
  readonly #parts: readonly IterableDataset<T>[]

  constructor(parts: readonly IterableDataset<T>[]) {
    super()
    this.name = parts.map(({ name }) => name).join(' + ')
    const length = parts.reduce((sum, part) => sum + (part.length ?? Number.NaN), 0)
    this.length = Number.isNaN(length) ? undefined : length
    this.classNames = parts[0]?.classNames
    this.#parts = parts
  }

  override async *iterate(draw: Draw): AsyncGenerator<T, void, undefined> {
    for (const [part, source] of this.#parts.entries()) {
      yield* source.iterate({ ...draw, seed: draw.seed + part * 2 ** 32 })
    }
  }
  ownRecipe(): Recipe {
    return combined(
      'ConcatIterable',
      this.#parts.map((part) => recipeOf(part)),
    )
  }
}

/** @internal */
export class TakenIterable<T> extends IterableDataset<T> {
  readonly name: string
  override readonly length: number | undefined
  override readonly classNames: readonly string[] | undefined
  readonly #source: IterableDataset<T>
  readonly #count: number

  constructor(source: IterableDataset<T>, count: number) {
    super()
    this.name = source.name
    this.length = source.length === undefined ? undefined : Math.min(source.length, count)
    this.classNames = source.classNames
    this.#source = source
    this.#count = count
  }

  override async *iterate(draw: Draw): AsyncGenerator<T, void, undefined> {
    let left = this.#count
    if (left <= 0) return
    for await (const item of this.#source.iterate(draw)) {
      yield item
      if (--left === 0) return
    }
  }
  ownRecipe(): Recipe {
    return combined('TakenIterable', recipeOf(this.#source), this.#count)
  }
}

/** @internal */
export class ShuffledIterable<T> extends IterableDataset<T> {
  readonly name: string
  override readonly length: number | undefined
  override readonly classNames: readonly string[] | undefined
  readonly #source: IterableDataset<T>
  readonly #size: number

  constructor(source: IterableDataset<T>, size: number) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = source.classNames
    this.#source = source
    this.#size = size
  }

  override async *iterate(draw: Draw): AsyncGenerator<T, void, undefined> {
    const random = randomAt(draw.seed, draw.epoch, 0, SHUFFLE_STREAM)
    const buffer: T[] = []
    for await (const item of this.#source.iterate(draw)) {
      if (buffer.length < this.#size) {
        buffer.push(item)
        continue
      }
      const at = random.integer(buffer.length)
      const out = buffer[at]!
      buffer[at] = item
      yield out
    }
    for (const at of random.permutation(buffer.length)) yield buffer[at]!
  }
  ownRecipe(): Recipe {
    return combined('ShuffledIterable', recipeOf(this.#source), this.#size)
  }
}

/** @internal */
export class CachedIterable<T> extends IterableDataset<T> {
  readonly name: string
  override readonly length: number | undefined
  override readonly classNames: readonly string[] | undefined
  readonly #source: IterableDataset<T>
  #kept: readonly T[] | undefined

  constructor(source: IterableDataset<T>) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = source.classNames
    this.#source = source
  }

  override async *iterate(draw: Draw): AsyncGenerator<T, void, undefined> {
    if (this.#kept) return yield* this.#kept
    const items: T[] = []
    for await (const item of this.#source.iterate(draw)) {
      items.push(item)
      yield item
    }
    this.#kept = items
  }
  ownRecipe(): Recipe {
    return combined('CachedIterable', recipeOf(this.#source))
  }
}
