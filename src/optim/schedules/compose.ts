import { BrickError } from '../../base/errors.ts'
import type { Optimizer } from '../optimizer.ts'
import { checkMilestones } from './decay.ts'
import { RateSchedule, type RateScheduleFactory, type Schedule } from './schedule.ts'

function checkSchedules(where: string, schedules: readonly Schedule[]): void {
  const bad = schedules.find((schedule) => !(schedule instanceof RateSchedule))
  if (schedules.length > 0 && !bad) return
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: 'schedules whose rates follow from the step',
    got: bad ? bad.constructor.name : 'none',
    ...(bad ? { remedy: 'Reduce on plateau alone, or write a RateSchedule.' } : {}),
  })
}

export interface SequentialLROptions {
  readonly schedules: readonly RateScheduleFactory[]
  /** The steps at which the second, third, … schedule begins. */
  readonly milestones: readonly number[]
}

/**
 * One schedule after the other; each begins with its own step 0 at its milestone, from the rate
 * that the optimiser began with. Past the last milestone, as the last schedule. As
 * torch.optim.lr_scheduler.SequentialLR.
 *
 * @throws BrickError `argument` for another number of milestones than one less than the schedules.
 *
 * @example
 * ```ts
 * const schedule = new optim.SequentialLR(optimizer, {
 *   schedules: [optim.linearLR({ startFactor: 0.1, totalIters: 5 }), optim.cosineAnnealingLR({ tMax: 95 })],
 *   milestones: [5],
 * })
 * ```
 */
export class SequentialLR extends RateSchedule {
  readonly #schedules: readonly RateSchedule[]
  readonly #milestones: readonly number[]

  constructor(optimizer: Optimizer, { schedules, milestones }: SequentialLROptions) {
    super(optimizer)
    this.#schedules = schedules.map((make) => make(optimizer))
    this.#milestones = milestones
    checkSchedules('SequentialLR', this.#schedules)
    checkMilestones('SequentialLR', milestones)
    if (milestones.length !== schedules.length - 1) {
      throw new BrickError({
        kind: 'argument',
        where: 'SequentialLR',
        wanted: `${schedules.length - 1} milestones for ${schedules.length} schedules`,
        got: `${milestones.length}`,
      })
    }
    this.begin()
  }
  rateAt(step: number, base: number, group: number): number {
    const passed = this.#milestones.filter((milestone) => milestone <= step)
    const schedule = this.#schedules[passed.length]!
    return schedule.rateAt(step - (passed.at(-1) ?? 0), base, group)
  }
}

/** {@link SequentialLR} for the optimiser that it is given later. */
export const sequentialLR =
  (options: SequentialLROptions): RateScheduleFactory =>
  (optimizer) =>
    new SequentialLR(optimizer, options)

/**
 * Several schedules at once: each takes the rate of the one before as the rate it starts from, so
 * that factors multiply. As torch.optim.lr_scheduler.ChainedScheduler, for schedules that multiply
 * the rate by a factor.
 *
 * @throws BrickError `argument` for none, or one that is no rate of the step alone.
 *
 * @example
 * ```ts
 * const schedule = new optim.ChainedScheduler(optimizer, [
 *   optim.constantLR({ factor: 0.1, totalIters: 2 }), optim.exponentialLR({ gamma: 0.9 }),
 * ])
 * ```
 */
export class ChainedScheduler extends RateSchedule {
  readonly #schedules: readonly RateSchedule[]

  constructor(optimizer: Optimizer, schedules: readonly RateScheduleFactory[]) {
    super(optimizer)
    this.#schedules = schedules.map((make) => make(optimizer))
    checkSchedules('ChainedScheduler', this.#schedules)
    this.begin()
  }
  rateAt(step: number, base: number, group: number): number {
    return this.#schedules.reduce((rate, schedule) => schedule.rateAt(step, rate, group), base)
  }
}

/** {@link ChainedScheduler} for the optimiser that it is given later. */
export const chainedScheduler =
  (schedules: readonly RateScheduleFactory[]): RateScheduleFactory =>
  (optimizer) =>
    new ChainedScheduler(optimizer, schedules)
