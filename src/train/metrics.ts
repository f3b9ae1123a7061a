import { BrickError } from '../base/errors.ts'
import { oneHot } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { checkScores, classesOf, type Metric } from './metric.ts'

export * from './class-metrics.ts'
export type { Metric } from './metric.ts'
export * from './ranking-metrics.ts'
export * from './sum-metrics.ts'

const perExample = (sums: ArrayLike<number>, examples: number): number => sums[0]! / examples

/**
 * The share of examples whose class has the highest score: outputs [n, classes], targets [n] with
 * class numbers. Outputs [n, 1] are logits, positive for the class 1.
 *
 * @example
 * ```ts
 * await train.fit(model, trainSet, { …, metrics: [metrics.accuracy] })
 * ```
 */
export const accuracy: Metric = {
  name: 'accuracy',
  goal: 'max',
  unit: 'percent',
  measure(output, target) {
    checkScores('accuracy', output)
    const isBinary = output.shape[1] === 1
    const predicted = isBinary ? output.gt(0).squeeze(1).to('i32') : output.argmax(-1)
    const truth = isBinary ? target.reshape(predicted.shape) : classesOf(target)
    return predicted.eq(truth.to('i32')).to('f32').sum()
  },
  result: perExample,
}

/**
 * The share of examples whose class is among the k highest scores.
 *
 * @param k A whole number from 1.
 * @throws BrickError `argument` for another k.
 * @example
 * ```ts
 * metrics: [metrics.accuracy, metrics.topK(5)]
 * ```
 */
export function topK(k: number): Metric {
  if (!Number.isSafeInteger(k) || k < 1) {
    const wanted = 'a whole number from 1'
    throw new BrickError({ kind: 'argument', where: 'metrics.topK', wanted, got: `${k}` })
  }
  return {
    name: `top-${k}`,
    goal: 'max',
    unit: 'percent',
    measure(output, target) {
      checkScores(`top-${k}`, output)
      const own = output.gather(1, classesOf(target).to('i32').unsqueeze(-1))
      const better = output.gt(own).to('f32').sum(1)
      // NaN is never less than anything: such a score must not count as the highest.
      const known = own.eq(own).squeeze(1)
      return better.lt(k).logicalAnd(known).to('f32').sum()
    },
    result: perExample,
  }
}

/** An error that is averaged over an example's elements and over the examples. */
function meanError(name: string, error: (difference: Tensor) => Tensor): Metric {
  return {
    name,
    goal: 'min',
    measure(output, target) {
      const elements = output.size / output.shape[0]!
      return error(output.sub(target.reshape(output.shape)))
        .sum()
        .div(elements)
    },
    result: perExample,
  }
}

/** Mean absolute error, outputs and targets of one shape [n, …]. */
export const mae: Metric = meanError('mae', (difference) => difference.abs())

/** Mean squared error, outputs and targets of one shape [n, …]. */
export const mse: Metric = meanError('mse', (difference) => difference.square())

/**
 * `counts[t][p]`: how many examples of class t were taken for class p. For `train.evaluate`;
 * a curve it is not.
 *
 * @example
 * ```ts
 * const { values } = await train.evaluate(model, test, { measures: [metrics.confusion(10)] })
 * ```
 */
export function confusion(classes: number): Metric<number[][]> {
  return {
    name: 'confusion',
    goal: 'max',
    measure(output, target) {
      checkScores('confusion', output)
      const truth = oneHot(classesOf(target), classes)
      return truth.transpose().matmul(oneHot(output.argmax(-1), classes))
    },
    result: (sums) =>
      Array.from({ length: classes }, (_, row) =>
        Array.from({ length: classes }, (_, column) => sums[row * classes + column]!),
      ),
  }
}
