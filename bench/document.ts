import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { markdown } from './markdown.ts'
import type { Row } from './row.ts'

const docs = (name: string): string => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url))
const page = docs('benchmarks.md')
/** The rows behind the page, one a line, so that a run of some workloads can replace theirs. */
const data = docs('benchmarks.jsonl')

const [begin, end] = ['<!-- begin -->', '<!-- end -->']

/** Puts rows in the place of older ones with their names, in this order of names. */
export function merge(rows: readonly Row[], order: readonly string[]): Row[] {
  const lines = existsSync(data) ? readFileSync(data, 'utf8').trim().split('\n') : []
  const known = lines.filter(Boolean).map((line) => JSON.parse(line) as Row)
  const byName = new Map([...known, ...rows].map((row) => [row.workload, row]))
  return order.flatMap((name) => byName.get(name) ?? [])
}

/** Brings docs/benchmarks.md and the rows beside it up to date. */
export function writeDocuments(rows: readonly Row[], order: readonly string[]): void {
  const all = merge(rows, order)
  writeFileSync(data, all.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${page} has no ${begin} … ${end}`)
  writeFileSync(page, `${text.slice(0, from)}${begin}\n\n${markdown(all)}\n\n${text.slice(to)}`)
}
