import { writtenOperators } from '../../src/onnx/export/operators.ts'
import { domains } from '../../src/onnx/ops/table.ts'
import { LAST_OPSET } from '../../src/onnx/run/check.ts'
import type { Result } from './run.ts'

/** The tables of docs/onnx.md, between its marks. */

export const marks = ['<!-- made by onnx-conformance -->', '<!-- end -->'] as const

/** A document with the part between the marks made anew. */
export function withTables(text: string, results: readonly Result[], command: string): string {
  const [start, end] = marks
  const [from, to] = [text.indexOf(start) + start.length, text.indexOf(end)]
  return `${text.slice(0, from)}\n\n${tables(results, command)}\n${text.slice(to)}`
}

function tables(results: readonly Result[], command: string): string {
  const count = (status: Result['status']) => results.filter((r) => r.status === status).length
  const figures = `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`
  return [
    `\`${command}\`: **${figures}**.`,
    '',
    skips(results),
    '',
    `## Operators`,
    '',
    `*import*: from this opset on (to ${LAST_OPSET}, unless a last one is given). *export*: whether`,
    'exported files use it. *cases*: how many passing cases of the suite have it.',
    '',
    ...operatorRows(results),
  ].join('\n')
}

function skips(results: readonly Result[]): string {
  const reasons = new Map<string, number>()
  for (const result of results) {
    if (result.status !== 'skipped') continue
    reasons.set(result.reason, (reasons.get(result.reason) ?? 0) + 1)
  }
  const rows = [...reasons].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const lines = rows.map(([reason, n]) => `| ${reason} | ${n} |`)
  return ['| skipped because of | cases |', '| --- | ---: |', ...lines].join('\n')
}

/** The table of operators. */
export function operatorRows(results: readonly Result[]): string[] {
  const passed = results.filter(({ status }) => status === 'passed')
  const lines = ['| operator | import | export | cases |', '| --- | --- | --- | ---: |']
  for (const [domain, table] of Object.entries(domains)) {
    for (const name of Object.keys(table).sort()) {
      const { since, until } = table[name]!
      const exported = domain === '' && (writtenOperators as readonly string[]).includes(name)
      const cases = passed.filter((r) => r.operators.includes(name)).length
      const full = domain ? `${domain}.${name}` : name
      const range = until ? `${since}–${until}` : `${since}`
      lines.push(`| ${full} | ${range} | ${exported ? 'yes' : ''} | ${cases || ''} |`)
    }
  }
  return lines
}
