import { showBytes, showShare, showTime, significant } from './format.ts'
import { againstBest, type Figures, figuresFor, isBusy, type Row } from './row.ts'
import { atMost, leastBytes, speedTarget, targetsOf } from './targets.ts'

type Cell = (row: Row) => string
type Column = readonly [title: string, cell: Cell]

function table(columns: readonly Column[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(columns.map(([title]) => title)),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row)))),
  ].join('\n')
}

const time = (figures: Figures | undefined): string =>
  figures ? showTime(figures.milliseconds) : ''

const oneThread =
  (name: string): Cell =>
  (row) =>
    time(figuresFor(row, { name, threads: 1 }))

/** Time with all threads, and the rate. */
const allThreads =
  (name: string): Cell =>
  (row) => {
    const figures = atMost(row, name)
    const rate = figures?.rate ? `, ${significant(figures.rate)} ${row.unit}` : ''
    return time(figures) + rate
  }

/** How the best peer compares; bold where the target is reached, with the target where it is not. */
const against =
  (name: 'native' | 'wasm'): Cell =>
  (row) => {
    const target = speedTarget(row, name)
    if (target) {
      return target.reached ? `**${target.got}** ✓` : `${target.got} (${target.wanted}) ✗`
    }
    const figures = atMost(row, name)
    const best = figures && againstBest(figures)
    return best ? `×${significant(best.ratio)}` : ''
  }

/** A peer's best time, and with how many threads. */
const best =
  (name: string): Cell =>
  ({ figures }) => {
    const all = figures.filter((f) => f.name === name)
    if (all.length === 0) return ''
    const { milliseconds, threads } = all.reduce((a, b) =>
      b.milliseconds < a.milliseconds ? b : a,
    )
    return `${showTime(milliseconds)} (${threads})`
  }

const memoryOf =
  (name: string): Cell =>
  (row) => {
    const bytes = leastBytes(row, name)
    return bytes === undefined ? '' : showBytes(bytes)
  }

const firstOf =
  (name: string): Cell =>
  (row) => {
    const figures = atMost(row, name)
    return figures ? showTime(figures.first) : ''
  }

function warm(row: Row): string {
  const warm = atMost(row, 'native')?.firstWarm
  return warm === undefined ? '' : showTime(warm)
}

/** Runs under the same circumstances, by letter. */
function runsOf(rows: readonly Row[]): Map<string, string> {
  const runs = new Map<string, string>()
  for (const { about } of rows) {
    const versions = Object.entries(about.versions).map(([name, v]) => `${name}: ${v}`)
    const text = [about.date, about.machine, ...versions].join('; ')
    if (!runs.has(text)) runs.set(text, String.fromCharCode(97 + runs.size))
  }
  return runs
}

function letterOf(row: Row, runs: ReadonlyMap<string, string>): string {
  const [own] = runsOf([row]).keys()
  return `${runs.get(own!) ?? ''}${isBusy(row) ? ' (busy machine)' : ''}`
}

/** What could not be measured, each reason once. */
function gaps(rows: readonly Row[]): string[] {
  const reasons = new Map<string, string[]>()
  const add = (reason: string, workload: string) => {
    const known = reasons.get(reason) ?? []
    if (!known.includes(workload)) known.push(workload)
    reasons.set(reason, known)
  }
  for (const { workload, skipped, missing } of rows) {
    if (skipped) add(skipped, workload)
    for (const { name, reason } of missing) add(`${name}: ${reason}`, workload)
  }
  return [...reasons].map(([reason, workloads]) => `- ${reason}: ${workloads.join('; ')}`)
}

function wrongResults(rows: readonly Row[]): string[] {
  return rows.flatMap(({ workload, figures }) =>
    figures
      .filter((f) => f.disagrees.length)
      .map(
        (f) =>
          `- **${workload}: ${f.name} ×${f.threads} disagrees** with ${f.disagrees.join(', ')}`,
      ),
  )
}

/** The tables of docs/benchmarks.md. */
export function markdown(all: readonly Row[]): string {
  const rows = all.filter(({ skipped }) => !skipped)
  const runs = runsOf(rows)
  const speed: Column[] = [
    ['workload', (row) => row.workload],
    ['native, 1 thread', oneThread('native')],
    ['native, all', allThreads('native')],
    ['of the limit', (row) => showShare(atMost(row, 'native')?.ofLimit)],
    ['× best peer', against('native')],
    ['wasm, 1 thread', oneThread('wasm')],
    ['wasm, all', allThreads('wasm')],
    ['of the limit', (row) => showShare(atMost(row, 'wasm')?.ofLimit)],
    ['× best peer', against('wasm')],
    ['PyTorch', best('torch')],
    ['OpenBLAS', best('openblas')],
    ['TensorFlow.js', best('tfjs')],
    ['jax-js', best('jax-js')],
    ['run', (row) => letterOf(row, runs)],
  ]
  const cost: Column[] = [
    ['workload', (row) => row.workload],
    ['memory: native', memoryOf('native')],
    ['wasm', memoryOf('wasm')],
    ['PyTorch', memoryOf('torch')],
    ['TensorFlow.js', memoryOf('tfjs')],
    ['jax-js', memoryOf('jax-js')],
    ['first call: native, empty cache', firstOf('native')],
    ['warm cache', warm],
    ['wasm', firstOf('wasm')],
    ['PyTorch', firstOf('torch')],
  ]
  const targets = targetsOf(rows)
  const reached = targets.filter((t) => t.reached).length
  return [
    '## Speed',
    table(speed, rows),
    ['Runs:', ...[...runs].map(([text, letter]) => `- ${letter}: ${text}`)].join('\n'),
    wrongResults(rows).join('\n'),
    '## Memory and the first call',
    table(cost, rows),
    `## Targets: ${reached} of ${targets.length} reached`,
    [
      '| target | wanted | measured | |',
      '|---|---|---|---|',
      ...targets.map(
        (t) => `| ${t.about} | ${t.wanted} | ${t.got} | ${t.reached ? 'reached' : '**missed**'} |`,
      ),
    ].join('\n'),
    '## Not measured',
    gaps(all).join('\n'),
  ]
    .filter(Boolean)
    .join('\n\n')
}
