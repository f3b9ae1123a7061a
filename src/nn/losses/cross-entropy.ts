import { BrickError } from '../../base/errors.ts'
import { sameShape, showShape } from '../../base/shape.ts'
import { make } from '../../graph/make.ts'
import { requireIndices } from '../../tensor/known-values.ts'
import { Tensor, where } from '../../tensor/tensor.ts'
import { type Reduction, reduceLoss } from './reduction.ts'

export interface NllOptions {
  /** Factor of each class, [C]. */
  readonly weight?: Tensor
  /** Targets with this value count for nothing (default −100). */
  readonly ignoreIndex?: number
  /** The mean is over the factors of the targets that count. */
  readonly reduction?: Reduction
}

export interface CrossEntropyOptions extends NllOptions {
  /** Share ε of the target that is spread over all classes (default 0). */
  readonly labelSmoothing?: number
}

/** Where the classes lie: dim 1 of [N, C, …], or the only dim of [C]. */
const classAxis = (x: Tensor): number => (x.rank === 1 ? 0 : 1)

/** One value a class, to be multiplied with logits. */
function perClass(values: Tensor, x: Tensor): Tensor {
  return values.reshape(x.shape.map((extent, i) => (i === classAxis(x) ? extent : 1)))
}

function refuseTarget(where: string, x: Tensor, target: Tensor, wanted: string, remedy?: string) {
  return new BrickError({
    kind: 'shape',
    where,
    got: `target ${target.dtype} ${showShape(target.shape)} for ${showShape(x.shape)}`,
    wanted,
    ...(remedy ? { remedy } : {}),
  })
}

/** Targets as i32 of x's shape without the class dim. */
function indices(
  name: string,
  x: Tensor,
  target: Tensor,
  { ignoreIndex = -100 }: NllOptions,
): Tensor {
  const shape = x.shape.toSpliced(classAxis(x), 1)
  if (x.rank === 0 || !sameShape(target.shape, shape)) {
    throw refuseTarget(name, x, target, `class indices ${showShape(shape)}`)
  }
  if (target.dtype === 'f32') {
    throw refuseTarget(
      name,
      x,
      target,
      'class indices as i32',
      "Convert them with .to('i32'), or give a probability for each class.",
    )
  }
  requireIndices(name, target, x.shape[classAxis(x)]!, 'class', ignoreIndex)
  return target.to('i32')
}

/** Losses of the targets, their factors, and the rest that smoothing spreads. */
interface Rows {
  readonly losses: Tensor
  readonly factors: Tensor
}

/**
 * −log p of each target. Classes are compared with their number rather than gathered, so that the
 * backward is elementwise as well. A target that is no class gives NaN, never a wrong number.
 */
function rowsOf(logp: Tensor, target: Tensor, options: CrossEntropyOptions): Rows {
  const { weight, ignoreIndex = -100, labelSmoothing = 0 } = options
  const axis = classAxis(logp)
  const number = new Tensor(make('iota', [], { shape: logp.shape, axis }))
  const chosen = number.eq(target.unsqueeze(axis))
  const ignored = target.eq(ignoreIndex)
  const known = target.ge(0).logicalAnd(target.lt(logp.shape[axis]!))
  const factor = weight ? where(chosen, perClass(weight, logp), 0).sum(axis) : 1
  const factors = where(ignored, 0, factor).to('f32')
  const nll = where(chosen, logp, 0).sum(axis).neg().mul(factor)
  const mixed = labelSmoothing
    ? nll.mul(1 - labelSmoothing).add(spread(logp, weight).mul(labelSmoothing))
    : nll
  const counted = where(known, mixed, Number.NaN)
  return { losses: where(ignored, 0, counted), factors }
}

/** −(Σ_c w_c log p_c) / C: the loss against equal shares. */
function spread(logp: Tensor, weight: Tensor | undefined): Tensor {
  const axis = classAxis(logp)
  const weighed = weight ? logp.mul(perClass(weight, logp)) : logp
  return weighed.sum(axis).mul(-1 / logp.shape[axis]!)
}

function fold({ losses, factors }: Rows, reduction: Reduction = 'mean'): Tensor {
  return reduction === 'mean' ? losses.sum().div(factors.sum()) : reduceLoss(losses, reduction)
}

/**
 * Negative log-likelihood of log-probabilities: −w[t] · logp[t] for x [N, C, …] and class indices
 * [N, …].
 *
 * @throws BrickError `shape` for targets of another shape or of f32; `argument` for an index that is
 * no class, as {@link crossEntropy}.
 *
 * @example
 * ```ts
 * await nn.nll(tensor([[0.5, 0.5]]).log(), tensor([0], { dtype: 'i32' })).div(Math.log(2)).item() // 1
 * ```
 */
export function nll(logp: Tensor, target: Tensor, options: NllOptions = {}): Tensor {
  return fold(rowsOf(logp, indices('nll', logp, target, options), options), options.reduction)
}

/** −Σ_c w_c t_c log p_c, with one probability a class for targets. */
function softCrossEntropy(logp: Tensor, target: Tensor, options: CrossEntropyOptions): Tensor {
  const { weight, labelSmoothing = 0, reduction = 'mean' } = options
  const axis = classAxis(logp)
  const smooth = labelSmoothing
    ? target.mul(1 - labelSmoothing).add(labelSmoothing / logp.shape[axis]!)
    : target
  const weighed = weight ? smooth.mul(perClass(weight, logp)) : smooth
  return reduceLoss(logp.mul(weighed).sum(axis).neg(), reduction)
}

/**
 * Cross entropy of logits: −log softmax(x)[t], the log-softmax loss. Logits are [N, C, …] (one
 * prediction a pixel, say) or [C]; targets are class indices [N, …] of an integer dtype, or
 * probabilities f32 of the logits' shape. With the mean, losses are divided by the sum of the
 * targets' weights, as in PyTorch. An index that is neither a class nor `ignoreIndex` is refused
 * where the host has the targets (as in eager steps); inside a compiled step it gives NaN, never
 * the loss of another class.
 *
 * Source: label smoothing: Szegedy et al., “Rethinking the Inception architecture”, 2015.
 *
 * @throws BrickError `shape` for targets of another shape, or indices as f32; `argument` for an
 * index that is no class.
 *
 * @example
 * ```ts
 * const loss = nn.crossEntropy(model.forward(x), tensor([3, 1], { dtype: 'i32' }))
 * ```
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const soft = target.dtype === 'f32' && sameShape(target.shape, logits.shape)
  if (soft && logits.rank > 0) {
    return softCrossEntropy(logits.logSoftmax(classAxis(logits)), target, options)
  }
  const wanted = indices('crossEntropy', logits, target, options)
  return fold(rowsOf(logits.logSoftmax(classAxis(logits)), wanted, options), options.reduction)
}
