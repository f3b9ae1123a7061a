import type { Tensor } from '../../tensor/tensor.ts'
import { softplus } from '../activations/activations.ts'
import { requireWithin } from '../module/check.ts'
import { crossEntropy } from './cross-entropy.ts'
import { requireEqual } from './losses.ts'
import { type ReductionOptions, reduceLoss } from './reduction.ts'

export interface FocalOptions extends ReductionOptions {
  /** How much less the examples count that are right already (default 2; 0: not at all). */
  readonly gamma?: number
  /** Factor of targets 1; targets 0 have 1 − alpha (default 0.25; −1: no factors). */
  readonly alpha?: number
}

/**
 * Focal loss of logits against targets 0 or 1 of the same shape: −α_t (1 − p_t)^γ log p_t, as
 * torchvision's `sigmoid_focal_loss`, but its mean unless told otherwise.
 *
 * Source: Lin et al., “Focal loss for dense object detection”, 2017.
 *
 * @throws BrickError `shape` for different shapes, `argument` for a negative gamma.
 *
 * @example
 * ```ts
 * await nn.focal(tensor([0]), tensor([1]), { gamma: 2, alpha: 0.5 }).div(Math.log(2)).item() // 0.125
 * ```
 */
export function focal(
  x: Tensor,
  y: Tensor,
  { gamma = 2, alpha = 0.25, reduction }: FocalOptions = {},
): Tensor {
  requireEqual('focal', x, y)
  requireWithin('focal', 'gamma', gamma, [0, Number.POSITIVE_INFINITY])
  const entropy = softplus(x).sub(x.mul(y))
  // p of the wrong answer, so that nothing cancels near 1.
  const wrong = missed(x, y)
  const losses = entropy.mul(powerOf(wrong, gamma))
  return reduceLoss(alpha < 0 ? losses : losses.mul(y.mul(2 * alpha - 1).add(1 - alpha)), reduction)
}

/** 1 − p_t for p = sigmoid(x): p where y = 0, 1 − p where y = 1. */
function missed(x: Tensor, y: Tensor): Tensor {
  const p = x.sigmoid()
  return p.add(y).sub(p.mul(y).mul(2))
}

const powerOf = (x: Tensor, gamma: number): Tensor =>
  gamma === 0 ? x.detach().mul(0).add(1) : gamma === 1 ? x : gamma === 2 ? x.square() : x.pow(gamma)

export interface FocalCrossEntropyOptions extends ReductionOptions {
  readonly gamma?: number
  /** Factor of each class, [C]. */
  readonly weight?: Tensor
  readonly ignoreIndex?: number
}

/**
 * Focal loss of classes: −w_t (1 − p_t)^γ log p_t for logits [N, C, …] and class indices [N, …].
 * The mean is over the targets that are not ignored.
 *
 * Source: Lin et al., “Focal loss for dense object detection”, 2017.
 *
 * @throws BrickError as {@link crossEntropy}.
 *
 * @example
 * ```ts
 * await nn.focalCrossEntropy(zeros([1, 2]), tensor([0], { dtype: 'i32' })).div(Math.log(2)).item() // 0.25
 * ```
 */
export function focalCrossEntropy(
  x: Tensor,
  target: Tensor,
  { gamma = 2, weight, ignoreIndex = -100, reduction = 'mean' }: FocalCrossEntropyOptions = {},
): Tensor {
  requireWithin('focalCrossEntropy', 'gamma', gamma, [0, Number.POSITIVE_INFINITY])
  const plain = crossEntropy(x, target, { ignoreIndex, reduction: 'none' })
  const factors = powerOf(plain.neg().expm1().neg(), gamma)
  const weighed = weight
    ? crossEntropy(x, target, { ignoreIndex, weight, reduction: 'none' })
    : plain
  const losses = weighed.mul(factors)
  if (reduction !== 'mean') return reduceLoss(losses, reduction)
  return losses.sum().div(target.ne(ignoreIndex).to('f32').sum())
}
