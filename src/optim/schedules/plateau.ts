import { BrickError } from '../../base/errors.ts'
import type { Optimizer } from '../optimizer.ts'
import { requireNatural, requireRange, requireWhole } from '../options.ts'
import { Schedule, type ScheduleFactory, type ScheduleState } from './schedule.ts'

export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall (`min`, default) or rise (`max`). */
  readonly mode?: 'min' | 'max'
  /** What the rate is multiplied by (default 0.1), below 1. */
  readonly factor?: number
  /** Steps without an improvement that are borne (default 10): the next one lowers the rate. */
  readonly patience?: number
  /** What counts as an improvement: a change by more than this (default 1e-4). */
  readonly threshold?: number
  /** Whether the threshold is a share of the best value (`rel`, default) or a difference (`abs`). */
  readonly thresholdMode?: 'rel' | 'abs'
  /** Steps after a reduction in which nothing is counted (default 0). */
  readonly cooldown?: number
  /** Rates are never lower, or one for each group (default 0). */
  readonly minLr?: number | readonly number[]
  /** Changes of the rate that are smaller are not made (default 1e-8). */
  readonly eps?: number
}

/** What is remembered from metric to metric. */
interface Waiting {
  readonly best: number | null
  readonly bad: number
  readonly cooling: number
}

/**
 * Lowers the rates when a metric has stopped improving: “start at 0.1, hold, halve” is
 * `sgd({ lr: 0.1 })` with `reduceLROnPlateau({ factor: 0.5 })`. Has no end. As
 * torch.optim.lr_scheduler.ReduceLROnPlateau; a metric of NaN is no improvement.
 *
 * @throws BrickError `argument` for an impossible option, and from `step()` without a metric.
 *
 * @example
 * ```ts
 * const schedule = new optim.ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 0 })
 * for (const loss of [1, 0.9, 0.95]) schedule.step(loss)
 * optimizer.lr // 0.05
 * ```
 */
export class ReduceLROnPlateau extends Schedule {
  readonly #options: Required<ReduceLROnPlateauOptions>
  #waiting: Waiting = { best: null, bad: 0, cooling: 0 }

  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    super(optimizer)
    this.#options = {
      mode: 'min',
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: 'rel',
      cooldown: 0,
      minLr: 0,
      eps: 1e-8,
      ...options,
    }
    const { factor, patience, cooldown, threshold, eps, minLr } = this.#options
    const isFactor = (v: number) => v > 0 && v < 1
    requireRange('ReduceLROnPlateau', 'factor', factor, isFactor, 'a number between 0 and 1')
    requireWhole('ReduceLROnPlateau', { patience, cooldown }, 0)
    requireNatural('ReduceLROnPlateau', { threshold, eps })
    for (const rate of [minLr].flat())
      requireNatural('ReduceLROnPlateau', { minLr: rate as number })
  }

  get mode(): 'min' | 'max' {
    return this.#options.mode
  }

  #isBetter(value: number, best: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options
    const margin = thresholdMode === 'rel' ? best * threshold : threshold
    return mode === 'min' ? value < best - margin : value > best + margin
  }

  protected next(_: number, metric: number | undefined): readonly number[] {
    if (typeof metric !== 'number') {
      throw new BrickError({
        kind: 'argument',
        where: 'ReduceLROnPlateau.step',
        wanted: 'the metric that should improve',
        got: typeof metric,
        remedy: 'Call step(validationLoss) after each epoch.',
      })
    }
    const { patience, cooldown } = this.#options
    let { best, bad, cooling } = this.#waiting
    const isBetter = best === null ? !Number.isNaN(metric) : this.#isBetter(metric, best)
    if (isBetter) best = metric
    bad = isBetter ? 0 : bad + 1
    if (cooling > 0) {
      cooling--
      bad = 0
    }
    const isDue = bad > patience
    this.#waiting = { best, bad: isDue ? 0 : bad, cooling: isDue ? cooldown : cooling }
    return isDue ? this.#lowered() : this.lastLrs
  }

  #lowered(): number[] {
    const { factor, minLr, eps } = this.#options
    return this.lastLrs.map((lr, i) => {
      const least = typeof minLr === 'number' ? minLr : (minLr[i] ?? 0)
      const next = Math.max(lr * factor, least)
      return lr - next > eps ? next : lr
    })
  }

  override stateDict(): ScheduleState {
    return { ...super.stateDict(), ...this.#waiting, lrs: this.lastLrs }
  }
  protected override restore({ best, bad, cooling, lrs }: ScheduleState): void {
    this.#waiting = { best: best as number | null, bad: Number(bad), cooling: Number(cooling) }
    this.set(lrs as readonly number[])
  }
}

/** {@link ReduceLROnPlateau} for the optimiser that it is given later. */
export const reduceLROnPlateau =
  (options: ReduceLROnPlateauOptions = {}): ScheduleFactory =>
  (optimizer) =>
    new ReduceLROnPlateau(optimizer, options)
