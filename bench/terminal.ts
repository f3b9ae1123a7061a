import { showBytes, showShare, showTime, significant } from './format.ts'
import { type Figures, isBusy, type Row } from './row.ts'

/** A block of lines: one for each contestant, ours with how they compare with each peer. */
export function showRow(row: Row): string {
  const { workload, skipped, limits, unit, bystanders, figures, missing } = row
  if (skipped) return `${workload}   skipped: ${skipped}`
  const most = Object.entries(limits).map(([t, v]) => `${v.toFixed(0)} at ×${t}`)
  const title = [
    workload,
    most.length ? `   (most: ${most.join(', ')} ${unit})` : '',
    isBusy(row) ? `   BUSY MACHINE: others use ${showShare(bystanders)} of it` : '',
  ]
  const absent = missing.map(
    ({ name, threads, reason, isSkip }) =>
      `  ${`${name} ×${threads}`.padEnd(12)} ${isSkip ? 'skipped' : 'FAILED'}: ${reason}`,
  )
  return [title.join(''), ...figures.map((f) => showFigures(row, f)), ...absent].join('\n')
}

function showFigures({ unit }: Row, f: Figures): string {
  const warm = f.firstWarm === undefined ? '' : ` (${showTime(f.firstWarm)})`
  const ratios = Object.entries(f.ratios ?? {}).map(([peer, r]) => `×${significant(r)} ${peer}`)
  return [
    `  ${`${f.name} ×${f.threads}`.padEnd(12)}`,
    showTime(f.milliseconds).padStart(9),
    (f.rate ? `${significant(f.rate)} ${unit}` : '').padStart(13),
    showShare(f.ofLimit).padStart(6),
    showBytes(f.bytes).padStart(8),
    `first ${showTime(f.first)}${warm}`.padEnd(24),
    ratios.join(' '),
    f.note ?? '',
    f.disagrees.length ? `DISAGREES with ${f.disagrees.join(', ')}` : '',
  ]
    .join(' ')
    .trimEnd()
}
