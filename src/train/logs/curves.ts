import { join } from 'node:path'
import { writeAtomically } from '../../files/atomic.ts'
import { type ChartOptions, drawChart, type Panel, type Series } from '../../plot/chart.ts'
import type { EpochRecord } from '../history.ts'

/** A run's curves, under a name. */
export interface NamedHistory {
  readonly label: string
  readonly history: readonly EpochRecord[]
}

type Part = 'train' | 'validation'

/** `loss` or a metric of an epoch; NaN where there is none. */
function scoreIn(record: EpochRecord, part: Part, name: string): number {
  const scores = record[part]
  const value = name === 'loss' ? scores?.loss : scores?.metrics[name]
  // JSON turns NaN into null.
  return value ?? Number.NaN
}

/** `loss` and the metrics' names. */
export function curveNames(runs: readonly NamedHistory[]): string[] {
  const records = runs.flatMap(({ history }) => history)
  return ['loss', ...new Set(records.flatMap(({ train }) => Object.keys(train.metrics)))]
}

/** The part that a run is judged by. */
const judged = ({ history }: NamedHistory): Part =>
  history.some(({ validation }) => validation) ? 'validation' : 'train'

const line = ({ history }: NamedHistory, part: Part, name: string): Series['points'] =>
  history.map((record) => [record.epoch, scoreIn(record, part, name)])

/** Up to so many runs are shown with their training curves, too. */
const CLEAR = 3

/** Train and validation of one run, or the judged curve of each of several with train dashed. */
function seriesOf(runs: readonly NamedHistory[], name: string): Series[] {
  const [first, ...others] = runs
  if (first && others.length === 0) {
    const parts: Part[] = judged(first) === 'train' ? ['train'] : ['train', 'validation']
    return parts.map((part, color) => ({ label: part, color, points: line(first, part, name) }))
  }
  const solid = runs.map((run, color) => ({
    label: run.label,
    color,
    points: line(run, judged(run), name),
  }))
  const dashed = runs.flatMap((run, color) =>
    judged(run) === 'train' || runs.length > CLEAR
      ? []
      : [{ label: `${run.label}, train`, color, dashed: true, points: line(run, 'train', name) }],
  )
  return [...solid, ...dashed]
}

/** Metrics of which small values are good. */
const falls = (name: string): boolean => /^(loss|mae|mse|perplexity)$/.test(name)

/** The best point of a curve. */
function bestOf(points: Series['points'], name: string): Series['points'][number] | undefined {
  const sign = falls(name) ? -1 : 1
  return points
    .filter(([, y]) => Number.isFinite(y))
    .reduce<Series['points'][number] | undefined>(
      (best, point) => (best && sign * point[1] <= sign * best[1] ? best : point),
      undefined,
    )
}

/** A panel for the loss, for each metric, and for the learning rate where it changes. */
export function curvePanels(runs: readonly NamedHistory[]): Panel[] {
  const panels = curveNames(runs).map((name): Panel => {
    const series = seriesOf(runs, name)
    const [only] = runs
    if (!only || runs.length > 1) return { title: name, series }
    const mark = bestOf(line(only, judged(only), name), name)
    if (!mark) return { title: name, series }
    const note = `best ${Number(mark[1].toPrecision(4))} at epoch ${mark[0]}`
    return { title: name, series, mark, note }
  })
  const rates = runs.map(({ label, history }, color) => ({
    label: runs.length > 1 ? label : 'learning rate',
    color: runs.length > 1 ? color : 2,
    points: history.flatMap(({ epoch, lr }) => (lr === undefined ? [] : [[epoch, lr] as const])),
  }))
  const isConstant = rates.every(({ points }) => new Set(points.map(([, lr]) => lr)).size < 2)
  return isConstant ? panels : [...panels, { title: 'learning rate', series: rates }]
}

/**
 * Writes curves as an SVG file, with texts in the viewer's fonts.
 *
 * @throws BrickError `file`.
 */
export async function writeCurvesSvg(
  path: string,
  runs: readonly NamedHistory[],
  options: ChartOptions,
): Promise<void> {
  const svg = drawChart(curvePanels(runs), options)
  await writeAtomically(path, new TextEncoder().encode(svg))
}

/** Pixels for each unit of the SVG. */
const SCALE = 2

/**
 * Writes curves as a PNG file; texts are shapes, since the machine may have no fonts.
 *
 * @throws BrickError `file`.
 */
export async function writeCurvesPng(
  path: string,
  runs: readonly NamedHistory[],
  options: ChartOptions,
): Promise<void> {
  const svg = drawChart(curvePanels(runs), { ...options, text: 'shapes' })
  const { default: sharp } = await import('sharp')
  const png = await sharp(Buffer.from(svg), { density: 72 * SCALE })
    .flatten({ background: 'white' })
    .png({ palette: true })
    .toBuffer()
  await writeAtomically(path, png)
}

/** What was trained, in a line. */
export function runLine(
  model: string,
  data: string,
  optimizer: string,
  lrs: readonly number[],
  batchSize: number,
): string {
  const rates = [...new Set(lrs)].join(', ')
  return `${model} on ${data} · ${optimizer}, learning rate ${rates} · batches of ${batchSize}`
}

/** `curves.svg` and `curves.png` of a run's folder. */
export async function writeCurves(
  folder: string,
  run: NamedHistory,
  subtitle: string,
): Promise<void> {
  if (run.history.length === 0) return
  const options = { title: run.label, subtitle }
  await writeCurvesSvg(join(folder, 'curves.svg'), [run], options)
  await writeCurvesPng(join(folder, 'curves.png'), [run], options)
}
