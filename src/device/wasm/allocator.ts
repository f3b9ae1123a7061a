/**
 * Divides one growing range of addresses. Free blocks are kept by size class (four classes for each
 * power of two), neighbours join when they are freed, and a request takes the tightest of the first
 * few blocks of its own class, or else a block of the next class that has one, which surely fits.
 */
export class Allocator {
  /** Bytes handed out. */
  used = 0
  #end: number
  readonly #grow: (bytes: number) => number | undefined
  /** Start → size, of free and of taken blocks. */
  readonly #free = new Map<number, number>()
  readonly #taken = new Map<number, number>()
  /** End → start, of free blocks. */
  readonly #freeEnds = new Map<number, number>()
  readonly #classes: (Set<number> | undefined)[] = []

  /**
   * @param start the first address, a multiple of 64
   * @param end the address after the last
   * @param grow makes the range at least this much longer and returns its new end, or undefined
   */
  constructor(start: number, end: number, grow: (bytes: number) => number | undefined) {
    this.#end = end
    this.#grow = grow
    if (end > start) this.#insert(start, end - start)
  }

  /** The address of this many bytes, a multiple of 64; undefined if there is no room. */
  take(bytes: number): number | undefined {
    const size = roundUp(bytes)
    const start = this.#find(size) ?? (this.#extend(size) ? this.#find(size) : undefined)
    if (start === undefined) return undefined
    const rest = this.#remove(start) - size
    if (rest > 0) this.#insert(start + size, rest)
    this.#taken.set(start, size)
    this.used += size
    return start
  }

  /** Gives back what `take` returned. */
  give(start: number): void {
    let size = this.#taken.get(start)
    if (size === undefined) return
    this.#taken.delete(start)
    this.used -= size
    let from = start
    const before = this.#freeEnds.get(start)
    if (before !== undefined) {
      size += this.#remove(before)
      from = before
    }
    const after = from + size
    if (this.#free.has(after)) size += this.#remove(after)
    this.#insert(from, size)
  }

  #find(size: number): number | undefined {
    const own = classOf(size)
    const best = this.#tightest(own, size)
    if (best !== undefined) return best
    for (let index = own + 1; index < this.#classes.length; index++) {
      const bin = this.#classes[index]
      if (bin?.size) return bin.values().next().value
    }
    return undefined
  }

  /** Among the first few blocks of the class, the smallest that fits. */
  #tightest(index: number, size: number): number | undefined {
    let best: number | undefined
    let tries = 16
    for (const start of this.#classes[index] ?? []) {
      const found = this.#free.get(start)!
      if (found === size) return start
      if (found > size && (best === undefined || found < this.#free.get(best)!)) best = start
      if (--tries === 0) break
    }
    return best
  }

  #extend(size: number): boolean {
    const last = this.#freeEnds.get(this.#end)
    const missing = size - (last === undefined ? 0 : this.#end - last)
    const end = this.#grow(Math.max(missing, 0))
    if (end === undefined) return false
    const start = last ?? this.#end
    if (last !== undefined) this.#remove(last)
    this.#end = end
    this.#insert(start, end - start)
    return true
  }

  #insert(start: number, size: number): void {
    this.#free.set(start, size)
    this.#freeEnds.set(start + size, start)
    const index = classOf(size)
    this.#classes[index] ??= new Set()
    this.#classes[index].add(start)
  }

  #remove(start: number): number {
    const size = this.#free.get(start)!
    this.#free.delete(start)
    this.#freeEnds.delete(start + size)
    this.#classes[classOf(size)]!.delete(start)
    return size
  }
}

const roundUp = (bytes: number): number => Math.max(64, Math.ceil(bytes / 64) * 64)

/** Every block of a class is smaller than every block of the next. */
function classOf(size: number): number {
  const power = Math.floor(Math.log2(size))
  const quarter = Math.floor((size / 2 ** power - 1) * 4)
  return power * 4 + quarter
}
