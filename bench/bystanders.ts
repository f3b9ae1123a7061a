import { readFileSync } from 'node:fs'
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

/** Milliseconds of processors that a process has used so far, with its threads; on Linux alone. */
function usedBy(pid: number): number {
  try {
    // Behind the name, which may have spaces in it; a tick is a hundredth of a second.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return Number.NaN
  }
}

/**
 * What comes of `body`, and the share of the machine that others used meanwhile: all but this
 * process and `pid`. NaN where the system does not tell.
 */
export async function amongBystanders<T>(
  pid: number,
  body: () => Promise<T>,
): Promise<{ result: T; share: number }> {
  const look = () => ({ ...spent(), own: usedBy(pid) + usedBy(process.pid) })
  const before = look()
  const result = await body()
  const after = look()
  const others = after.busy - before.busy - (after.own - before.own)
  return { result, share: Math.max(0, others / Math.max(1, after.all - before.all)) }
}

/**
 * Waits for half a second at most until the processors have nothing to do: some peers' threads go on
 * waiting at full speed after a turn (OpenBLAS's for more than a tenth of a second), in the others'
 * turns.
 */
export async function calm(): Promise<void> {
  for (let i = 0; i < GLANCES; i++) if ((await shareOfBystanders(GLANCE)) < IDLE) return
}
