import { cpus } from 'node:os'
import { setTimeout } from 'node:timers/promises'

const MILLISECONDS = 100

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
export async function shareOfBystanders(): Promise<number> {
  const before = spent()
  await setTimeout(MILLISECONDS)
  const after = spent()
  return (after.busy - before.busy) / Math.max(1, after.all - before.all)
}
