import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import type { Dataset } from '../data/dataset.ts'
import { writeAtomically } from '../files/atomic.ts'
import { checkpointPath, holdsRun, readRunState } from '../train/checkpoint.ts'
import type { Classifier } from '../vision/classifier.ts'
import { type ClassificationReport, evaluateClassifier } from '../vision/evaluation.ts'
import { labelledFolder } from '../vision/labelled-folder.ts'
import { mistakesGallery } from '../vision/mistakes.ts'
import { checkpointIn } from '../vision/run.ts'
import { onBackend } from './backend.ts'
import { CorruptImages } from './corrupt-images.ts'
import { dataSource } from './datasets.ts'
import type { EvalFlags } from './flags.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'
import { configOf } from './saved-run.ts'
import { drawScores } from './scores.ts'
import { counterFor } from './terminal/counter.ts'

interface Subject {
  readonly classifier: Classifier
  readonly dataset: Dataset
  /** What is measured: `lenet after 20 epochs`. */
  readonly title: string
}

/** Measures a network on its dataset's test part, or on a folder of labelled images. */
export async function evalCommand(
  model: string,
  flags: EvalFlags,
  output: Output,
): Promise<number> {
  return onBackend(flags, async (backend) => {
    const { classifier, dataset, title } = await subjectOf(model, flags, output)
    const counter = await counterFor('images', output)
    const report = await evaluateClassifier(classifier, dataset, {
      batchSize: flags.batch ?? 64,
      onProgress: counter.update,
    }).finally(counter.end)
    const { mistakes, ...rest } = report
    output.event({
      event: 'eval',
      run: model,
      data: dataset.name,
      ...rest,
      accuracy: report.top1,
      mistakes: mistakes.length,
    })
    output.print(`${title}, on ${dataset.name} (${backend.name})\n`)
    show(report, classifier, output)
    const path = flags.gallery ?? (holdsRun(model) ? join(model, 'mistakes.png') : undefined)
    if (path === undefined) return 0
    if (mistakes.length === 0) {
      output.print('no mistakes to draw')
      return 0
    }
    await writeAtomically(path, await mistakesGallery(dataset, report, classifier.classNames))
    output.event({ event: 'gallery', path })
    output.print(`worst mistakes  ${path}`)
    return 0
  })
}

async function subjectOf(model: string, flags: EvalFlags, output: Output): Promise<Subject> {
  const corrupt = new CorruptImages(flags.skipCorrupt)
  const subject = await openSubject(model, flags, corrupt)
  corrupt.tell(output)
  return subject
}

async function openSubject(
  model: string,
  flags: EvalFlags,
  { options }: CorruptImages,
): Promise<Subject> {
  const reading = options.onSkip ? ({ ...options, corrupt: 'skip' } as const) : {}
  const classifier = await openNetwork(model, flags)
  const { data } = flags
  const which = checkpointIn(model, flags.checkpoint)
  if (which === undefined) {
    if (data === undefined) throw noData(model)
    const dataset = await labelledFolder(data, classifier, reading)
    return { classifier, dataset, title: classifier.name }
  }
  const state = await readRunState(model, which)
  const config = configOf({ path: checkpointPath(model, which), state })
  const title = `${config.model} after ${counted(state.history.length, 'epoch')}`
  if (data !== undefined && existsSync(data)) {
    return { classifier, dataset: await labelledFolder(data, classifier, reading), title }
  }
  const { test } = await dataSource(data ?? config.data).load(classifier.preprocessing, options)
  return { classifier, dataset: test, title }
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

function noData(model: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `eval ${model}`,
    wanted: 'images to measure it on',
    got: 'none',
    remedy: 'Add --data FOLDER, with a folder of images for each class.',
  })
}

function show(report: ClassificationReport, { classNames }: Classifier, output: Output): void {
  const { examples, top1, top5, loss } = report
  const share = (value: number) => `${(100 * value).toFixed(2)} %`
  const right = Math.round(top1 * examples)
  output.print(`  accuracy  ${share(top1)}  (${right} of ${examples})`)
  if (classNames.length > 5) output.print(`  top 5     ${share(top5)}`)
  output.print(`  loss      ${loss.toFixed(4)}\n`)
  output.print(drawScores(report, output))
}
