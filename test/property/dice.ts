/** Choices in a row, read off a list of numbers: small numbers make simple graphs, so that fast-check can shrink. */
export class Dice {
  private readonly throws: readonly number[]
  private next = 0

  constructor(throws: readonly number[]) {
    this.throws = throws
  }

  /** 0 … n − 1; 0 once the list is used up. */
  below(n: number): number {
    return (this.throws[this.next++] ?? 0) % n
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** Some of the list (perhaps none), in an order of their own. */
  some<T>(list: readonly T[]): T[] {
    return this.shuffle(list.filter(() => this.below(2) === 1))
  }

  shuffle<T>(list: readonly T[]): T[] {
    const left = [...list]
    return list.map(() => left.splice(this.below(left.length), 1)[0]!)
  }
}

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
export function stream(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
