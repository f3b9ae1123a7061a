import type { Device, Executable } from '../device/device.ts'
import type { About } from '../loop/ir.ts'

/** Kernels of a program that have lines of their own. */
const ROWS = 25
/** Programs below this share of the time are only counted. */
const SMALL = 0.01
const WIDTH = 100

interface Row {
  readonly name: string
  readonly about: About
  readonly runs: number
  /** Of all runs. */
  readonly microseconds: number
}

interface Entry {
  readonly number: number
  readonly device: Device
  readonly executable: Executable
}

const entries: Entry[] = []

/** Keeps a program's times for the report; the first one has it printed when the process ends. */
export function recordProfile(device: Device, executable: Executable): void {
  if (entries.length === 0) globalThis.process?.once?.('exit', () => console.error(profile()))
  entries.push({ number: entries.length + 1, device, executable })
}

/** Where the time went so far: what BRICK_DEBUG=profile prints when the process ends. */
export function profile(): string {
  const all = entries.map((entry) => ({ ...entry, rows: rowsOf(entry) }))
  const total = all.reduce((sum, { rows }) => sum + timeOf(rows), 0)
  const shown = all
    .filter(({ rows }) => timeOf(rows) >= SMALL * total && timeOf(rows) > 0)
    .sort((a, b) => timeOf(b.rows) - timeOf(a.rows))
  return shown.map(tableOf).join('\n\n')
}

function rowsOf({ executable }: Entry): Row[] {
  const { program, times } = executable
  if (!times) return []
  return program.kernels.map(({ name, about }, i) => ({
    name,
    about: about!,
    runs: times.runs,
    microseconds: Number(times.nanoseconds[i]) / 1000,
  }))
}

const timeOf = (rows: readonly Row[]): number =>
  rows.reduce((sum, { microseconds }) => sum + microseconds, 0)

type Table = Entry & { readonly rows: readonly Row[] }

function tableOf({ number, device, executable, rows }: Table): string {
  const { runs, threads } = executable.times!
  const time = timeOf(rows)
  const head = [
    `program ${number}`,
    `${device.name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    `${rows.length} kernels`,
    `${runs} ${runs === 1 ? 'run' : 'runs'}`,
    `${(time / runs).toFixed(1)} µs a run`,
  ].join(' · ')
  const sorted = rows.toSorted((a, b) => b.microseconds - a.microseconds)
  const lines = sorted.slice(0, ROWS).map((row) => lineOf(row, time))
  const rest = sorted.slice(ROWS)
  const others = `${share(timeOf(rest), time)} ${perRun(rest, runs)}  ${rest.length} others`
  return [head, titles, ...lines, ...(rest.length > 0 ? [others] : [])].join('\n')
}

const titles = ' share    µs/run GFLOP/s    GB/s  kernel'

function lineOf(row: Row, total: number): string {
  const { about, runs, microseconds } = row
  const rate = (amount: number) => {
    const perSecond = (amount * runs) / microseconds / 1000
    return (perSecond === 0 ? '–' : perSecond.toFixed(1)).padStart(7)
  }
  const cells = [
    share(microseconds, total),
    perRun([row], runs),
    rate(about.flops),
    rate(about.bytes),
    '',
  ].join(' ')
  const place = placeOf(about)
  const room = Math.max(24, WIDTH - cells.length - Math.min(place.length, 30) - 2)
  return `${cells} ${cut(about.title, room).padEnd(room)} ${place}`
}

const share = (part: number, whole: number): string =>
  `${((100 * part) / whole).toFixed(1)} %`.padStart(7)
const perRun = (rows: readonly Row[], runs: number): string =>
  (timeOf(rows) / runs).toFixed(1).padStart(9)

const cut = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, room - 1)}…`

/** The end of the file's path, the line, the last part of the place in the model; ∇ for gradients. */
function placeOf({ line, scope, gradient }: About): string {
  const file = line.split('/').at(-1)!
  const where = scope.split('.').slice(1).join('.')
  return `${gradient ? '∇ ' : ''}${file}${where && ` ${where}`}`
}
