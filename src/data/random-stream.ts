import { BrickError } from '../base/errors.ts'
import { threefry, words } from '../graph/threefry.ts'

/** Layers of the ziggurat. */
const LAYERS = 128
/** Where the tail begins, and the area of a layer. */
const TAIL = 3.442619855899
const AREA = 9.91256303526217e-3
const [edges, limits, heights] = layers()

/**
 * A sequence of random numbers that the seed decides: xoshiro128++ (Blackman and Vigna, 2018),
 * started by Threefry. {@link randomAt} gives each example its own, so what is drawn for it does
 * not depend on the batch, the order or the thread.
 */
export class Random {
  readonly #state: Int32Array

  constructor(state: Int32Array) {
    this.#state = state
  }

  /** 32 random bits, as an integer from −2³¹. */
  bits(): number {
    const s = this.#state
    const a = s[0]!
    const b = s[1]!
    const c = s[2]! ^ a
    const d = s[3]! ^ b
    const sum = (a + s[3]!) | 0
    s[0] = a ^ d
    s[1] = b ^ c
    s[2] = c ^ (b << 9)
    s[3] = (d << 11) | (d >>> 21)
    return (((sum << 7) | (sum >>> 25)) + a) | 0
  }

  /** A number in [low, high), from 32 random bits. */
  uniform(low = 0, high = 1): number {
    return low + ((high - low) * (this.bits() >>> 0)) / 2 ** 32
  }

  /** A whole number from 0 to n − 1. */
  integer(n: number): number {
    return Math.floor(((this.bits() >>> 0) / 2 ** 32) * n)
  }

  /** True with this probability. */
  chance(p: number): boolean {
    return this.uniform() < p
  }

  /**
   * A position in a list of weights, each as likely as its weight says. They need not sum to 1.
   *
   * @throws BrickError `argument` unless they are numbers from 0, and some above 0.
   * @example
   * ```ts
   * data.randomAt(1, 0, 0).weighted([0, 1, 0]) // 1
   * ```
   */
  weighted(weights: ArrayLike<number>): number {
    let total = 0
    for (let i = 0; i < weights.length; i++) {
      if (!(weights[i]! >= 0)) throw badWeights(`${weights[i]} at ${i}`)
      total += weights[i]!
    }
    if (!(total > 0 && total < Infinity)) throw badWeights(`a sum of ${total}`)
    const place = this.uniform(0, total)
    let [sum, last] = [0, 0]
    for (let i = 0; i < weights.length; i++) {
      sum += weights[i]!
      if (sum > place) return i
      if (weights[i]! > 0) last = i
    }
    return last
  }

  /**
   * A number of the standard normal distribution.
   *
   * Source: Marsaglia and Tsang, “The ziggurat method for generating random variables”, 2000.
   */
  normal(): number {
    for (;;) {
      const bits = this.bits()
      const layer = bits & (LAYERS - 1)
      // The layer's bits are independent of the others: they are shifted out.
      const j = bits >> 7
      const x = j * edges[layer]!
      if (Math.abs(j) < limits[layer]!) return x
      if (layer === 0) return j > 0 ? this.#tail() : -this.#tail()
      const low = heights[layer]!
      if (low + this.uniform() * (heights[layer + 1]! - low) < Math.exp(-0.5 * x * x)) return x
    }
  }

  #tail(): number {
    for (;;) {
      const x = -Math.log(1 - this.uniform()) / TAIL
      const y = -Math.log(1 - this.uniform())
      if (2 * y > x * x) return TAIL + x
    }
  }

  /** The numbers 0 … n − 1 in random order. */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const kept = order[i]!
      order[i] = order[j]!
      order[j] = kept
    }
    return order
  }
}

function badWeights(got: string): BrickError {
  const wanted = 'weights from 0, and some above 0'
  return new BrickError({ kind: 'argument', where: 'Random: weighted', wanted, got })
}

/** Widths of the layers (a unit of 25 random bits), bounds of certain acceptance, heights. */
function layers(): [Float64Array, Float64Array, Float64Array] {
  const density = (x: number) => Math.exp(-0.5 * x * x)
  const xs = new Float64Array(LAYERS + 1)
  xs[0] = AREA / density(TAIL)
  xs[1] = TAIL
  for (let i = 2; i < LAYERS; i++) {
    xs[i] = Math.sqrt(-2 * Math.log(AREA / xs[i - 1]! + density(xs[i - 1]!)))
  }
  const unit = 2 ** 24
  const widths = Float64Array.from({ length: LAYERS }, (_, i) => xs[i]! / unit)
  const bounds = Float64Array.from({ length: LAYERS }, (_, i) => (xs[i + 1]! / xs[i]!) * unit)
  return [widths, bounds, xs.map(density)]
}

/**
 * The random numbers of an example: they depend on these four only.
 *
 * @param seed A whole number from 0 to 2⁵³ − 1.
 * @param stream Tells uses of the same example apart.
 * @example
 * ```ts
 * randomAt(1, 0, 7).uniform() === randomAt(1, 0, 7).uniform() // true
 * ```
 */
export function randomAt(seed: number, epoch: number, index: number, stream = 0): Random {
  const high = Math.floor(seed / 2 ** 32) ^ Math.imul(stream + 1, 0x9e3779b9)
  const key = [seed | 0, high | 0] as const
  const [a, b] = threefry(words, key, [index | 0, epoch | 0])
  const [c, d] = threefry(words, [key[0], ~key[1]], [index | 0, epoch | 0])
  return new Random(Int32Array.of(a, b, c, d | 1))
}
