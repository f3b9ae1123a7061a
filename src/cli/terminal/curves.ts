import pc from 'picocolors'
import { niceScale, niceStep, type Scale } from '../../plot/scale.ts'

/** A line of a chart: a value for each epoch (or step), the first of which is number 1. */
export interface Curve {
  readonly label: string
  readonly values: readonly number[]
}

export interface CurveOptions {
  readonly title: string
  /** Characters of the plot, without the axis. Default 60. */
  readonly width?: number
  /** Lines of the plot. Default 10. */
  readonly height?: number
  /** What is counted. Default `epoch`. */
  readonly unit?: string
  /** Default: whether the terminal shows colours. */
  readonly color?: boolean
}

/** The dots of a Braille character (two columns of four), as bits over U+2800. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const

const paints = ['cyan', 'yellow', 'magenta', 'green', 'blue', 'red'] as const

/** Which dots of a line are drawn, over and over, and how the legend shows it. */
const patterns = [
  { dots: [true], sample: '⠒⠒⠒' },
  { dots: [true, false, false], sample: '⠂⠐⠄' },
  { dots: [true, true, true, true, true, false, false, false], sample: '⠒⠂⠒' },
  { dots: [true, true, true, true, false, false, true, false, false], sample: '⠒⠐⠒' },
] as const
const patternOf = (curve: number) => patterns[curve % patterns.length]!

/**
 * Curves as text, with axes and a legend: the first line is solid, the others are dotted or dashed,
 * so that they can be told apart without colour. Values that are not finite leave gaps.
 *
 * @example
 * ```ts
 * console.log(drawCurves([{ label: 'train', values: [2.3, 0.9, 0.4] }], { title: 'loss' }))
 * ```
 */
export function drawCurves(curves: readonly Curve[], options: CurveOptions): string {
  const { title, width = 60, height = 10, unit = 'epoch' } = options
  const colors = pc.createColors(options.color ?? pc.isColorSupported)
  const finite = curves.flatMap(({ values }) => values.filter(Number.isFinite))
  if (finite.length === 0) return `${colors.bold(title)}\n  no values\n`
  const scale = niceScale(Math.min(...finite), Math.max(...finite))
  const plot = new Plot(width, height)
  const length = Math.max(...curves.map(({ values }) => values.length))
  // From the last to the first, so that the first lies on top.
  for (const [i, { values }] of [...curves.entries()].reverse()) {
    plot.curve(pointsOf(values, length, scale, plot), i)
  }
  const labels = yLabels(scale, height)
  const margin = Math.max(...labels.map((label) => label.length))
  const lines = plot.rows().map((cells, row) => {
    const painted = runs(cells)
      .map(({ text, curve }) => paint(colors, curve, text))
      .join('')
    const label = labels[row]!
    return `${colors.dim(`${label.padStart(margin)} ${label ? '┤' : '│'}`)}${painted}`
  })
  const pad = ' '.repeat(margin + 2)
  const legend = curves.map(({ label }, i) => `${paint(colors, i, patternOf(i).sample)} ${label}`)
  const head = [title.length, ...curves.map(({ label }) => label.length + 4)]
  const isNarrow = head.reduce((sum, n) => sum + n + 3, 0) > width + 16
  const between = isNarrow ? `\n${pad}` : '   '
  return [
    `${pad}${[colors.bold(title), ...legend].join(between)}`,
    ...lines,
    colors.dim(`${' '.repeat(margin + 1)}└${'─'.repeat(width)}`),
    colors.dim(`${pad}${xLabels(length, width, unit)}`),
    '',
  ].join('\n')
}

/** Neighbours of one curve together, so that a colour is said once; no blanks at the end. */
function runs(cells: readonly Cell[]): Cell[] {
  const joined: Cell[] = []
  for (const cell of cells) {
    const last = joined.at(-1)
    if (last && last.curve === cell.curve)
      joined[joined.length - 1] = { ...last, text: last.text + cell.text }
    else joined.push(cell)
  }
  if (joined.at(-1)?.curve === undefined) joined.pop()
  return joined
}

type Colors = ReturnType<typeof pc.createColors>

