import { BrickError } from '../base/errors.ts'
import { checkWhole } from './check.ts'
import { permutation, uniformAt } from './random.ts'

/** Which examples an epoch has, and in which order. */
export interface Sampler {
  /** Examples in an epoch. */
  readonly length: number
  order(seed: number, epoch: number): Int32Array
}

/** Which examples each batch of an epoch has. */
export interface BatchSampler {
  /** Batches in an epoch. */
  readonly length: number
  batches(seed: number, epoch: number): Int32Array[]
}

/** Keeps draws apart from the shuffling of the same seed and epoch. */
const WEIGHTED = 0x5741
const BUCKETS = 0x4255

/**
 * Draws each example in proportion to its weight: rare classes as often as frequent ones with
 * 1 / (examples of the class).
 *
 * Without replacement: Efraimidis and Spirakis, “Weighted random sampling with a reservoir”, 2006.
 *
 * @param length Examples in an epoch. Default: as many as there are weights.
 * @param options.replacement Whether an example may come more than once an epoch. Default true.
 * @throws BrickError `argument` for a weight that is no number from 0, or too few above 0.
 * @example
 * ```ts
 * const sampler = weightedSampler([1, 0, 3])
 * sampler.order(0, 0).includes(1) // false
 * ```
 */
export function weightedSampler(
  weights: ArrayLike<number>,
  length = weights.length,
  { replacement = true }: { readonly replacement?: boolean } = {},
): Sampler {
  checkWhole('weightedSampler', 'length', length, 1)
  const sums = cumulative(weights)
  const positive = Array.from(weights).filter((weight) => weight > 0).length
  if (positive === 0 || (!replacement && length > positive)) {
    throw new BrickError({
      kind: 'argument',
      where: 'weightedSampler',
      wanted: replacement ? 'a weight above 0' : `at most ${positive} examples (weights above 0)`,
      got: replacement ? 'none' : `${length}`,
      ...(replacement ? {} : { remedy: 'Draw with replacement, or fewer.' }),
    })
  }
  const order = (seed: number, epoch: number) => {
    const draw = (i: number) => uniformAt(seed + WEIGHTED * 2 ** 32, epoch, i)
    if (!replacement) return withoutReplacement(weights, length, draw)
    const total = sums.at(-1)!
    return Int32Array.from({ length }, (_, i) => search(sums, draw(i) * total))
  }
  return { length, order }
}

function cumulative(weights: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(weights.length)
  let sum = 0
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!
    if (!(weight >= 0 && weight < Infinity)) {
      throw new BrickError({
        kind: 'argument',
        where: 'weightedSampler',
        wanted: 'weights that are numbers from 0',
        got: `${weight} at example ${i}`,
      })
    }
    sum += weight
    sums[i] = sum
  }
  return sums
}

/** The first position whose sum is above the value. */
function search(sums: Float64Array, value: number): number {
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/** The largest of log(u) / weight. */
function withoutReplacement(
  weights: ArrayLike<number>,
  length: number,
  draw: (i: number) => number,
): Int32Array {
  const keys = Float64Array.from({ length: weights.length }, (_, i) =>
    weights[i]! > 0 ? Math.log(draw(i) || Number.MIN_VALUE) / weights[i]! : -Infinity,
  )
  const order = Int32Array.from(keys.keys()).sort((a, b) => keys[b]! - keys[a]! || a - b)
  return order.slice(0, length)
}

export interface BucketOptions {
  readonly batchSize: number
  /** Batches whose examples are sorted by length together. Default 50. */
  readonly pool?: number
  /** Default true. */
  readonly shuffle?: boolean
  /** Leaves out the last batch if it is smaller. Default false. */
  readonly dropLast?: boolean
}

/**
 * Batches of sequences of about the same length, so that little is padded: examples are shuffled,
 * sorted by length in pools of some batches, and the batches shuffled.
 *
 * @param lengths The length of each example.
 * @example
 * ```ts
 * const batches = bucketSampler([9, 1, 8, 2], { batchSize: 2 })
 * batches.length // 2
 * ```
 */
export function bucketSampler(lengths: ArrayLike<number>, options: BucketOptions): BatchSampler {
  const { batchSize, pool = 50, shuffle = true, dropLast = false } = options
  checkWhole('bucketSampler', 'batchSize', batchSize, 1)
  checkWhole('bucketSampler', 'pool', pool, 1)
  const n = lengths.length
  const length = dropLast ? Math.floor(n / batchSize) : Math.ceil(n / batchSize)
  const batches = (seed: number, epoch: number) => {
    const own = seed + BUCKETS * 2 ** 32
    const order = shuffle ? permutation(n, own, epoch) : Int32Array.from({ length: n }, (_, i) => i)
    // The smaller batch is of the last pool's examples, whichever these are, not of the longest.
    for (let start = 0; start < n; start += pool * batchSize) {
      order.subarray(start, start + pool * batchSize).sort((a, b) => lengths[a]! - lengths[b]!)
    }
    const cut = Array.from({ length }, (_, i) => order.subarray(i * batchSize, (i + 1) * batchSize))
    return shuffle ? Array.from(permutation(length, own, ~epoch), (i) => cut[i]!) : cut
  }
  return { length, batches }
}
