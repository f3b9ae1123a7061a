import type { Result } from './run.ts'

/** What failed, what was skipped by reason, and the counts. */
export function report(results: readonly Result[], list = false): string {
  const lines: string[] = []
  for (const result of results) {
    if (result.status === 'failed') lines.push(`FAILED ${result.case.name}: ${result.detail}`)
    if (list && result.status === 'passed') lines.push(`passed ${result.case.name}`)
  }
  const reasons = new Map<string, string[]>()
  for (const result of results) {
    if (result.status !== 'skipped') continue
    reasons.set(result.reason, [...(reasons.get(result.reason) ?? []), result.case.name])
  }
  const rows = [...reasons].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1))
  for (const [reason, names] of rows) {
    const shown = reason.startsWith('error of the suite') ? ` (${names.join(', ')})` : ''
    lines.push(`skipped ${names.length}: ${reason}${shown}`)
  }
  const count = (status: Result['status']) => results.filter((r) => r.status === status).length
  lines.push(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
  return lines.join('\n')
}
