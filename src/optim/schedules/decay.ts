import { BrickError } from '../../base/errors.ts'
import type { Optimizer } from '../optimizer.ts'
import { requirePositive, requireWhole } from '../options.ts'
import { RateSchedule, type RateScheduleFactory } from './schedule.ts'

export interface StepLROptions {
  /** Steps with the same rate. */
  readonly stepSize: number
  /** What the rate is then multiplied by (default 0.1). */
  readonly gamma?: number
}

/**
 * lr · γ^⌊t / stepSize⌋. Goes on for ever. As torch.optim.lr_scheduler.StepLR.
 *
 * @example
 * ```ts
 * const schedule = new optim.StepLR(optimizer, { stepSize: 2, gamma: 0.5 })
 * schedule.step()
 * schedule.step()
 * optimizer.lr // 0.05
 * ```
 */
export class StepLR extends RateSchedule {
  readonly #stepSize: number
  readonly #gamma: number

  constructor(optimizer: Optimizer, { stepSize, gamma = 0.1 }: StepLROptions) {
    super(optimizer)
    requireWhole('StepLR', { stepSize })
    requirePositive('StepLR', { gamma })
    this.#stepSize = stepSize
    this.#gamma = gamma
    this.begin()
  }
  rateAt(step: number, base: number): number {
    return base * this.#gamma ** Math.floor(step / this.#stepSize)
  }
}

/** {@link StepLR} for the optimiser that it is given later. */
export const stepLR =
  (options: StepLROptions): RateScheduleFactory =>
  (optimizer) =>
    new StepLR(optimizer, options)

export interface MultiStepLROptions {
  /** Steps from which on the rate is lower, ascending. */
  readonly milestones: readonly number[]
  /** What the rate is multiplied by at each (default 0.1). */
  readonly gamma?: number
}

/**
 * lr · γ^(milestones passed). Keeps the last rate for ever. As torch.optim.lr_scheduler.MultiStepLR.
 *
 * @throws BrickError `argument` for milestones that do not ascend.
 *
 * @example
 * ```ts
 * const schedule = new optim.MultiStepLR(optimizer, { milestones: [1, 3], gamma: 0.5 }) // from 0.1
 * schedule.step()
 * optimizer.lr // 0.05
 * ```
 */
export class MultiStepLR extends RateSchedule {
  readonly #milestones: readonly number[]
  readonly #gamma: number

  constructor(optimizer: Optimizer, { milestones, gamma = 0.1 }: MultiStepLROptions) {
    super(optimizer)
    checkMilestones('MultiStepLR', milestones)
    requirePositive('MultiStepLR', { gamma })
    this.#milestones = milestones
    this.#gamma = gamma
    this.begin()
  }
  rateAt(step: number, base: number): number {
    return base * this.#gamma ** this.#milestones.filter((milestone) => milestone <= step).length
  }
}

/** Steps that ascend. */
export function checkMilestones(where: string, milestones: readonly number[]): void {
  const isFine = milestones.every(
    (m, i) => Number.isSafeInteger(m) && m > 0 && (i === 0 || m >= milestones[i - 1]!),
  )
  if (isFine) return
  const wanted = 'milestones: whole numbers from 1 that ascend'
  throw new BrickError({ kind: 'argument', where, wanted, got: `[${milestones}]` })
}

/** {@link MultiStepLR} for the optimiser that it is given later. */
export const multiStepLR =
  (options: MultiStepLROptions): RateScheduleFactory =>
  (optimizer) =>
    new MultiStepLR(optimizer, options)

export interface ExponentialLROptions {
  /** What the rate is multiplied by at each step. */
  readonly gamma: number
}

/**
 * lr · γᵗ. Goes on for ever. As torch.optim.lr_scheduler.ExponentialLR.
 *
 * @example
 * ```ts
 * const schedule = new optim.ExponentialLR(optimizer, { gamma: 0.5 }) // from 0.1
 * schedule.step()
 * optimizer.lr // 0.05
 * ```
 */
export class ExponentialLR extends RateSchedule {
  readonly #gamma: number

  constructor(optimizer: Optimizer, { gamma }: ExponentialLROptions) {
    super(optimizer)
    requirePositive('ExponentialLR', { gamma })
    this.#gamma = gamma
    this.begin()
  }
  rateAt(step: number, base: number): number {
    return base * this.#gamma ** step
  }
}

/** {@link ExponentialLR} for the optimiser that it is given later. */
export const exponentialLR =
  (options: ExponentialLROptions): RateScheduleFactory =>
  (optimizer) =>
    new ExponentialLR(optimizer, options)

export interface PolynomialLROptions {
  /** Steps until 0 (default 5, as PyTorch's). */
  readonly totalIters?: number
  /** Default 1: a straight line. */
  readonly power?: number
}

/**
 * lr · (1 − t / totalIters)^power. Past the end, 0. As torch.optim.lr_scheduler.PolynomialLR.
 *
 * @example
 * ```ts
 * const schedule = new optim.PolynomialLR(optimizer, { totalIters: 4 }) // from 0.1
 * schedule.step()
 * schedule.step()
 * optimizer.lr // 0.05
 * ```
 */
export class PolynomialLR extends RateSchedule {
  readonly #totalIters: number
  readonly #power: number

  constructor(optimizer: Optimizer, { totalIters = 5, power = 1 }: PolynomialLROptions = {}) {
    super(optimizer)
    requireWhole('PolynomialLR', { totalIters })
    requirePositive('PolynomialLR', { power })
    this.#totalIters = totalIters
    this.#power = power
    this.begin()
  }
  rateAt(step: number, base: number): number {
    return base * (1 - Math.min(step, this.#totalIters) / this.#totalIters) ** this.#power
  }
}

/** {@link PolynomialLR} for the optimiser that it is given later. */
export const polynomialLR =
  (options: PolynomialLROptions = {}): RateScheduleFactory =>
  (optimizer) =>
    new PolynomialLR(optimizer, options)

/**
 * lr · factor(t), by a function of one's own. As torch.optim.lr_scheduler.LambdaLR.
 *
 * @throws BrickError `argument` where the factor is no number from 0.
 *
 * @example
 * ```ts
 * const schedule = optim.lambdaLR((t) => 1 / Math.sqrt(1 + t))(optimizer)
 * ```
 */
export class LambdaLR extends RateSchedule {
  readonly #factor: (step: number) => number

  constructor(optimizer: Optimizer, factor: (step: number) => number) {
    super(optimizer)
    this.#factor = factor
    this.begin()
  }
  rateAt(step: number, base: number): number {
    return base * this.#factor(step)
  }
}

/** {@link LambdaLR} for the optimiser that it is given later. */
export const lambdaLR =
  (factor: (step: number) => number): RateScheduleFactory =>
  (optimizer) =>
    new LambdaLR(optimizer, factor)
