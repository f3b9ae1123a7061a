import { crossEntropy } from '../nn/losses/cross-entropy.ts'
import { stack } from '../tensor/functions.ts'
import type { Metric } from './metric.ts'

export interface PerplexityOptions {
  /** Targets with this value count for nothing (default −100). */
  readonly ignoreIndex?: number
}

/**
 * e to the mean negative log-likelihood of a token: outputs [n, classes, …] with logits, targets
 * [n, …] with class numbers. The mean is over all tokens of all batches; NaN if there is none.
 *
 * @example
 * ```ts
 * const { metrics: found } = await train.evaluate(model, test, { metrics: [metrics.perplexity()] })
 * ```
 */
export function perplexity({ ignoreIndex = -100 }: PerplexityOptions = {}): Metric {
  return {
    name: 'perplexity',
    goal: 'min',
    measure(output, target) {
      const loss = crossEntropy(output, target.to('i32'), { ignoreIndex, reduction: 'sum' })
      return stack([loss, target.ne(ignoreIndex).to('f32').sum()])
    },
    result: (sums) => Math.exp(sums[0]! / sums[1]!),
  }
}
