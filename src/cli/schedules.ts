import { BrickError } from '../base/errors.ts'
import { sequentialLR } from '../optim/schedules/compose.ts'
import { cosineAnnealingLR } from '../optim/schedules/cosine.ts'
import { lambdaLR, stepLR } from '../optim/schedules/decay.ts'
import { oneCycleLR } from '../optim/schedules/one-cycle.ts'
import { reduceLROnPlateau } from '../optim/schedules/plateau.ts'
import type { RateScheduleFactory } from '../optim/schedules/schedule.ts'
import { linearLR } from '../optim/schedules/warmup.ts'
import type { FitOptions } from '../train/options.ts'

/** What a schedule of the command line depends on. */
export interface ScheduleSpec {
  readonly name: string
  readonly lr: number
  /** Updates of the whole run, and of the warm-up. */
  readonly steps: number
  readonly warmup: number
}

/** Schedules of the updates after the warm-up. */
const records: Readonly<Record<string, (steps: number, lr: number) => RateScheduleFactory>> = {
  constant: () => lambdaLR(() => 1),
  step: (steps) => stepLR({ stepSize: Math.ceil(steps / 3), gamma: 0.1 }),
  cosine: (steps) => cosineAnnealingLR({ tMax: steps }),
  'one-cycle': (steps, lr) => oneCycleLR({ maxLr: lr, totalSteps: steps }),
}

/** Names for `--schedule`. */
export const scheduleNames: readonly string[] = [...Object.keys(records), 'plateau']

/**
 * The schedule of a name, as options of `fit`: per update, but for the plateau.
 *
 * @throws BrickError `unknown` for another name, `argument` where it can't be warmed up.
 */
export function scheduleFor(
  spec: ScheduleSpec,
): Pick<FitOptions, 'schedule' | 'scheduleEvery'> | Record<string, never> {
  const { name, lr, steps, warmup } = spec
  if (warmup > 0 && (name === 'plateau' || name === 'one-cycle')) {
    throw new BrickError({
      kind: 'argument',
      where: '--warmup',
      wanted: 'the schedule constant, step or cosine',
      got: `'${name}'`,
      remedy: name === 'plateau' ? 'Leave out --warmup.' : 'One cycle warms up by itself.',
    })
  }
  if (name === 'plateau') return { schedule: reduceLROnPlateau({ factor: 0.5, patience: 2 }) }
  const make = Object.hasOwn(records, name) ? records[name]! : undefined
  if (!make) {
    const wanted = scheduleNames.join(', ')
    throw new BrickError({ kind: 'unknown', where: 'schedule', got: `'${name}'`, wanted })
  }
  if (warmup === 0) return name === 'constant' ? {} : perStep(make(steps, lr))
  const rising = linearLR({ startFactor: 1 / (warmup + 1), totalIters: warmup })
  const rest = make(Math.max(1, steps - warmup), lr)
  return perStep(sequentialLR({ schedules: [rising, rest], milestones: [warmup] }))
}

const perStep = (schedule: RateScheduleFactory) => ({ schedule, scheduleEvery: 'step' }) as const
