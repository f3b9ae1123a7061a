import { cpus } from 'node:os'
import { setTimeout } from 'node:timers/promises'

const MILLISECONDS = 100
/** Glances until the processors are idle, and how long each is. */
const GLANCES = 25
const GLANCE = 20
const IDLE = 0.1

function spent(): { readonly busy: number; readonly all: number } {
  let busy = 0
  let idle = 0
  for (const { times } of cpus()) {
    idle += times.idle
    busy += times.user + times.nice + times.sys + times.irq
  }
  return { busy, all: busy + idle }
}

/**
 * The share of the machine that others use, who take no part: measured while all players wait.
 * Figures of a run with bystanders mean little, least of all those with all threads.
 */
export async function shareOfBystanders(milliseconds = MILLISECONDS): Promise<number> {
  const before = spent()
  await setTimeout(milliseconds)
  const after = spent()
  return (after.busy - before.busy) / Math.max(1, after.all - before.all)
}

/**
 * Waits for half a second at most until the processors have nothing to do: some peers' threads go on
 * waiting at full speed after a turn (OpenBLAS's for more than a tenth of a second), in the others'
 * turns.
 */
export async function calm(): Promise<void> {
  for (let i = 0; i < GLANCES; i++) if ((await shareOfBystanders(GLANCE)) < IDLE) return
}
