import { threefry, words } from '../graph/threefry.ts'

/**
 * The random word at a place: Threefry-2x32 with the seed's low and high word as key and
 * (index, stream) as counter. No state: any word can be had at any time, so a resumed run needs
 * only the seed and the place.
 *
 * @param seed A whole number from 0 to 2⁵³ − 1.
 * @param stream Tells uses of the same seed apart, as the epoch does.
 * @returns A number in [0, 1) with 53 random bits.
 */
export function uniformAt(seed: number, stream: number, index: number): number {
  const key = [seed | 0, Math.floor(seed / 2 ** 32) | 0] as const
  const [high, low] = threefry(words, key, [index | 0, stream | 0])
  return ((high >>> 0) * 2 ** 21 + (low >>> 11)) / 2 ** 53
}

/**
 * The numbers 0 … length − 1 in random order (Fisher–Yates). The order depends on the three
 * arguments only, not on the machine or on what was drawn before.
 *
 * @example
 * ```ts
 * permutation(5, 0, 1) // the same five numbers every time
 * ```
 */
export function permutation(length: number, seed: number, stream: number): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(uniformAt(seed, stream, i) * (i + 1))
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}
