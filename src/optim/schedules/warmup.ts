import type { Optimizer } from '../optimizer.ts'
import { requirePositive, requireRange, requireWhole } from '../options.ts'
import { RateSchedule, type RateScheduleFactory } from './schedule.ts'

export interface LinearLROptions {
  /** Share of the rate in the first step (default 1/3), above 0 and at most 1. */
  readonly startFactor?: number
  /** Share of the rate from `totalIters` on (default 1). */
  readonly endFactor?: number
  /** Default 5, as PyTorch's. */
  readonly totalIters?: number
}

/**
 * Linear warm-up: lr times a factor that goes from startFactor to endFactor in `totalIters` steps
 * and stays there. As torch.optim.lr_scheduler.LinearLR.
 *
 * Source: Goyal et al., “Accurate, large minibatch SGD: training ImageNet in 1 hour”, 2017.
 *
 * @throws BrickError `argument` for factors outside (0, 1] and [0, 1].
 *
 * @example
 * ```ts
 * const schedule = new optim.LinearLR(optimizer, { startFactor: 0.5, totalIters: 4 }) // from 0.1
 * optimizer.lr // 0.05
 * ```
 */
export class LinearLR extends RateSchedule {
  readonly #start: number
  readonly #end: number
  readonly #totalIters: number

  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    super(optimizer)
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options
    requireWhole('LinearLR', { totalIters })
    const isShare = (v: number) => v > 0 && v <= 1
    requireRange('LinearLR', 'startFactor', startFactor, isShare, 'a number above 0, at most 1')
    requireRange('LinearLR', 'endFactor', endFactor, (v) => v >= 0 && v <= 1, 'a number in [0, 1]')
    this.#start = startFactor
    this.#end = endFactor
    this.#totalIters = totalIters
    this.begin()
  }
  rateAt(step: number, base: number): number {
    const done = Math.min(step, this.#totalIters) / this.#totalIters
    return base * (this.#start + (this.#end - this.#start) * done)
  }
}

/** {@link LinearLR} for the optimiser that it is given later. */
export const linearLR =
  (options: LinearLROptions = {}): RateScheduleFactory =>
  (optimizer) =>
    new LinearLR(optimizer, options)

export interface ConstantLROptions {
  /** Share of the rate in the beginning (default 1/3). */
  readonly factor?: number
  /** Steps with that share (default 5, as PyTorch's). */
  readonly totalIters?: number
}

/**
 * lr · factor for `totalIters` steps, then lr. As torch.optim.lr_scheduler.ConstantLR.
 *
 * @example
 * ```ts
 * const schedule = new optim.ConstantLR(optimizer, { factor: 0.5, totalIters: 2 }) // from 0.1
 * optimizer.lr // 0.05
 * ```
 */
export class ConstantLR extends RateSchedule {
  readonly #factor: number
  readonly #totalIters: number

  constructor(optimizer: Optimizer, { factor = 1 / 3, totalIters = 5 }: ConstantLROptions = {}) {
    super(optimizer)
    requirePositive('ConstantLR', { factor })
    requireWhole('ConstantLR', { totalIters }, 0)
    this.#factor = factor
    this.#totalIters = totalIters
    this.begin()
  }
  rateAt(step: number, base: number): number {
    return step < this.#totalIters ? base * this.#factor : base
  }
}

/** {@link ConstantLR} for the optimiser that it is given later. */
export const constantLR =
  (options: ConstantLROptions = {}): RateScheduleFactory =>
  (optimizer) =>
    new ConstantLR(optimizer, options)
