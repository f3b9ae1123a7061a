import type { Shape } from '../base/shape.ts'
import { sizeOf } from '../base/shape.ts'
import { eachThreefry } from '../graph/threefry-many.ts'

/** Keeps these draws apart from those that other uses of Threefry make from the same seed. */
const DOMAIN = 0x6272696b

/**
 * A stream of random arrays computed on the host, for what must not depend on the backend: initial
 * weights. Each draw is a function of the seed, of how many draws came before it and of the
 * element's place alone.
 *
 * @example
 * ```ts
 * new HostGenerator(1).uniform([2, 3], -1, 1) // six numbers, the same ones every time
 * ```
 */
export class HostGenerator {
  private key: readonly [number, number] = [0, DOMAIN]
  private draws = 0

  constructor(seed = 0) {
    this.seed(seed)
  }

  /** Starts again from a seed: a whole number below 2⁵³. */
  seed(seed: number): void {
    this.key = [seed | 0, Math.floor(seed / 2 ** 32) ^ DOMAIN]
    this.draws = 0
  }

  /** U[low, high), rounded to f32. */
  uniform(shape: Shape, low = 0, high = 1): Float32Array {
    return this.draw(shape, (u) => low + (high - low) * u)
  }

  /** N(mean, std²), by Box and Muller. */
  normal(shape: Shape, mean = 0, std = 1): Float32Array {
    const radius = (u: number) => Math.sqrt(-2 * Math.log(1 - u))
    return this.draw(shape, (u, v) => mean + std * radius(u) * Math.cos(2 * Math.PI * v))
  }

  /** The next draw: a number for each place, made of two in [0, 1). */
  private draw(shape: Shape, of: (u: number, v: number) => number): Float32Array {
    const values = new Float32Array(sizeOf(shape))
    eachThreefry(this.key, this.draws++, values.length, (place, a, b) => {
      values[place] = of((a >>> 0) / 2 ** 32, (b >>> 0) / 2 ** 32)
    })
    return values
  }
}

/** The generator that initial weights come from unless another is given. */
export const hostGenerator = new HostGenerator()
