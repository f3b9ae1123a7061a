import { BrickError } from '../../base/errors.ts'
import { sameShape, showShape } from '../../base/shape.ts'
import { customGradient } from '../../tensor/gradients.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import { softplus } from '../activations/activations.ts'
import { type ReductionOptions, reduceLoss } from './reduction.ts'

/** Losses of predictions x against targets y of the same shape; the mean over all elements unless told otherwise. */

export function requireEqual(name: string, x: Tensor, y: Tensor): void {
  if (sameShape(x.shape, y.shape)) return
  throw new BrickError({
    kind: 'shape',
    where: name,
    got: `${showShape(x.shape)} and ${showShape(y.shape)}`,
    wanted: 'prediction and target of one shape',
    remedy: 'Broadcasting would average over pairs that do not belong together: reshape one.',
  })
}

/** x − y, of one shape. */
function difference(name: string, x: Tensor, y: Tensor): Tensor {
  requireEqual(name, x, y)
  return x.sub(y)
}

/**
 * Mean squared error: (x − y)².
 *
 * @throws BrickError `shape` for different shapes.
 *
 * @example
 * ```ts
 * await nn.mse(tensor([1, 2]), tensor([0, 0])).item() // 2.5
 * ```
 */
export function mse(x: Tensor, y: Tensor, { reduction }: ReductionOptions = {}): Tensor {
  return reduceLoss(difference('mse', x, y).square(), reduction)
}

/**
 * Mean absolute error: |x − y|. Gradient at 0: 0.
 *
 * @example
 * ```ts
 * await nn.mae(tensor([1, -2]), tensor([0, 0])).item() // 1.5
 * ```
 */
export function mae(x: Tensor, y: Tensor, { reduction }: ReductionOptions = {}): Tensor {
  return reduceLoss(difference('mae', x, y).abs(), reduction)
}

/**
 * Square loss ½ (x − y)², summed unless told otherwise; its gradient is x − y.
 *
 * @example
 * ```ts
 * await nn.squareLoss(tensor([3]), tensor([1])).item() // 2
 * ```
 */
export function squareLoss(x: Tensor, y: Tensor, options: ReductionOptions = {}): Tensor {
  return reduceLoss(difference('squareLoss', x, y).square().mul(0.5), options.reduction ?? 'sum')
}

/**
 * ½ d² for |d| < δ, else δ (|d| − ½ δ). Source: Huber, 1964.
 *
 * @example
 * ```ts
 * await nn.huber(tensor([0.5, 3]), tensor([0, 0])).item() // 1.3125
 * ```
 */
export function huber(
  x: Tensor,
  y: Tensor,
  { delta = 1, reduction }: ReductionOptions & { readonly delta?: number } = {},
): Tensor {
  const d = difference('huber', x, y)
  const size = d.abs()
  const losses = where(size.lt(delta), d.square().mul(0.5), size.sub(delta / 2).mul(delta))
  return reduceLoss(losses, reduction)
}

/**
 * ½ d² / β for |d| < β, else |d| − ½ β. Source: Girshick, “Fast R-CNN”, 2015.
 *
 * @example
 * ```ts
 * await nn.smoothL1(tensor([0.5, 3]), tensor([0, 0]), { beta: 2 }).item() // 1.03125
 * ```
 */
export function smoothL1(
  x: Tensor,
  y: Tensor,
  { beta = 1, reduction }: ReductionOptions & { readonly beta?: number } = {},
): Tensor {
  const d = difference('smoothL1', x, y)
  if (beta === 0) return reduceLoss(d.abs(), reduction)
  const size = d.abs()
  const losses = where(size.lt(beta), d.square().mul(0.5 / beta), size.sub(beta / 2))
  return reduceLoss(losses, reduction)
}

/** log x, but no less than −100. */
const boundedLog = (x: Tensor): Tensor => x.log().maximum(-100)

/** Losses of probabilities, with a gradient that is finite at 0 and 1, as PyTorch's. */
const binaryLosses = customGradient(
  (x: Tensor, y: Tensor) => {
    const negative = y.sub(1).mul(boundedLog(x.neg().add(1)))
    return negative.sub(y.mul(boundedLog(x)))
  },
  ([x, y], g) => {
    const room = x.mul(x.neg().add(1)).maximum(1e-12)
    const logOdds = boundedLog(x.neg().add(1)).sub(boundedLog(x))
    return [g.mul(x.sub(y)).div(room), g.mul(logOdds)]
  },
)

