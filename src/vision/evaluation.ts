import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import type { Dataset } from '../data/dataset.ts'
import { type PredictOptions, predict } from '../train/predict.ts'
import type { Classifier } from './classifier.ts'

/** How a class was recognised. */
export interface ClassScore {
  readonly name: string
  readonly examples: number
  /** Share of its examples that were recognised (recall); NaN without any. */
  readonly right: number
  /** Share of the examples taken for it that were it (precision); NaN without any. */
  readonly precision: number
}

/** An example that the network was wrong about. */
export interface Mistake {
  /** Its number in the dataset. */
  readonly index: number
  readonly label: number
  readonly predicted: number
  /** Of the predicted class. */
  readonly probability: number
  /** −ln of the true class's probability. */
  readonly loss: number
}

/** How well a network knows labelled images. */
export interface ClassificationReport {
  readonly examples: number
  /** Share of examples whose class has the highest probability. */
  readonly top1: number
  /** Share of those whose class is among the five highest. */
  readonly top5: number
  /** Mean −ln of the true class's probability. */
  readonly loss: number
  readonly classes: readonly ClassScore[]
  /** `confusion[t][p]`: examples of class t that were taken for class p. */
  readonly confusion: readonly (readonly number[])[]
  /** All mistakes, those with the highest loss first. */
  readonly mistakes: readonly Mistake[]
}

export type EvaluateClassifierOptions = Pick<PredictOptions, 'batchSize' | 'signal' | 'onProgress'>

/** No probability counts as less: −ln of it is 27.6. */
const LEAST = 1e-12

/**
 * Measures a classifier on a dataset of images as its preprocessing makes them.
 *
 * @throws BrickError `argument` for a dataset without labels, or with other classes.
 * @example
 * ```ts
 * const network = await vision.load('runs/lenet-digits-1')
 * const { top1, mistakes } = await vision.evaluate(network, test)
 * ```
 */
export async function evaluateClassifier(
  classifier: Classifier,
  dataset: Dataset,
  options: EvaluateClassifierOptions = {},
): Promise<ClassificationReport> {
  const labels = dataset.labels()
  if (!labels) {
    throw new BrickError({
      kind: 'argument',
      where: `evaluate: ${dataset.name}`,
      wanted: 'a dataset of classes, with labels()',
      got: 'one without labels',
    })
  }
  checkLabels(labels, dataset.name, classifier)
  const probabilities = await probabilitiesOf(classifier, dataset, options)
  return reportOf(probabilities, labels, classifier.classNames)
}

function checkLabels(labels: ArrayLike<number>, where: string, { name, classNames }: Classifier) {
  const odd = Array.from(labels).find((label) => !(label >= 0 && label < classNames.length))
  if (odd === undefined) return
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: `the classes of ${name}, from 0 to ${classNames.length - 1}`,
    got: `class ${odd}`,
    remedy: 'Measure it on images of the classes that it has learnt.',
  })
}

/** Probabilities [n, classes] of all examples of a dataset. */
export function probabilitiesOf(
  classifier: Classifier,
  dataset: Dataset,
  options: EvaluateClassifierOptions = {},
): Promise<ArrayView<'f32'>> {
  return predict(classifier.model, dataset, {
    ...options,
    normalize: classifier.preprocessing.normalize,
    output: (scores) => classifier.probabilitiesOf(scores),
  })
}

/** What probabilities [n, classes] say of examples with these classes. */
export function reportOf(
  { shape, data }: ArrayView<'f32'>,
  labels: ArrayLike<number>,
  classNames: readonly string[],
): ClassificationReport {
  const [n = 0, classes = 0] = shape
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  const mistakes: Mistake[] = []
  let [first, five, loss] = [0, 0, 0]
  for (let index = 0; index < n; index++) {
    const row = data.subarray(index * classes, (index + 1) * classes)
    const label = labels[index]!
    const own = row[label]!
    const predicted = row.indexOf(row.reduce((a, b) => Math.max(a, b)))
    const rank = row.reduce((better, p) => better + Number(p > own), 0)
    const cost = -Math.log(Math.max(own, LEAST))
    first += Number(predicted === label)
    five += Number(rank < 5)
    loss += cost
    confusion[label]![predicted]!++
    if (predicted !== label) {
      mistakes.push({ index, label, predicted, probability: row[predicted]!, loss: cost })
    }
  }
  return {
    examples: n,
    top1: first / n,
    top5: five / n,
    loss: loss / n,
    classes: classNames.map((name, c) => scoreOf(name, c, confusion)),
    confusion,
    mistakes: mistakes.sort((a, b) => b.loss - a.loss),
  }
}

function scoreOf(name: string, c: number, confusion: readonly (readonly number[])[]): ClassScore {
  const row = confusion[c]!
  const examples = row.reduce((a, b) => a + b, 0)
  const taken = confusion.reduce((sum, counts) => sum + counts[c]!, 0)
  return { name, examples, right: row[c]! / examples, precision: row[c]! / taken }
}
