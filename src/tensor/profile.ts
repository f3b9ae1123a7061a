import type { Device, Executable } from '../device/device.ts'
import { type Limits, limitsOf } from '../device/limits.ts'
import type { About } from '../loop/ir.ts'

/** Kernels of a program that have rows of their own. */
const ROWS = 25
/** Programs that have tables of their own, if they have at least this share of the time. */
const TABLES = 8
const SMALL = 0.01
const WIDTH = 100
const WIDEST_PLACE = 26

interface Entry {
  /** Programs are numbered as they were made. */
  readonly number: number
  readonly device: Device
  readonly executable: Executable
  readonly limits: readonly Limits[]
}

interface Row {
  readonly about: About
  /** For one run. */
  readonly microseconds: number
}

const entries: Entry[] = []

/** Keeps a program's times for the report; the first one has it printed when the process ends. */
export async function recordProfile(device: Device, executable: Executable): Promise<void> {
  const limits = await limitsOf(device)
  if (entries.length === 0) globalThis.process?.once?.('exit', () => console.error(profile()))
  entries.push({ number: entries.length + 1, device, executable, limits })
}

/**
 * Where the time went so far, under BRICK_DEBUG=profile: for each program a table of its kernels,
 * by the time they took. The same is printed to stderr when the process ends. Empty if nothing
 * was recorded.
 */
export function profile(): string {
  const ran = entries.filter(({ executable }) => executable.times!.runs > 0)
  const timeOf = ({ executable }: Entry) => executable.times!.milliseconds
  const total = ran.reduce((sum, entry) => sum + timeOf(entry), 0)
  const shown = ran
    .filter((entry) => timeOf(entry) >= SMALL * total)
    .sort((a, b) => timeOf(b) - timeOf(a))
    .slice(0, TABLES)
  const rest = ran.filter((entry) => !shown.includes(entry))
  const spent = rest.reduce((sum, entry) => sum + timeOf(entry), 0)
  const others = `${counted(rest.length, 'other program')}: ${timeText(spent * 1000)}`
  const limits = new Set(shown.map(limitsOfRuns))
  return [
    ...[...limits].map(limitsText),
    ...shown.map((entry) => `\n${tableOf(entry)}`),
    ...(rest.length > 0 ? [`\n${others}`] : []),
  ].join('\n')
}

function tableOf(entry: Entry): string {
  const { executable } = entry
  const { runs, nanoseconds } = executable.times!
  const rows = executable.program.kernels
    .map(({ about }, i): Row => ({ about: about!, microseconds: nanoseconds[i]! / 1000 / runs }))
    .sort((a, b) => b.microseconds - a.microseconds)
  const time = sum(rows, ({ microseconds }) => microseconds)
  const top = rows.slice(0, ROWS)
  const rest = rows.slice(ROWS)
  const places = top.map(({ about }) => placeOf(about))
  const limits = limitsOfRuns(entry)
  const room = WIDTH - numbers(rows, time, limits).length - 2
  const widest = Math.min(
    WIDEST_PLACE,
    Math.max(titles.place.length, ...places.map((p) => p.length)),
  )
  const line = (cells: string, title: string, place: string) =>
    `${cells}  ${exactly(title, room - widest - 1)} ${cutStart(place, widest)}`.trimEnd()
  return [
    headOf(entry, time),
    line(titles.numbers, titles.kernel, titles.place),
    ...top.map((row, i) => line(numbers([row], time, limits), row.about.title, places[i]!)),
    ...(rest.length > 0 ? [line(numbers(rest, time, limits), `${rest.length} others`, '')] : []),
  ].join('\n')
}

/** Those of the threads that the last run could use. */
const limitsOfRuns = ({ limits, executable }: Entry): Limits =>
  limits.find(({ threads }) => threads === executable.times!.threads) ?? limits.at(-1)!

function headOf({ number, device, executable }: Entry, inKernels: number): string {
  const { runs, milliseconds, threads } = executable.times!
  const whole = (milliseconds * 1000) / runs
  return [
    `program ${number}: ${device.name}, ${counted(threads, 'thread')}`,
    counted(runs, 'run'),
    `${timeText(whole)} a run, ${timeText(inKernels)} in ${counted(executable.program.kernels.length, 'kernel')}`,
  ].join(' · ')
}

function limitsText({ threads, lanes, peak, read, copy }: Limits): string {
  const multiplied = `${peak.toFixed(0)} GFLOP/s of multiply-adds in ${32 * lanes} bits`
  const memory = `${read.toFixed(0)} GB/s read, ${copy.toFixed(0)} GB/s copied`
  return `limits of ${counted(threads, 'thread')}: mul ${multiplied}, mem ${memory}`
}

const titles = {
  numbers: '  share   µs/run GFLOP/s   GB/s   of limit',
  kernel: 'kernel',
  place: 'asked for at',
}

/** The columns of numbers for these kernels together. */
function numbers(rows: readonly Row[], time: number, limits: Limits): string {
  const own = sum(rows, ({ microseconds }) => microseconds)
  const flops = sum(rows, ({ about }) => about.flops)
  const bytes = sum(rows, ({ about }) => about.reads + about.writes)
  const least = { mul: 0, mem: 0 }
  for (const { about } of rows) {
    const { by, microseconds } = leastTime(about, limits)
    least[by] += microseconds
  }
  const by = least.mul > least.mem ? 'mul' : 'mem'
  const percent = own > 0 ? (100 * (least.mul + least.mem)) / own : 0
  return [
    `${(time > 0 ? (100 * own) / time : 0).toFixed(1)} %`.padStart(7),
    own.toFixed(1).padStart(8),
    rate(flops, own).padStart(7),
    rate(bytes, own).padStart(6),
    `${percent.toFixed(0)} % ${by}`.padStart(10),
  ].join(' ')
}

/** What a kernel would take at the limit that binds it: multiply-adds or memory. */
function leastTime(
  { flops, reads, writes }: About,
  { peak, copy, read }: Limits,
): { readonly by: 'mul' | 'mem'; readonly microseconds: number } {
  const mul = flops / peak / 1000
  const bandwidth = writes < reads / 8 ? read : copy
  const mem = (reads + writes) / bandwidth / 1000
  return mul > mem ? { by: 'mul', microseconds: mul } : { by: 'mem', microseconds: mem }
}

/** Billions a second. */
function rate(amount: number, microseconds: number): string {
  return amount > 0 && microseconds > 0 ? (amount / microseconds / 1000).toFixed(1) : '–'
}

/** The file and line, and the place in the model; ∇ marks what is there for gradients. */
function placeOf({ line, scope, gradient }: About): string {
  const file = line.split(/[\\/]/).at(-1)!
  const within = scope.split('.').slice(1).join('.')
  return `${gradient ? '∇' : ' '} ${[file, within].filter(Boolean).join(' ')}`
}

const sum = (rows: readonly Row[], value: (row: Row) => number): number =>
  rows.reduce((total, row) => total + value(row), 0)

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

const timeText = (microseconds: number): string =>
  microseconds < 1000 ? `${microseconds.toFixed(1)} µs` : `${(microseconds / 1000).toFixed(2)} ms`

/** Exactly so wide. */
const exactly = (text: string, width: number): string =>
  (text.length <= width ? text : `${text.slice(0, width - 1)}…`).padEnd(width)

/** The end of a text, marks aside, if it is too long. */
const cutStart = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, 2)}…${text.slice(text.length - width + 3)}`
