import { dirname, extname, join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import type { EpochRecord } from '../train/history.ts'
import {
  curveNames,
  type NamedHistory,
  runLine,
  writeCurvesPng,
  writeCurvesSvg,
} from '../train/logs/curves.ts'
import type { PlotFlags } from './flags.ts'
import type { Output } from './output.ts'
import { type ListedRun, runsIn } from './run-list.ts'
import { type Chart, drawCharts } from './terminal/charts.ts'

/** Draws the curves of runs in the terminal and as files. */
export async function plotCommand(
  folders: readonly string[],
  { out }: PlotFlags,
  output: Output,
): Promise<number> {
  const writers = out === undefined ? undefined : [writerFor(out)]
  const listed = await runsOf(folders)
  const names = distinctNames(listed)
  const runs = listed.map(({ state }, i) => ({ label: names[i]!, history: state.history }))
  const options = runs.length === 1 ? headOf(listed[0]!) : { title: `${runs.length} runs` }
  const files = writers ?? defaultFiles(listed.map(({ folder }) => folder))
  for (const { path, write } of files) await write(path, runs, options)
  const drawn = listed.map(({ folder }) => folder)
  output.event({ event: 'plot', runs: drawn, files: files.map(({ path }) => path) })
  output.print(
    `\n${drawCharts([...chartsOf(runs), ...rateChart(runs)], { ...output, height: 11 })}`,
  )
  output.print(files.map(({ path }) => `written  ${path}`).join('\n'))
  return 0
}

/**
 * The runs of these folders. Pictures that lie beside them, as `runs/*` brings them, are left aside.
 *
 * @throws BrickError `checkpoint` or `file` for a folder without runs, or a damaged one.
 */
async function runsOf(folders: readonly string[]): Promise<ListedRun[]> {
  const isPicture = (path: string) => /\.(svg|png)$/i.test(path)
  const asked = folders.filter((path) => !isPicture(path))
  const found = (await Promise.all((asked.length ? asked : folders).map(runsIn))).flat()
  return found.map((run) => {
    if ('state' in run) return run
    throw run.error
  })
}

/** The title of a single run's curves, as training wrote it. */
function headOf({ name, state }: ListedRun) {
  const { config, data, optimizer } = state
  const { initialLrs = [optimizer.initialLr] } = optimizer
  const model = typeof config['model'] === 'string' ? config['model'] : 'model'
  const subtitle = runLine(model, data.name, optimizer.name, initialLrs, data.batchSize)
  return { title: name, subtitle }
}

/** Folder names, or whole paths where two names are the same. */
function distinctNames(runs: readonly { readonly name: string; readonly folder: string }[]) {
  const isDistinct = new Set(runs.map(({ name }) => name)).size === runs.length
  return runs.map(({ name, folder }) => (isDistinct ? name : folder))
}

interface File {
  readonly path: string
  readonly write: typeof writeCurvesSvg
}

/** @throws BrickError `argument` for another kind of file. */
function writerFor(path: string): File {
  const extension = extname(path).toLowerCase()
  if (extension === '.svg') return { path, write: writeCurvesSvg }
  if (extension === '.png') return { path, write: writeCurvesPng }
  throw new BrickError({
    kind: 'argument',
    where: '--out',
    wanted: 'a file that ends in .svg or .png',
    got: path,
  })
}

/** In the run's folder; for several, beside the first one's. */
function defaultFiles(folders: readonly string[]): File[] {
  const [first] = folders as [string]
  const base = folders.length === 1 ? join(first, 'curves') : join(dirname(first), 'compare')
  return [writerFor(`${base}.svg`), writerFor(`${base}.png`)]
}

/** A chart for the loss and one for each metric. */
export function chartsOf(runs: readonly NamedHistory[]): Chart[] {
  return curveNames(runs).map((name) => {
    const isShare = name === 'accuracy'
    const value = (record: EpochRecord, part: 'train' | 'validation') => {
      const scores = record[part]
      const found = (name === 'loss' ? scores?.loss : scores?.metrics[name]) ?? Number.NaN
      return isShare ? 100 * found : found
    }
    const title = isShare ? 'accuracy %' : name
    const [only] = runs
    if (only && runs.length === 1) {
      const parts = (['train', 'validation'] as const).filter((part) =>
        only.history.some((record) => record[part]),
      )
      const curves = parts.map((part) => ({
        label: part,
        values: only.history.map((record) => value(record, part)),
      }))
      return { title, curves }
    }
    const curves = runs.map(({ label, history }) => ({
      label,
      values: history.map((record) => value(record, record.validation ? 'validation' : 'train')),
    }))
    return { title, curves }
  })
}

/** A chart of the learning rates, where they change. */
function rateChart(runs: readonly NamedHistory[]): Chart[] {
  const curves = runs.map(({ label, history }) => ({
    label: runs.length === 1 ? 'of each last step' : label,
    values: history.map(({ lr }) => lr ?? Number.NaN),
  }))
  const isConstant = curves.every(({ values }) => new Set(values).size < 2)
  return isConstant ? [] : [{ title: 'learning rate', curves }]
}
