export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Milliseconds that parts of a procedure took together, without what lies between them. */
export class Stopwatch {
  milliseconds = 0

  async count<T>(body: () => T | Promise<T>): Promise<T> {
    const start = performance.now()
    try {
      return await body()
    } finally {
      this.milliseconds += performance.now() - start
    }
  }
}
