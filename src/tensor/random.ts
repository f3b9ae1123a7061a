import type { Shape } from '../base/shape.ts'
import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'
import { constant } from './compose/arithmetic.ts'
import { hostGenerator } from './host-random.ts'
import { currentRound, outsideRounds } from './round.ts'
import { Tensor, variable } from './tensor.ts'
import { currentTrace } from './trace.ts'

/**
 * A stream of random numbers on the backend: a key (seed, count) that Threefry turns into the same
 * numbers on every backend and at any thread count. Inside a compiled step the count moves on by
 * one a call, so each step draws new numbers.
 */
export class Generator {
  /** [seed, number of draws], i32. It is what a checkpoint keeps. */
  readonly key: Tensor

  constructor(seed = 0) {
    this.key = variable(Tensor.of(Int32Array.of(seed, 0), [2], 'i32'))
  }

  /** Starts again from a seed. */
  seed(seed: number): void {
    this.key.assign(Tensor.of(Int32Array.of(seed, 0), [2], 'i32'))
  }

  /** 32 random bits an element, i32. */
  bits(shape: Shape): Tensor {
    const trace = currentTrace()
    const base = this.key.node
    if (!trace) {
      this.advance(base)
      return new Tensor(make('random', [keyOfRound(base)], { shape, stream: 0 }))
    }
    // One count a call of the compiled step; the draws within it are streams of their own.
    const first = trace.keys.get(this) ?? base
    if (first === base) {
      trace.keys.set(this, base)
      this.advance(base)
    }
    return new Tensor(make('random', [keyOfRound(first)], { shape, stream: trace.draws++ }))
  }

  private advance(key: Node): void {
    const next = new Tensor(make('add', [key, make('iota', [], { shape: [2], axis: 0 })], {}))
    outsideRounds(() => this.key.assign(next))
  }

  /** U[0, 1). */
  uniform(shape: Shape): Tensor {
    const word = this.bits(shape).node
    const high = make('shr', [word, constant(8, shape, 'i32')], {})
    const real = make('cast', [high], { to: 'f32' })
    return new Tensor(make('mul', [real, constant(2 ** -24, shape, 'f32')], {}))
  }

  /** N(0, 1), by Box and Muller: √(−2 log u) · cos 2πv. */
  normal(shape: Shape): Tensor {
    const radius = this.uniform(shape).neg().add(1).log().mul(-2).sqrt()
    return radius.mul(
      this.uniform(shape)
        .mul(2 * Math.PI)
        .cos(),
    )
  }
}

/** Tells the rounds of a scan apart: an odd constant, so that all rounds have keys of their own. */
const ROUND = 0x9e3779b9 | 0

/** The key for the round of a scan that is being traced, else the key itself. */
function keyOfRound(key: Node): Node {
  const round = currentRound()
  if (!round) return key
  const rounds = make('expand', [make('reshape', [round], { shape: [1] })], { shape: [2] })
  const apart = make('mul', [rounds, constant(ROUND, [2], 'i32')], {})
  return make('add', [key, apart], {})
}

/** The generator that functions use when they are given none. */
export const generator = new Generator()

/**
 * Seeds the default generators: the backend's ({@link rand}, {@link randn}, dropout) and the
 * host's, which draws the initial weights of layers.
 *
 * @example
 * ```ts
 * manualSeed(42)
 * ```
 */
export function manualSeed(seed: number): void {
  generator.seed(seed)
  hostGenerator.seed(seed)
}
