import { showBytes, showShare, showTime, significant } from './format.ts'
import type { Entry, Outcome } from './race.ts'
import { disagreements, ratiosOf } from './ratios.ts'
import type { Workload } from './workloads/workload.ts'

/** With more than this share of the machine in others' hands, figures mean little. */
const BUSY = 0.1

/** A block of lines: one for each contestant, ours with how they compare with each peer. */
export function showOutcome(workload: Workload, outcome: Outcome): string {
  const unit = workload.bytes ? 'GB/s' : 'GFLOP/s'
  const limits = Object.entries(outcome.limits).map(([t, v]) => `${v.toFixed(0)} at ×${t}`)
  const title = [
    outcome.workload,
    limits.length ? `   (most: ${limits.join(', ')} ${unit})` : '',
    outcome.bystanders > BUSY
      ? `   BUSY MACHINE: others use ${showShare(outcome.bystanders)} of it`
      : '',
  ].join('')
  const lines = outcome.entries.map((entry) => showEntry(workload, outcome, entry))
  const absent = outcome.absent.map(
    ({ name, threads, reason, isSkip }) =>
      `  ${`${name} ×${threads}`.padEnd(12)} ${isSkip ? 'skipped' : 'FAILED'}: ${reason}`,
  )
  return [title, ...lines, ...absent].join('\n')
}

function showEntry(workload: Workload, outcome: Outcome, entry: Entry): string {
  const { milliseconds, first, firstWarm, bytes } = entry
  const work = workload.bytes || workload.flops
  const unit = workload.bytes ? 'GB/s' : 'GFLOP/s'
  const rate = work ? `${significant(work / milliseconds / 1e6)} ${unit}` : ''
  const ratios = entry.isOurs
    ? Object.entries(ratiosOf(entry, outcome)).map(([peer, r]) => `×${significant(r)} ${peer}`)
    : []
  const wrong = entry.isOurs ? disagreements(entry, workload.tolerance) : []
  return [
    `  ${`${entry.name} ×${entry.threads}`.padEnd(12)}`,
    showTime(milliseconds).padStart(9),
    rate.padStart(13),
    showShare(entry.ofPeak ?? entry.ofBandwidth).padStart(6),
    showBytes(bytes).padStart(8),
    `first ${showTime(first)}${firstWarm === undefined ? '' : ` (${showTime(firstWarm)})`}`.padEnd(
      24,
    ),
    ratios.join(' '),
    wrong.length ? `DISAGREES with ${wrong.join(', ')}` : '',
  ]
    .join(' ')
    .trimEnd()
}
