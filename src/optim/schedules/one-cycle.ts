import { BrickError } from '../../base/errors.ts'
import type { Optimizer } from '../optimizer.ts'
import { requirePositive, requireRange, requireWhole } from '../options.ts'
import { cosineBetween } from './cosine.ts'
import { RateSchedule, type RateScheduleFactory } from './schedule.ts'

export interface OneCycleLROptions {
  /** The highest rate, or one for each group. */
  readonly maxLr: number | readonly number[]
  /** Steps of the whole cycle. */
  readonly totalSteps: number
  /** Share of the steps in which the rate rises (default 0.3). */
  readonly pctStart?: number
  /** `cos` (default) or `linear`. */
  readonly annealStrategy?: 'cos' | 'linear'
  /** The first rate is maxLr / divFactor (default 25). */
  readonly divFactor?: number
  /** The last rate is the first one / finalDivFactor (default 1e4). */
  readonly finalDivFactor?: number
  /** Fall to the first rate, and then to the last one (default false). */
  readonly threePhase?: boolean
}

/** From one rate to another, until a step. */
interface Phase {
  readonly end: number
  readonly from: number
  readonly to: number
}

/**
 * One rise and one fall of the learning rate, whatever rate the optimiser has: per step, not per
 * epoch. As torch.optim.lr_scheduler.OneCycleLR with cycle_momentum=False: momentum stays.
 *
 * Source: Smith and Topin, “Super-convergence: very fast training of neural networks using large
 * learning rates”, 2017.
 *
 * @throws BrickError `argument` for an impossible option, and past its end: where `step()` is called
 * more than `totalSteps` times.
 *
 * @example
 * ```ts
 * const schedule = new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 100 }) // from 0.1
 * optimizer.lr // 0.04
 * ```
 */
export class OneCycleLR extends RateSchedule {
  readonly #options: Required<OneCycleLROptions>

  constructor(optimizer: Optimizer, options: OneCycleLROptions) {
    super(optimizer)
    this.#options = {
      pctStart: 0.3,
      annealStrategy: 'cos',
      divFactor: 25,
      finalDivFactor: 1e4,
      threePhase: false,
      ...options,
    }
    const { totalSteps, pctStart, divFactor, finalDivFactor, maxLr } = this.#options
    requireWhole('OneCycleLR', { totalSteps })
    requirePositive('OneCycleLR', { divFactor, finalDivFactor })
    const isShare = (v: number) => v >= 0 && v <= 1
    requireRange('OneCycleLR', 'pctStart', pctStart, isShare, 'a number in [0, 1]')
    const groups = optimizer.groups.length
    if (typeof maxLr !== 'number' && maxLr.length !== groups) {
      const wanted = `maxLr for ${groups} groups`
      const got = `${maxLr.length}`
      throw new BrickError({ kind: 'argument', where: 'OneCycleLR', wanted, got })
    }
    for (const rate of [maxLr].flat()) requirePositive('OneCycleLR', { maxLr: rate as number })
    this.begin()
  }

  rateAt(step: number, _: number, group: number): number {
    const { maxLr, totalSteps, annealStrategy } = this.#options
    if (step > totalSteps) throw pastEnd(step, totalSteps)
    const phases = this.#phases(typeof maxLr === 'number' ? maxLr : maxLr[group]!)
    let start = 0
    for (const [i, { end, from, to }] of phases.entries()) {
      if (step <= end || i === phases.length - 1) {
        const share = end === start ? 1 : Math.min(1, (step - start) / (end - start))
        if (annealStrategy === 'cos') return cosineBetween(from, to, share)
        return from + (to - from) * share
      }
      start = end
    }
    throw pastEnd(step, totalSteps)
  }

  #phases(high: number): readonly Phase[] {
    const { totalSteps, pctStart, divFactor, finalDivFactor, threePhase } = this.#options
    const first = high / divFactor
    const last = first / finalDivFactor
    const top = pctStart * totalSteps - 1
    const rise = { end: top, from: first, to: high }
    if (!threePhase) return [rise, { end: totalSteps - 1, from: high, to: last }]
    return [
      rise,
      { end: 2 * pctStart * totalSteps - 2, from: high, to: first },
      { end: totalSteps - 1, from: first, to: last },
    ]
  }
}

function pastEnd(step: number, totalSteps: number): BrickError {
  return new BrickError({
    kind: 'argument',
    where: 'OneCycleLR',
    wanted: `at most ${totalSteps} steps, as totalSteps says`,
    got: `step ${step}`,
    remedy: 'Set totalSteps to epochs · steps of an epoch.',
  })
}

/** {@link OneCycleLR} for the optimiser that it is given later. */
export const oneCycleLR =
  (options: OneCycleLROptions): RateScheduleFactory =>
  (optimizer) =>
    new OneCycleLR(optimizer, options)
