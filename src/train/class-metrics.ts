import { oneHot } from '../tensor/create.ts'
import { stack } from '../tensor/functions.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkClasses, checkScores, classesOf, logitsOf, type Metric } from './metric.ts'

export interface ClassMetricOptions {
  /**
   * `binary` (default without `classes`): of the class 1, from logits [n] or [n, 1], or scores
   * [n, 2]. `macro` (default with `classes`): the mean over classes; one that neither occurs nor is
   * predicted is left out. `micro`: from the counts of all classes together.
   */
  readonly average?: 'binary' | 'macro' | 'micro'
  /** Number of classes, for `macro` and `micro`. */
  readonly classes?: number
}

/** Right, wrong and missed predictions of a class. */
interface Counts {
  readonly hits: number
  readonly wrong: number
  readonly missed: number
}

/** [3] or [3, classes]: hits, wrong and missed predictions. */
function count(prediction: Tensor, truth: Tensor): Tensor {
  const hits = prediction.mul(truth).sum(0)
  return stack([hits, prediction.sum(0).sub(hits), truth.sum(0).sub(hits)])
}

function countsOf(sums: ArrayLike<number>): Counts[] {
  const classes = sums.length / 3
  return Array.from({ length: classes }, (_, c) => ({
    hits: sums[c]!,
    wrong: sums[classes + c]!,
    missed: sums[2 * classes + c]!,
  }))
}

const together = (all: readonly Counts[]): Counts =>
  all.reduce((a, b) => ({
    hits: a.hits + b.hits,
    wrong: a.wrong + b.wrong,
    missed: a.missed + b.missed,
  }))

const meanOf = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length

/** A metric from the counts of hits, wrong and missed predictions. */
function fromCounts(
  name: string,
  score: (counts: Counts) => number,
  options: ClassMetricOptions,
): Metric {
  const { classes, average = classes === undefined ? 'binary' : 'macro' } = options
  if (average !== 'binary') checkClasses(`metrics.${name}`, classes)
  const full = average === 'binary' ? name : `${average}-${name}`
  return {
    name: full,
    goal: 'max',
    unit: 'percent',
    measure(output, target) {
      if (average === 'binary') {
        const logits = logitsOf(full, output)
        return count(logits.gt(0).to('f32'), target.reshape(logits.shape).to('f32'))
      }
      checkScores(full, output)
      return count(oneHot(output.argmax(-1), classes!), oneHot(classesOf(target), classes!))
    },
    result(sums) {
      const all = countsOf(sums)
      if (average === 'micro') return score(together(all))
      const seen = all.filter(({ hits, wrong, missed }) => hits + wrong + missed > 0)
      return average === 'binary' ? score(all[0]!) : meanOf(seen.map(score))
    },
  }
}

const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 0)

/**
 * The share of positive predictions that are right: hits / (hits + wrong). 0 if nothing was
 * predicted as positive.
 *
 * @throws BrickError `argument` for `macro` or `micro` without classes.
 *
 * @example
 * ```ts
 * const macro = metrics.precision({ classes: 10 })
 * macro.name // 'macro-precision'
 * ```
 */
export const precision = (options: ClassMetricOptions = {}): Metric =>
  fromCounts('precision', ({ hits, wrong }) => ratio(hits, hits + wrong), options)

/**
 * The share of positive examples that are found: hits / (hits + missed). 0 if there is no positive
 * example.
 *
 * @throws BrickError `argument` for `macro` or `micro` without classes.
 */
export const recall = (options: ClassMetricOptions = {}): Metric =>
  fromCounts('recall', ({ hits, missed }) => ratio(hits, hits + missed), options)

/**
 * The harmonic mean of precision and recall: 2 · hits / (2 · hits + wrong + missed). 0 if nothing is
 * positive and nothing was predicted so.
 *
 * @throws BrickError `argument` for `macro` or `micro` without classes.
 */
export const f1 = (options: ClassMetricOptions = {}): Metric =>
  fromCounts('f1', ({ hits, wrong, missed }) => ratio(2 * hits, 2 * hits + wrong + missed), options)

export interface IouOptions {
  /** Pixels with this target count for nothing (default −100). */
  readonly ignoreIndex?: number
}

/**
 * Intersection over union of predicted and true pixels, averaged over the classes: outputs
 * [n, classes, …], targets [n, …] with class numbers. A class that neither occurs nor is predicted
 * is left out; NaN if that holds for all.
 *
 * @throws BrickError `argument` for a number of classes below 2.
 */
export function iou(classes: number, { ignoreIndex = -100 }: IouOptions = {}): Metric {
  checkClasses('metrics.iou', classes)
  return {
    name: 'iou',
    goal: 'max',
    unit: 'percent',
    measure(output, target) {
      const known = target.ne(ignoreIndex).to('f32').flatten().unsqueeze(-1)
      const predicted = oneHot(output.argmax(1).flatten(), classes).mul(known)
      return count(predicted, oneHot(target.flatten(), classes).mul(known))
    },
    result(sums) {
      const seen = countsOf(sums).filter(({ hits, wrong, missed }) => hits + wrong + missed > 0)
      return meanOf(seen.map(({ hits, wrong, missed }) => hits / (hits + wrong + missed)))
    },
  }
}
