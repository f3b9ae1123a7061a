import { niceScale, niceStep, type Scale, showTick, ticksOf } from './scale.ts'
import { type DrawText, escapeText, type TextStyle, textDrawer } from './svg-text.ts'

/** A line of a chart. Points whose y is no finite number leave gaps. */
export interface Series {
  readonly label: string
  /** Which colour: series of one number have the same. */
  readonly color: number
  readonly dashed?: boolean
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** A plot with its own axes. */
export interface Panel {
  readonly title: string
  /** Beside the title: what is worth knowing. */
  readonly note?: string
  readonly series: readonly Series[]
  /** A point to mark, such as the best epoch. */
  readonly mark?: readonly [x: number, y: number]
}

export interface ChartOptions {
  readonly title: string
  /** Under the title. */
  readonly subtitle?: string
  /** What is counted along x. Default `epoch`. */
  readonly unit?: string
  /** Default `fonts`. */
  readonly text?: TextStyle
}

/** Colours that differ for colour-blind people too (Okabe and Ito, 2008). */
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#555555']
const INK = '#1f2328'
const DIM = '#656d76'
const GRID = '#e4e7eb'

const PANEL = { width: 480, height: 300 }
const INNER = { left: 62, right: 18, top: 44, bottom: 44 }
const MARGIN = 16
const HEAD = 56
const LEGEND_ROW = 22

const colorOf = (number: number): string => palette[number % palette.length]!

const round = (value: number): number => Math.round(value * 10) / 10

/** Where values of a panel lie, within the panel. */
interface Axes {
  readonly xLow: number
  readonly xHigh: number
  readonly y: Scale
}

const place = ({ xLow, xHigh, y }: Axes) => ({
  x: (value: number): number => {
    const width = PANEL.width - INNER.left - INNER.right
    const share = xHigh > xLow ? (value - xLow) / (xHigh - xLow) : 0.5
    return round(INNER.left + share * width)
  },
  y: (value: number): number => {
    const height = PANEL.height - INNER.top - INNER.bottom
    return round(INNER.top + ((y.high - value) / (y.high - y.low)) * height)
  },
})

function axesOf({ series }: Panel): Axes | undefined {
  const points = series.flatMap((one) => one.points.filter(([, y]) => Number.isFinite(y)))
  if (points.length === 0) return undefined
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const least = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b))
  const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b))
  return { xLow: least(xs), xHigh: most(xs), y: niceScale(least(ys), most(ys)) }
}

/** The lines through points, with gaps. */
function pathOf(points: Series['points'], at: ReturnType<typeof place>): string {
  let isDrawing = false
  return points
    .flatMap(([x, y]) => {
      const isKnown = Number.isFinite(y)
      const step = isKnown ? [`${isDrawing ? 'L' : 'M'}${at.x(x)} ${at.y(y)}`] : []
      isDrawing = isKnown
      return step
    })
    .join('')
}

function drawSeries({ label, color, dashed, points }: Series, at: ReturnType<typeof place>) {
  const stroke = colorOf(color)
  const style = dashed ? ' stroke-width="1.5" stroke-dasharray="4 3"' : ' stroke-width="2"'
  const line = `<path d="${pathOf(points, at)}" stroke="${stroke}"${style} fill="none" stroke-linejoin="round"><title>${escapeText(label)}</title></path>`
  const known = points.filter(([, y]) => Number.isFinite(y))
  // A single point makes no line.
  const dots = known.length === 1 ? known : []
  return [
    line,
    ...dots.map(([x, y]) => `<circle cx="${at.x(x)}" cy="${at.y(y)}" r="3" fill="${stroke}"/>`),
  ].join('')
}

/** Whole numbers along x, about one for each 60 pixels. */
function xTicks({ xLow, xHigh }: Axes): number[] {
  const step = Math.max(1, niceStep((xHigh - xLow) / 6 || 1))
  const first = Math.ceil(xLow / step) * step
  const ticks: number[] = []
  for (let x = first; x <= xHigh; x += step) ticks.push(x)
  return xLow < first && first - xLow > step / 2 ? [xLow, ...ticks] : ticks
}

