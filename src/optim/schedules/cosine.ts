import type { Optimizer } from '../optimizer.ts'
import { requireNatural, requireWhole } from '../options.ts'
import { RateSchedule, type RateScheduleFactory } from './schedule.ts'

export interface CosineAnnealingLROptions {
  /** Steps from the highest to the lowest rate. */
  readonly tMax: number
  /** The lowest rate (default 0). */
  readonly etaMin?: number
}

/** Half a cosine from `high` (share 0) to `low` (share 1), both exact. */
export function cosineBetween(high: number, low: number, share: number): number {
  const up = (1 + Math.cos(Math.PI * share)) / 2
  return high * up + low * (1 - up)
}

/**
 * ηmin + ½ (lr − ηmin)(1 + cos(π t / tMax)). Past tMax the rate rises again, to lr at 2 · tMax, and
 * so on, as the cosine does. As torch.optim.lr_scheduler.CosineAnnealingLR.
 *
 * Source: Loshchilov and Hutter, “SGDR: stochastic gradient descent with warm restarts”, 2016.
 *
 * @example
 * ```ts
 * const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: 2 }) // from 0.1
 * schedule.step()
 * optimizer.lr // 0.05
 * ```
 */
export class CosineAnnealingLR extends RateSchedule {
  readonly #tMax: number
  readonly #etaMin: number

  constructor(optimizer: Optimizer, { tMax, etaMin = 0 }: CosineAnnealingLROptions) {
    super(optimizer)
    requireWhole('CosineAnnealingLR', { tMax })
    requireNatural('CosineAnnealingLR', { etaMin })
    this.#tMax = tMax
    this.#etaMin = etaMin
    this.begin()
  }
  rateAt(step: number, base: number): number {
    return cosineBetween(base, this.#etaMin, step / this.#tMax)
  }
}

/** {@link CosineAnnealingLR} for the optimiser that it is given later. */
export const cosineAnnealingLR =
  (options: CosineAnnealingLROptions): RateScheduleFactory =>
  (optimizer) =>
    new CosineAnnealingLR(optimizer, options)

export interface CosineAnnealingWarmRestartsOptions {
  /** Steps until the first restart. */
  readonly t0: number
  /** How many times longer each period is than the one before (default 1): a whole number. */
  readonly tMult?: number
  /** The lowest rate (default 0). */
  readonly etaMin?: number
}

/**
 * Half a cosine from lr to ηmin, again and again: the first takes `t0` steps, each next one `tMult`
 * times more. Goes on for ever. As torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
 *
 * Source: Loshchilov and Hutter, “SGDR: stochastic gradient descent with warm restarts”, 2016.
 *
 * @example
 * ```ts
 * const schedule = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: 2 }) // from 0.1
 * schedule.step()
 * schedule.step()
 * optimizer.lr // 0.1
 * ```
 */
export class CosineAnnealingWarmRestarts extends RateSchedule {
  readonly #t0: number
  readonly #tMult: number
  readonly #etaMin: number

  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    super(optimizer)
    const { t0, tMult = 1, etaMin = 0 } = options
    requireWhole('CosineAnnealingWarmRestarts', { t0, tMult })
    requireNatural('CosineAnnealingWarmRestarts', { etaMin })
    this.#t0 = t0
    this.#tMult = tMult
    this.#etaMin = etaMin
    this.begin()
  }
  rateAt(step: number, base: number): number {
    let at = step
    let period = this.#t0
    if (this.#tMult === 1) at %= period
    for (; at >= period; period *= this.#tMult) at -= period
    return cosineBetween(base, this.#etaMin, at / period)
  }
}

/** {@link CosineAnnealingWarmRestarts} for the optimiser that it is given later. */
export const cosineAnnealingWarmRestarts =
  (options: CosineAnnealingWarmRestartsOptions): RateScheduleFactory =>
  (optimizer) =>
    new CosineAnnealingWarmRestarts(optimizer, options)
