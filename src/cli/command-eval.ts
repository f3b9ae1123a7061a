import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import type { Dataset } from '../data/dataset.ts'
import { writeAtomically } from '../files/atomic.ts'
import { holdsRun } from '../train/checkpoint.ts'
import type { Classifier } from '../vision/classifier.ts'
import { type ClassificationReport, evaluateClassifier } from '../vision/evaluation.ts'
import { labelledFolder } from '../vision/labelled-folder.ts'
import { mistakesGallery } from '../vision/mistakes.ts'
import { onBackend } from './backend.ts'
import { dataSource } from './datasets.ts'
import type { EvalFlags } from './flags.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'
import { openSavedRun } from './saved-run.ts'
import { drawScores } from './scores.ts'

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
    const { classifier, dataset, title } = await subjectOf(model, flags)
    const report = await evaluateClassifier(classifier, dataset, { batchSize: flags.batch ?? 64 })
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
    if (mistakes.length === 0) return 0
    const path = flags.gallery ?? (holdsRun(model) ? join(model, 'mistakes.png') : undefined)
    if (path === undefined) return 0
    await writeAtomically(path, await mistakesGallery(dataset, report, classifier.classNames))
    output.event({ event: 'gallery', path })
    output.print(`worst mistakes  ${path}`)
    return 0
  })
}

async function subjectOf(model: string, flags: EvalFlags): Promise<Subject> {
  if (!holdsRun(model) && !existsSync(join(model, 'best.safetensors'))) {
    const classifier = await openNetwork(model, flags)
    if (flags.data === undefined) throw noData(model)
    const dataset = await labelledFolder(flags.data, classifier)
    return { classifier, dataset, title: classifier.name }
  }
  const { classifier, config, checkpoint } = await openSavedRun(model, flags.checkpoint)
  const title = `${config.model} after ${checkpoint.state.history.length} epochs`
  if (flags.data !== undefined && existsSync(flags.data)) {
    return { classifier, dataset: await labelledFolder(flags.data, classifier), title }
  }
  const { test } = await dataSource(flags.data ?? config.data).load(classifier.preprocessing)
  return { classifier, dataset: test, title }
}

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
