import { BrickError } from '../base/errors.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import { ReduceLROnPlateau } from '../optim/schedules/plateau.ts'
import { Schedule } from '../optim/schedules/schedule.ts'
import type { Settings } from './options.ts'

/**
 * The schedule of a run.
 *
 * @throws BrickError `argument` for a plateau per step, or one that waits for the wrong direction.
 */
export function scheduleFor(optimizer: Optimizer, settings: Settings): Schedule | undefined {
  const { schedule: make, scheduleEvery, monitor, metrics } = settings
  const schedule = make?.(optimizer)
  if (!schedule) return undefined
  if (!(schedule instanceof Schedule)) {
    throw refused('what a schedule is made with', typeof schedule, 'Pass optim.stepLR({ … }).')
  }
  if (!(schedule instanceof ReduceLROnPlateau)) return schedule
  if (scheduleEvery === 'step') {
    const remedy = "Leave scheduleEvery at 'epoch'."
    throw refused('a plateau found epoch by epoch', "scheduleEvery 'step'", remedy)
  }
  const goal = metrics.find(({ name }) => name === monitor)?.goal ?? 'min'
  if (schedule.mode !== goal) {
    const remedy = `Pass reduceLROnPlateau({ mode: '${goal}' }).`
    throw refused(`mode '${goal}', as ${monitor} is monitored`, `'${schedule.mode}'`, remedy)
  }
  return schedule
}

function refused(wanted: string, got: string, remedy: string): BrickError {
  return new BrickError({ kind: 'argument', where: 'train.fit: schedule', wanted, got, remedy })
}
