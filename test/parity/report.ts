import type { Result } from './run.ts'

/** One line for each tensor that is off, and for what else went wrong. */
export function failureLines(results: readonly Result[]): string[] {
  return results.flatMap((result) =>
    result.status === 'failed'
      ? result.differences.map(
          ({ tensor, detail }) =>
            `FAILED  ${result.case.group} / ${result.case.name}: ${tensor}: ${detail}`,
        )
      : [],
  )
}

/** One line for each case that was left out, with the reason. */
export function skipLines(results: readonly Result[]): string[] {
  return results.flatMap((result) =>
    result.status === 'skipped'
      ? [`skipped ${result.case.group} / ${result.case.name}: not supported: ${result.reason}`]
      : [],
  )
}

/** One line for each case that passed with a reservation. */
export function noteLines(results: readonly Result[]): string[] {
  return results.flatMap((result) =>
    result.status === 'passed' && result.note
      ? [`note    ${result.case.group} / ${result.case.name}: ${result.note}`]
      : [],
  )
}

const count = (results: readonly Result[], status: Result['status']): number =>
  results.filter((result) => result.status === status).length

/** `3 passed, 0 failed, 1 skipped`. */
export function summary(results: readonly Result[]): string {
  const words = (['passed', 'failed', 'skipped'] as const).map((s) => `${count(results, s)} ${s}`)
  return words.join(', ')
}

/** The whole printout: a line for each group, failures, skips, the totals. */
export function report(results: readonly Result[]): string {
  const groups = [...new Set(results.map((result) => result.case.group))]
  const width = Math.max(...groups.map((name) => name.length))
  const perGroup = groups.map((name) => {
    const own = results.filter((result) => result.case.group === name)
    return `${name.padEnd(width)}  ${summary(own)}`
  })
  const remarks = [skipLines, noteLines, failureLines].flatMap((lines) => lines(results))
  return [...perGroup, ...remarks, summary(results)].join('\n')
}