/**
 * Binary cross entropy of probabilities: −y log x − (1 − y) log(1 − x); logarithms are at least
 * −100. {@link bceWithLogits} is more exact where logits are at hand.
 *
 * @example
 * ```ts
 * await nn.bce(tensor([0.5]), tensor([1])).div(Math.log(2)).item() // 1
 * ```
 */
export function bce(
  x: Tensor,
  y: Tensor,
  { weight, reduction }: ReductionOptions & { readonly weight?: Tensor } = {},
): Tensor {
  requireEqual('bce', x, y)
  const losses = binaryLosses(x, y)
  return reduceLoss(weight ? losses.mul(weight) : losses, reduction)
}

/**
 * Binary cross entropy of logits: log(1 + eˣ) − x·y; posWeight multiplies the loss of y = 1.
 *
 * @example
 * ```ts
 * await nn.bceWithLogits(tensor([0]), tensor([1])).div(Math.log(2)).item() // 1
 * ```
 */
export function bceWithLogits(
  x: Tensor,
  y: Tensor,
  {
    weight,
    posWeight,
    reduction,
  }: ReductionOptions & { readonly weight?: Tensor; readonly posWeight?: Tensor } = {},
): Tensor {
  requireEqual('bceWithLogits', x, y)
  const plain = () => softplus(x).sub(x.mul(y))
  const weighted = (positive: Tensor) =>
    y
      .neg()
      .add(1)
      .mul(x)
      .add(positive.sub(1).mul(y).add(1).mul(softplus(x.neg())))
  const losses = posWeight ? weighted(posWeight) : plain()
  return reduceLoss(weight ? losses.mul(weight) : losses, reduction)
}

/**
 * Log loss: log(1 + e^(−y·x)) with y = ±1.
 *
 * @example
 * ```ts
 * await nn.softMargin(tensor([0]), tensor([-1])).div(Math.log(2)).item() // 1
 * ```
 */
export function softMargin(x: Tensor, y: Tensor, { reduction }: ReductionOptions = {}): Tensor {
  requireEqual('softMargin', x, y)
  return reduceLoss(softplus(x.mul(y).neg()), reduction)
}

export interface MarginOptions extends ReductionOptions {
  /** Distance from the boundary that is enough (default 1). */
  readonly margin?: number
}

/**
 * Hinge loss: max(0, margin − y·x) with y = ±1.
 *
 * @example
 * ```ts
 * await nn.hinge(tensor([0.5, 2]), tensor([1, 1])).item() // 0.25
 * ```
 */
export function hinge(x: Tensor, y: Tensor, { margin = 1, reduction }: MarginOptions = {}): Tensor {
  requireEqual('hinge', x, y)
  return reduceLoss(x.mul(y).neg().add(margin).relu(), reduction)
}

/**
 * Squared hinge loss: max(0, margin − y·x)² with y = ±1. Its gradient is continuous.
 *
 * @example
 * ```ts
 * await nn.squaredHinge(tensor([0.5, 2]), tensor([1, 1])).item() // 0.125
 * ```
 */
export function squaredHinge(
  x: Tensor,
  y: Tensor,
  { margin = 1, reduction }: MarginOptions = {},
): Tensor {
  requireEqual('squaredHinge', x, y)
  return reduceLoss(x.mul(y).neg().add(margin).relu().square(), reduction)
}

export interface KlDivOptions {
  /** `batchmean`: the sum over the number of examples, which is the divergence's mean. */
  readonly reduction?: ReductionOptions['reduction'] | 'batchmean'
  /** Targets are log-probabilities, too (default false). */
  readonly logTarget?: boolean
}

/**
 * Kullback–Leibler divergence of targets y from log-probabilities x: y · (log y − x), 0 where y = 0.
 *
 * @example
 * ```ts
 * const [p, q] = [tensor([[0.5, 0.5]]), tensor([[1, 0]])]
 * await nn.klDiv(p.log(), q, { reduction: 'batchmean' }).div(Math.log(2)).item() // 1
 * ```
 */
export function klDiv(x: Tensor, y: Tensor, options: KlDivOptions = {}): Tensor {
  const { reduction = 'mean', logTarget = false } = options
  requireEqual('klDiv', x, y)
  const losses = logTarget ? y.exp().mul(y.sub(x)) : divergences(x, y)
  if (reduction !== 'batchmean') return reduceLoss(losses, reduction)
  return losses.sum().div(x.shape[0] ?? 1)
}

function divergences(x: Tensor, y: Tensor): Tensor {
  const positive = y.gt(0)
  const entropy = where(positive, y.mul(where(positive, y, 1).log()), 0)
  return entropy.sub(y.mul(x))
}