function paint(colors: Colors, curve: number | undefined, text: string): string {
  return curve === undefined ? text : colors[paints[curve % paints.length]!](text)
}

interface Point {
  readonly x: number
  readonly y: number
}

/** The dots where a curve's values lie; none where a value is not finite. */
function pointsOf(
  values: readonly number[],
  length: number,
  { low, high }: Scale,
  { dotsWide, dotsHigh }: Plot,
): (Point | undefined)[] {
  return values.map((value, i) =>
    Number.isFinite(value)
      ? {
          x: length === 1 ? 0 : Math.round((i / (length - 1)) * (dotsWide - 1)),
          y: Math.round(((high - value) / (high - low)) * (dotsHigh - 1)),
        }
      : undefined,
  )
}

/** A text for each row of the plot that a tick falls on, '' for the others. */
function yLabels({ low, high, step }: Scale, height: number): string[] {
  const labels = new Array<string>(height).fill('')
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9))
  for (let i = 0; low + i * step <= high + step / 2; i++) {
    const value = low + i * step
    const row = Math.round(((high - value) / (high - low)) * (height - 1))
    labels[row] = Math.abs(value) >= 1e6 ? value.toExponential(1) : value.toFixed(digits)
  }
  return labels
}

/** Numbers under the axis, where there is room, and the unit. */
function xLabels(length: number, width: number, unit: string): string {
  const every = Math.max(1, niceStep(length / Math.max(1, Math.floor(width / 7))))
  const cells = new Array<string>(width + `${length} ${unit}`.length + 1).fill(' ')
  const write = (at: number, text: string) => {
    for (const [i, character] of [...text].entries()) cells[at + i] = character
  }
  const column = (i: number) => (length === 1 ? 0 : Math.round((i / (length - 1)) * (width - 1)))
  write(0, '1')
  for (let n = every; n < length; n += every) {
    const at = column(n - 1)
    if (at >= 3 && at <= width - 4) write(at, `${n}`)
  }
  write(column(length - 1), `${length} ${unit}`)
  return cells.join('').trimEnd()
}

interface Cell {
  readonly text: string
  readonly curve: number | undefined
}

/** A grid of Braille dots, with the curve that last drew in each character. */
class Plot {
  readonly dotsWide: number
  readonly dotsHigh: number
  readonly #width: number
  readonly #bits: Uint8Array
  readonly #curves: Int16Array

  constructor(width: number, height: number) {
    this.dotsWide = 2 * width
    this.dotsHigh = 4 * height
    this.#width = width
    this.#bits = new Uint8Array(width * height)
    this.#curves = new Int16Array(width * height).fill(-1)
  }

  /** Lines from point to point; the first curve solid, the others with dots left out, each its own way. */
  curve(points: readonly (Point | undefined)[], curve: number): void {
    const { dots } = patternOf(curve)
    let drawn = 0
    for (const [i, point] of points.entries()) {
      if (!point) continue
      const last = points[i - 1] ?? point
      const steps = Math.max(Math.abs(point.x - last.x), Math.abs(point.y - last.y), 1)
      for (let step = i === 0 || last === point ? steps : 1; step <= steps; step++) {
        const x = Math.round(last.x + ((point.x - last.x) * step) / steps)
        const y = Math.round(last.y + ((point.y - last.y) * step) / steps)
        if (dots[drawn++ % dots.length]) this.#dot(x, y, curve)
      }
    }
  }

  rows(): Cell[][] {
    const cells = Array.from(this.#bits, (bits, i) => ({
      text: bits === 0 ? ' ' : String.fromCodePoint(0x2800 + bits),
      curve: bits === 0 ? undefined : this.#curves[i]!,
    }))
    return Array.from({ length: cells.length / this.#width }, (_, row) =>
      cells.slice(row * this.#width, (row + 1) * this.#width),
    )
  }

  #dot(x: number, y: number, curve: number): void {
    const cell = (y >> 2) * this.#width + (x >> 1)
    this.#bits[cell]! |= DOTS[y & 3]![x & 1]!
    this.#curves[cell] = curve
  }
}
