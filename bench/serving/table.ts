import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { About } from '../row.ts'
import type { Served } from './serving.ts'

const names = { lenet: 'LeNet, 28 × 28', squeezenet1_1: 'SqueezeNet 1.1, 224 × 224' } as const
const forms = {
  JSON: 'infer, JSON',
  binary: 'infer, bytes',
  JPEG: 'classify, JPEG 640 × 480',
} as const

const titles = [
  'network',
  'request',
  'server',
  'clients',
  '--max-batch',
  'requests',
  'p50',
  'p99',
  'batch',
  'failed',
]

/** Others' share of the machine beyond which a figure means little. */
const BUSY = 0.1

const milliseconds = (value: number): string =>
  `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`

function cells(row: Served): string[] {
  return [
    names[row.kind],
    forms[row.form],
    row.by,
    `${row.clients}`,
    `${row.maxBatch}`,
    `${row.perSecond.toFixed(0)}/s${row.bystanders > BUSY ? ' (busy)' : ''}`,
    milliseconds(row.p50),
    milliseconds(row.p99),
    row.batch.toFixed(1),
    `${row.failed}`,
  ]
}

/** A line for the terminal. */
export function showServed(row: Served): string {
  const [
    name = '',
    form = '',
    by = '',
    clients,
    maxBatch,
    perSecond = '',
    p50,
    p99,
    batch,
    failed,
  ] = cells(row)
  return (
    `${name.padEnd(26)}${form.padEnd(25)}${by.padEnd(17)}×${`${clients}`.padEnd(3)} max-batch ${`${maxBatch}`.padEnd(3)}` +
    `${perSecond.padStart(14)}   p50 ${p50}   p99 ${p99}   batch ${batch}   failed ${failed}`
  )
}

const [begin, end] = ['<!-- begin -->', '<!-- end -->']

/** Puts the table into docs/serving.md. */
export function writeServing(rows: readonly Served[], { machine, date }: About): void {
  const page = fileURLToPath(new URL('../../../docs/serving.md', import.meta.url))
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${page} has no ${begin} … ${end}`)
  const line = (parts: readonly string[]) => `| ${parts.join(' | ')} |`
  const table = [
    `${machine}, ${date}`,
    '',
    line(titles),
    line(titles.map((_, i) => (i < 3 ? '---' : '---:'))),
    ...rows.map((row) => line(cells(row))),
  ]
  writeFileSync(page, `${text.slice(0, from)}${begin}\n\n${table.join('\n')}\n\n${text.slice(to)}`)
}
