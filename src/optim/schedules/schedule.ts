import { BrickError } from '../../base/errors.ts'
import type { Group } from '../groups.ts'
import type { Optimizer } from '../optimizer.ts'

/** What a schedule remembers: JSON, for a checkpoint. */
export interface ScheduleState {
  readonly name: string
  /** Calls of `step()` so far. */
  readonly step: number
  /** What else some schedules remember. */
  readonly [key: string]: number | string | null | readonly number[]
}

/** Makes a schedule for an optimiser that exists later: what `optim.stepLR(…)` returns. */
export type ScheduleFactory = (optimizer: Optimizer) => Schedule

/** Makes a schedule whose rates follow from the step alone. */
export type RateScheduleFactory = (optimizer: Optimizer) => RateSchedule

/** Rates that groups had before the first schedule of their optimiser: what schedules start from. */
const initial = new WeakMap<Group, number>()

/**
 * Sets the learning rates of an optimiser's groups, step by step or epoch by epoch: whoever trains
 * calls `step()` after each. A compiled step is not compiled anew.
 */
export abstract class Schedule {
  readonly optimizer: Optimizer
  /** The groups' rates that the schedule starts from. */
  readonly baseLrs: readonly number[]
  #step = 0

  constructor(optimizer: Optimizer) {
    this.optimizer = optimizer
    this.baseLrs = optimizer.groups.map((group) => {
      const lr = initial.get(group) ?? group.lr
      initial.set(group, lr)
      return lr
    })
  }

  /** Calls of {@link step} so far. */
  get lastStep(): number {
    return this.#step
  }

  /** The groups' present rates. */
  get lastLrs(): number[] {
    return this.optimizer.groups.map(({ lr }) => lr)
  }

  /**
   * Goes on by one step (or epoch).
   *
   * @param metric What a plateau is found by; others need none.
   */
  step(metric?: number): void {
    const lrs = this.next(this.#step + 1, metric)
    this.#step++
    this.set(lrs)
  }

  /** The groups' rates from a step on. */
  protected abstract next(step: number, metric: number | undefined): readonly number[]

  protected set(lrs: readonly number[]): void {
    this.optimizer.groups.forEach((group, i) => {
      if (group.lr !== lrs[i]) group.lr = lrs[i]!
    })
  }

  /** What the schedule remembers, for a checkpoint. */
  stateDict(): ScheduleState {
    return { name: this.constructor.name, step: this.#step }
  }

  /**
   * Continues from a `stateDict()` of a schedule of the same kind. Rates follow from this one's
   * options.
   *
   * @throws BrickError `checkpoint` for another kind.
   */
  loadStateDict(state: ScheduleState): void {
    if (state?.name !== this.constructor.name || !Number.isSafeInteger(state.step)) {
      throw new BrickError({
        kind: 'checkpoint',
        where: `${this.constructor.name}.loadStateDict`,
        wanted: `the state of a ${this.constructor.name}`,
        got: state?.name ? `that of a ${state.name}` : typeof state,
        remedy: 'Go on with the schedule that the run was started with.',
      })
    }
    this.#step = state.step
    this.restore(state)
  }

  /** Takes over what else was remembered, and sets the rates. */
  protected abstract restore(state: ScheduleState): void
}

/**
 * A schedule whose rates follow from the step alone. It sets the rate of step 0 when it is made;
 * step t (from 0) is made with the rate after t calls of `step()`.
 *
 * A class of one's own overrides {@link RateSchedule.rateAt}, and ends its constructor with
 * `this.begin()`.
 */
export abstract class RateSchedule extends Schedule {
  /**
   * The rate of a step.
   *
   * @param step From 0.
   * @param base The rate that the group started with.
   * @param group The group's number.
   */
  abstract rateAt(step: number, base: number, group: number): number

  /** Sets the rates of the first step. */
  protected begin(): void {
    this.set(this.next(this.lastStep))
  }

  protected next(step: number): readonly number[] {
    return this.baseLrs.map((base, i) => this.rateAt(step, base, i))
  }

  protected override restore(): void {
    this.set(this.next(this.lastStep))
  }
}
