import { cat } from '../tensor/functions.ts'
import { checkClasses, checkScores, classesOf, logitsOf, type Metric } from './metric.ts'

/**
 * The area under the curve of true against false positives: the chance that a positive example has
 * a higher score than a negative one, ties counting half. NaN unless both occur.
 *
 * Source: Mann and Whitney, “On a test of whether one of two random variables is stochastically
 * larger than the other”, 1947.
 */
export function areaUnderCurve(scores: readonly number[], positive: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]!)
  let ranks = 0
  for (let from = 0; from < order.length; ) {
    let to = from + 1
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++
    // Ranks are from 1; equal scores share the mean of theirs.
    for (let i = from; i < to; i++) if (positive[order[i]!]) ranks += (from + 1 + to) / 2
    from = to
  }
  const positives = positive.filter(Boolean).length
  const negatives = positive.length - positives
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives)
}

export interface RocAucOptions {
  /** More than two classes: the mean of each class against the others. */
  readonly classes?: number
}

/**
 * Area under the ROC curve, exact: all scores are kept until the end. Outputs are logits [n] or
 * [n, 1] or scores [n, 2]; with `classes`, scores [n, classes], compared by their softmax. A class
 * without positive or without negative examples is left out; NaN if none is left.
 *
 * @throws BrickError `argument` for a number of classes below 2.
 *
 * @example
 * ```ts
 * const { metrics: found } = await train.evaluate(model, test, {
 *   metrics: [metrics.rocAuc({ classes: 10 })],
 * })
 * ```
 */
export function rocAuc({ classes }: RocAucOptions = {}): Metric {
  if (classes !== undefined) checkClasses('metrics.rocAuc', classes)
  const width = (classes ?? 1) + 1
  return {
    name: 'roc-auc',
    goal: 'max',
    keeps: 'rows',
    measure(output, target) {
      if (classes === undefined) {
        const logits = logitsOf('roc-auc', output)
        return cat([logits.unsqueeze(1), target.reshape(logits.shape).to('f32').unsqueeze(1)], 1)
      }
      checkScores('roc-auc', output)
      return cat([output.softmax(-1), classesOf(target).to('f32').unsqueeze(1)], 1)
    },
    result(rows) {
      const examples = Array.from({ length: rows.length / width }, (_, i) => i * width)
      const labels = examples.map((at) => rows[at + width - 1]!)
      const areas = Array.from({ length: width - 1 }, (_, c) =>
        areaUnderCurve(
          examples.map((at) => rows[at + c]!),
          labels.map((label) => label === (classes === undefined ? 1 : c)),
        ),
      ).filter(Number.isFinite)
      return areas.reduce((a, b) => a + b, 0) / areas.length
    },
  }
}

/**
 * The share of the targets' variance that the outputs explain: 1 − Σ(y − ŷ)² / Σ(y − ȳ)², averaged
 * over the columns of [n, …]. Exact: all values are kept until the end. Targets that never change
 * give 1 if they are met, else 0; NaN for fewer than two examples.
 */
export const r2: Metric = {
  name: 'r2',
  goal: 'max',
  keeps: 'rows',
  measure(output, target) {
    const [n] = output.shape
    const columns = output.size / n!
    return cat([output.reshape([n!, columns]), target.reshape([n!, columns]).to('f32')], 1)
  },
  result(rows, examples) {
    const columns = rows.length / examples / 2
    const scores = Array.from({ length: columns }, (_, c) => {
      const at = (i: number, k: number) => rows[i * 2 * columns + k]!
      const pairs = Array.from({ length: examples }, (_, i) => [at(i, c), at(i, columns + c)])
      return explained(pairs as [number, number][])
    })
    return scores.reduce((a, b) => a + b, 0) / columns
  },
}

function explained(pairs: readonly (readonly [output: number, target: number])[]): number {
  if (pairs.length < 2) return Number.NaN
  const mean = pairs.reduce((sum, [, y]) => sum + y, 0) / pairs.length
  const total = pairs.reduce((sum, [, y]) => sum + (y - mean) ** 2, 0)
  const rest = pairs.reduce((sum, [x, y]) => sum + (y - x) ** 2, 0)
  if (total === 0) return rest === 0 ? 1 : 0
  return 1 - rest / total
}
