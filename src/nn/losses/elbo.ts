import { type Generator, generator as shared } from '../../tensor/random.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { softplus } from '../activations/activations.ts'
import { requireEqual } from './losses.ts'
import { type ReductionOptions, reduceLoss } from './reduction.ts'

/**
 * The parts of the evidence lower bound, E[log p(x | z)] − KL(q(z | x) ‖ p(z)), element by element
 * and summed unless told otherwise: divide by the batch's size for the mean over examples.
 * Source: Kingma and Welling, “Auto-encoding variational Bayes”, 2013.
 */

/**
 * KL(N(mean, e^logVar) ‖ N(0, 1)) = ½ (mean² + e^logVar − 1 − logVar).
 *
 * @throws BrickError `shape` for different shapes.
 *
 * @example
 * ```ts
 * await nn.gaussianKl(tensor([2]), tensor([0])).item() // 2
 * ```
 */
export function gaussianKl(
  mean: Tensor,
  logVar: Tensor,
  { reduction = 'sum' }: ReductionOptions = {},
): Tensor {
  requireEqual('gaussianKl', mean, logVar)
  // e^x − 1 − x without cancellation in its first part.
  const spread = logVar.expm1().sub(logVar)
  return reduceLoss(mean.square().add(spread).mul(0.5), reduction)
}

/**
 * log N(x; mean, e^logVar) = −½ (log 2π + logVar + (x − mean)² / e^logVar).
 *
 * @throws BrickError `shape` for different shapes.
 *
 * @example
 * ```ts
 * const [x, mean, logVar] = [tensor([3]), tensor([1]), tensor([0])]
 * await nn.gaussianLogLikelihood(x, mean, logVar).add(0.5 * Math.log(2 * Math.PI)).item() // -2
 * ```
 */
export function gaussianLogLikelihood(
  x: Tensor,
  mean: Tensor,
  logVar: Tensor,
  { reduction = 'sum' }: ReductionOptions = {},
): Tensor {
  requireEqual('gaussianLogLikelihood', x, mean)
  requireEqual('gaussianLogLikelihood', mean, logVar)
  const distance = x.sub(mean).square().mul(logVar.neg().exp())
  const density = distance.add(logVar).add(Math.log(2 * Math.PI))
  return reduceLoss(density.mul(-0.5), reduction)
}

/**
 * log of the Bernoulli probability of x (0, 1, or between) with these logits:
 * x · logit − log(1 + e^logit).
 *
 * @throws BrickError `shape` for different shapes.
 *
 * @example
 * ```ts
 * await nn.bernoulliLogLikelihood(tensor([1]), tensor([0])).div(Math.log(2)).item() // -1
 * ```
 */
export function bernoulliLogLikelihood(
  x: Tensor,
  logits: Tensor,
  { reduction = 'sum' }: ReductionOptions = {},
): Tensor {
  requireEqual('bernoulliLogLikelihood', x, logits)
  return reduceLoss(x.mul(logits).sub(softplus(logits)), reduction)
}

/**
 * A draw from N(mean, e^logVar) through which gradients pass: mean + e^(logVar / 2) · N(0, 1).
 *
 * @throws BrickError `shape` for different shapes.
 *
 * @example
 * ```ts
 * nn.reparameterize(zeros([2, 3]), zeros([2, 3])).shape // [2, 3]
 * ```
 */
export function reparameterize(
  mean: Tensor,
  logVar: Tensor,
  generator: Generator = shared,
): Tensor {
  requireEqual('reparameterize', mean, logVar)
  return mean.add(logVar.mul(0.5).exp().mul(generator.normal(mean.shape)))
}
