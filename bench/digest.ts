/** What is kept of a result to compare it with another one's. */
export interface Digest {
  readonly size: number
  readonly mean: number
  /** Root of the mean square. */
  readonly rms: number
  /** Elements at even distances. */
  readonly samples: readonly number[]
}

const SAMPLES = 16

export function digestOf(values: ArrayLike<number>): Digest {
  const size = values.length
  let sum = 0
  let squares = 0
  for (let i = 0; i < size; i++) {
    sum += values[i]!
    squares += values[i]! ** 2
  }
  const count = Math.min(SAMPLES, size)
  const samples = Array.from(
    { length: count },
    (_, i) => values[Math.floor(((i + 0.5) * size) / count)]!,
  )
  return { size, mean: sum / size, rms: Math.sqrt(squares / size), samples }
}

/**
 * The largest difference of two results: of samples and means relative to the root mean square, of
 * the root mean squares relative to each other. Infinite for results of different sizes, or NaN.
 */
export function difference(ours: readonly Digest[], theirs: readonly Digest[]): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY
  return Math.max(...ours.map((digest, i) => differenceOfOne(digest, theirs[i]!)))
}

function differenceOfOne(a: Digest, b: Digest): number {
  if (a.size !== b.size) return Number.POSITIVE_INFINITY
  const scale = Math.max(a.rms, b.rms) || 1
  const pairs = [[a.mean, b.mean], [a.rms, b.rms], ...a.samples.map((v, i) => [v, b.samples[i]!])]
  const worst = Math.max(...pairs.map(([x, y]) => Math.abs(x! - y!) / scale))
  return Number.isFinite(worst) ? worst : Number.POSITIVE_INFINITY
}
