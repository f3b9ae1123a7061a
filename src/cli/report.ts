import { join } from 'node:path'
import sharp from 'sharp'
import type { Dataset } from '../data/dataset.ts'
import { interleaved } from '../data/readers/image.ts'
import { writeAtomically } from '../files/atomic.ts'
import { predictionGallery } from '../train/gallery.ts'
import { showSeconds } from '../train/progress.ts'
import type { Run } from '../train/run.ts'
import { type Mistake, probabilitiesOf, reportOf } from '../vision/evaluation.ts'
import { openRun } from '../vision/run.ts'
import { chartsOf } from './command-plot.ts'
import { commandPrefix } from './command-prefix.ts'
import { dataSource } from './datasets.ts'
import type { Output } from './output.ts'
import type { RunConfig } from './saved-run.ts'
import { drawScores } from './scores.ts'
import { drawCharts } from './terminal/charts.ts'

interface Subject {
  readonly run: Run
  readonly folder: string
  readonly config: RunConfig
  readonly test: Dataset
  /** Whether its features are another network's. */
  readonly isTransferred?: boolean
}

/** Shows how a run went: curves, confusion matrix, gallery, and what to try next. */
export async function reportRun(subject: Subject, output: Output): Promise<void> {
  const { run, folder, config, test } = subject
  const { classifier } = await openRun(folder)
  const probabilities = await probabilitiesOf(classifier, test)
  const report = reportOf(probabilities, test.labels()!, config.classNames)
  const right = report.examples - report.mistakes.length
  const gallery = join(folder, 'gallery.png')
  await writeAtomically(gallery, await predictionGallery(test, probabilities))
  const isBgr = config.preprocessing.channels === 'bgr'
  const sample = isBgr ? undefined : await writeSample(folder, test, report.mistakes)
  output.event({
    event: 'end',
    folder,
    best: run.best,
    stoppedBy: run.stoppedBy,
    seconds: run.seconds,
    accuracy: report.top1,
    confusion: report.confusion,
    gallery,
  })
  const charts = chartsOf([{ label: 'run', history: run.history }])
  output.print(run.history.length > 1 ? `\n${drawCharts(charts, output)}` : '')
  output.print(drawScores(report, output))
  const kind = config.holdOut === null ? 'validation' : 'test'
  output.print(verdict(run, { right, of: test.length, kind }, output))
  output.print(nextSteps(subject, { gallery, sample }, output))
}

/** How many of the examples that a run was chosen by, or tested on, are right. */
interface Score {
  readonly right: number
  readonly of: number
  readonly kind: 'validation' | 'test'
}

function verdict(run: Run, { right, of, kind }: Score, { colors }: Output): string {
  const share = ((100 * right) / of).toFixed(of < 1000 ? 1 : 2)
  const { best, history, stoppedBy, seconds } = run
  const early = stoppedBy === 'early-stopping' ? ', stopped early' : ''
  const epochs = `epoch ${best?.epoch} of ${history.length} was the best${early}`
  return [
    `${colors.bold(colors.green(`${share} %`))} of ${of} ${kind} examples right`,
    colors.dim(` · ${epochs} · ${showSeconds(seconds)}`),
    right === of ? '\nNo example was wrong.\n' : '\n',
  ].join('')
}

/** One example as an image file, to try `predict` with. Undefined if there is none that was right. */
async function writeSample(
  folder: string,
  test: Dataset,
  mistakes: readonly Mistake[],
): Promise<string | undefined> {
  const wrong = new Set(mistakes.map(({ index }) => index))
  const at = Array.from({ length: test.length }, (_, i) => i).findIndex((i) => !wrong.has(i))
  if (at < 0) return undefined
  const { dtype, shape, data: values } = (await test.get(at)).input
  const [channels, height, width] = shape as [1 | 3, number, number]
  const factor = dtype === 'f32' ? 255 : 1
  const data = Uint8Array.from(values, (value) => Math.round(value * factor))
  const raw = { width, height, channels }
  const png = await sharp(interleaved({ dtype: 'u8', shape, data }), { raw })
    .resize(width * Math.ceil(224 / width), undefined, { kernel: 'nearest' })
    .png()
    .toBuffer()
  const path = join(folder, 'try.png')
  await writeAtomically(path, png)
  return path
}

function nextSteps(
  { folder, config, isTransferred = false }: Subject,
  { gallery, sample }: { gallery: string; sample: string | undefined },
  output: Output,
): string {
  const command = commandPrefix()
  // Who has taught a network other classes has no need of training it anew on digits.
  const larger = isTransferred ? undefined : dataSource(config.data).larger
  const rows = [
    [`${command} eval ${folder}`, 'measure it again'],
    [`${command} predict ${folder} ${sample ?? 'image.png'}`, 'ask it what is on an image'],
    [`${command} serve ${folder}`, 'let it answer over HTTP'],
    [`${command} runs`, 'compare it with others'],
    ...(larger
      ? ([[`${command} train ${config.model} --data ${larger}`, 'learn something larger']] as const)
      : []),
  ] as const
  return [
    `run folder  ${folder}`,
    `gallery     ${gallery}`,
    `curves      ${join(folder, 'curves.png')}`,
    '',
    'Next:',
    ...inTwoColumns(rows, output),
    '',
  ].join('\n')
}

/** Commands with what they do beside them, or above them where the line is too short. */
function inTwoColumns(
  rows: readonly (readonly [text: string, what: string])[],
  { colors, columns }: Output,
): string[] {
  const wide = Math.max(...rows.map(([text]) => text.length))
  const isNarrow = rows.some(([, what]) => wide + what.length + 5 > columns)
  return rows.flatMap(([text, what]) =>
    isNarrow
      ? [colors.dim(`  # ${what}`), `  ${text}`]
      : [`  ${text.padEnd(wide)}   ${colors.dim(what)}`],
  )
}