function drawAxes(axes: Axes, unit: string, draw: DrawText): string {
  const at = place(axes)
  const right = PANEL.width - INNER.right
  const bottom = PANEL.height - INNER.bottom
  const rows = ticksOf(axes.y).map((value) => {
    const y = at.y(value)
    const label = draw(INNER.left - 8, y + 4, showTick(value, axes.y.step), {
      size: 12,
      color: DIM,
      anchor: 'end',
    })
    return `<path d="M${INNER.left} ${y}H${right}" stroke="${GRID}"/>${label}`
  })
  const columns = xTicks(axes).map((value) => {
    const options = { size: 12, color: DIM, anchor: 'middle' } as const
    return `<path d="M${at.x(value)} ${bottom}v4" stroke="${DIM}"/>${draw(at.x(value), bottom + 18, `${value}`, options)}`
  })
  const name = draw(right, bottom + 34, unit, { size: 12, color: DIM, anchor: 'end' })
  const base = `<path d="M${INNER.left} ${bottom}H${right}" stroke="${DIM}"/>`
  return [...rows, base, ...columns, name].join('')
}

function drawPanel(panel: Panel, unit: string, draw: DrawText): string {
  const { title, note, series, mark } = panel
  const head = draw(INNER.left, 26, title, { size: 14, color: INK, bold: true })
  const aside = note
    ? draw(PANEL.width - INNER.right, 26, note, { size: 12, color: DIM, anchor: 'end' })
    : ''
  const axes = axesOf(panel)
  if (!axes) {
    const middle = { size: 12, color: DIM, anchor: 'middle' } as const
    return head + draw(PANEL.width / 2, PANEL.height / 2, 'no values', middle)
  }
  const at = place(axes)
  // From the last to the first, so that the first lies on top.
  const lines = [...series].reverse().map((one) => drawSeries(one, at))
  const dot =
    mark && Number.isFinite(mark[1])
      ? `<circle cx="${at.x(mark[0])}" cy="${at.y(mark[1])}" r="4.5" fill="none" stroke="${INK}" stroke-width="1.5"/>`
      : ''
  return [head, aside, drawAxes(axes, unit, draw), ...lines, dot].join('\n')
}

/** Entries side by side, in as many rows as they need. */
function legendRows(series: readonly Series[], width: number): Series[][] {
  const rows: Series[][] = [[]]
  let used = 0
  for (const one of series) {
    const wide = 56 + 8.5 * one.label.length
    if (used + wide > width && rows.at(-1)!.length > 0) {
      rows.push([])
      used = 0
    }
    rows.at(-1)!.push(one)
    used += wide
  }
  return rows
}

function drawLegend(rows: readonly Series[][], top: number, draw: DrawText): string {
  return rows
    .flatMap((row, r) => {
      let x = MARGIN + INNER.left
      const y = top + r * LEGEND_ROW
      return row.map(({ label, color, dashed }) => {
        const dash = dashed ? ' stroke-width="1.5" stroke-dasharray="4 3"' : ' stroke-width="2"'
        const line = `<path d="M${x} ${y}h24" stroke="${colorOf(color)}"${dash}/>`
        const text = draw(x + 32, y + 4, label, { size: 12, color: INK })
        x += 56 + 8.5 * label.length
        return line + text
      })
    })
    .join('\n')
}

/**
 * Curves as an SVG picture: panels in two columns, with axes, a common legend and a title.
 *
 * @example
 * ```ts
 * const points = [[1, 2.3], [2, 0.9], [3, 0.4]] as const
 * const svg = drawChart(
 *   [{ title: 'loss', series: [{ label: 'train', color: 0, points }] }], { title: 'a run' },
 * )
 * ```
 */
export function drawChart(panels: readonly Panel[], options: ChartOptions): string {
  const { title, subtitle, unit = 'epoch', text = 'fonts' } = options
  const draw = textDrawer(text)
  const columns = Math.min(2, Math.max(1, panels.length))
  const rows = Math.ceil(panels.length / columns)
  const width = columns * PANEL.width + 2 * MARGIN
  const all = panels.flatMap(({ series }) => series)
  const distinct = all.filter((one, i) => all.findIndex(({ label }) => label === one.label) === i)
  const legend = legendRows(distinct, width - 2 * MARGIN - INNER.left)
  const bottom = HEAD + rows * PANEL.height
  const height = bottom + legend.length * LEGEND_ROW + MARGIN + 6
  const body = panels.map((panel, i) => {
    const x = MARGIN + (i % columns) * PANEL.width
    const y = HEAD + Math.floor(i / columns) * PANEL.height
    return `<g transform="translate(${x} ${y})">\n${drawPanel(panel, unit, draw)}\n</g>`
  })
  const left = MARGIN + INNER.left
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    draw(left, 30, title, { size: 18, color: INK, bold: true }),
    subtitle ? draw(left, 50, subtitle, { size: 12, color: DIM }) : '',
    ...body,
    drawLegend(legend, bottom + 16, draw),
    '</svg>',
    '',
  ].join('\n')
}
