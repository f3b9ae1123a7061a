import { BrickError } from '../../base/errors.ts'
import { showShape } from '../../base/shape.ts'
import { make } from '../../graph/make.ts'
import { requireIndices } from '../../tensor/known-values.ts'
import { Tensor, where } from '../../tensor/tensor.ts'
import type { MarginOptions } from './losses.ts'
import { reduceLoss } from './reduction.ts'

/** Losses that ask for a distance: between classes, or between feature vectors. */

/** Which element of x [N, C] is the target's (bool), after checking. */
function chosenOf(name: string, x: Tensor, target: Tensor): Tensor {
  if (x.rank !== 2 || target.rank !== 1 || target.shape[0] !== x.shape[0]) {
    throw new BrickError({
      kind: 'shape',
      where: name,
      got: `${showShape(x.shape)} and target ${showShape(target.shape)}`,
      wanted: 'scores [N, C] and class indices [N]',
    })
  }
  requireIndices(name, target, x.shape[1]!, 'class')
  const number = new Tensor(make('iota', [], { shape: x.shape, axis: 1 }))
  return number.eq(target.to('i32').unsqueeze(1))
}

/**
 * Max margin: max(0, max_{k≠t} x_k + margin − x_t), x [N, C], target [N].
 *
 * @example
 * ```ts
 * await nn.maxMargin(tensor([[2, 1.5, 0]]), tensor([0], { dtype: 'i32' })).item() // 0.5
 * ```
 */
export function maxMargin(
  x: Tensor,
  target: Tensor,
  { margin = 1, reduction }: MarginOptions = {},
): Tensor {
  const chosen = chosenOf('maxMargin', x, target)
  const own = where(chosen, x, 0).sum(1)
  const best = where(chosen, Number.NEGATIVE_INFINITY, x).max(1)
  return reduceLoss(best.add(margin).sub(own).relu(), reduction)
}

export interface MultiMarginOptions extends MarginOptions {
  /** The power of what is short of the margin (default 1). */
  readonly p?: 1 | 2
  /** A weight for each class, [C]: the target's multiplies the loss. */
  readonly weight?: Tensor
}

/**
 * Multi-class margin: w_t Σ_{k≠t} max(0, margin − x_t + x_k)^p / C, x [N, C], target [N].
 *
 * @example
 * ```ts
 * await nn.multiMargin(tensor([[2, 1.5]]), tensor([0], { dtype: 'i32' })).item() // 0.25
 * ```
 */
export function multiMargin(
  x: Tensor,
  target: Tensor,
  { margin = 1, p = 1, weight, reduction }: MultiMarginOptions = {},
): Tensor {
  const chosen = chosenOf('multiMargin', x, target)
  const own = where(chosen, x, 0).sum(1, true)
  const short = where(chosen, 0, x.add(margin).sub(own).relu())
  const each = p === 2 ? short.square() : short
  const losses = each.sum(1).div(x.shape[1]!)
  return reduceLoss(weight ? losses.mul(where(chosen, weight, 0).sum(1)) : losses, reduction)
}

/**
 * 1 − cos(a, b) where y = 1, max(0, cos(a, b) − margin) where y = −1; a, b [N, D], y [N].
 *
 * @example
 * ```ts
 * await nn.cosineEmbedding(tensor([[1, 0]]), tensor([[0, 1]]), tensor([1])).item() // 1
 * ```
 */
export function cosineEmbedding(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  { margin = 0, reduction }: MarginOptions = {},
): Tensor {
  const eps = 1e-12
  const lengths = a.square().sum(-1).add(eps).mul(b.square().sum(-1).add(eps)).sqrt()
  const cosine = a.mul(b).sum(-1).div(lengths)
  const losses = where(y.gt(0), cosine.neg().add(1), cosine.sub(margin).relu())
  return reduceLoss(losses, reduction)
}

/** ‖a − b + ε‖_p along the last dim. */
function distance(a: Tensor, b: Tensor, p = 2, eps = 1e-6): Tensor {
  return a.sub(b).add(eps).norm(p, -1)
}

export interface TripletOptions extends MarginOptions {
  /** Of the norm that measures distances (default 2). */
  readonly p?: number
  /** Added to differences, so that the norm has a gradient at 0 (default 10⁻⁶). */
  readonly eps?: number
  /** Whether the negative is compared with the nearer one of anchor and positive (default false). */
  readonly swap?: boolean
}

/**
 * Triplet loss: max(0, d(anchor, positive) − d(anchor, negative) + margin), all [N, D].
 *
 * Source: Schroff et al., “FaceNet”, 2015; swap: Balntas et al., “Learning shallow convolutional feature
 * descriptors with triplet losses”, 2016.
 *
 * @example
 * ```ts
 * const [anchor, near, far] = [tensor([[0, 0]]), tensor([[3, 4]]), tensor([[6, 8]])]
 * await nn.tripletMargin(anchor, near, far).item() // 0
 * ```
 */
export function tripletMargin(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { margin = 1, p = 2, eps = 1e-6, swap = false, reduction }: TripletOptions = {},
): Tensor {
  const apart = (from: Tensor, to: Tensor) => distance(from, to, p, eps)
  const far = apart(anchor, negative)
  const nearer = swap ? far.minimum(apart(positive, negative)) : far
  return reduceLoss(apart(anchor, positive).sub(nearer).add(margin).relu(), reduction)
}

/**
 * Contrastive loss of pairs: d² where same = 1, max(0, margin − d)² where same = 0; a, b [N, D].
 *
 * Source: Hadsell et al., “Dimensionality reduction by learning an invariant mapping”, 2006.
 *
 * @example
 * ```ts
 * const [a, b] = [tensor([[0, 0]]), tensor([[3, 4]])]
 * await nn.contrastive(a, b, tensor([0])).item() // 0
 * ```
 */
export function contrastive(
  a: Tensor,
  b: Tensor,
  same: Tensor,
  { margin = 1, reduction }: MarginOptions = {},
): Tensor {
  const d = distance(a, b)
  const apart = d.neg().add(margin).relu().square()
  return reduceLoss(same.mul(d.square()).add(same.neg().add(1).mul(apart)), reduction)
}
