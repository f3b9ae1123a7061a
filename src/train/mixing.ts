import { BrickError } from '../base/errors.ts'
import { type Shape, showShape } from '../base/shape.ts'
import { arange, oneHot } from '../tensor/create.ts'
import { Tensor, where } from '../tensor/tensor.ts'
import { beta, type Draw } from './beta.ts'

/** Mixes the examples of a training batch with each other, inside the compiled step. */
export interface Mixing {
  readonly name: string
  /** The random numbers of one step, f32: drawn anew for each, the same again after a resume. */
  draw(draw: Draw, inputs: Shape): Float32Array
  /** Mixed inputs and targets; `drawn` holds what {@link draw} gave. */
  apply(x: Tensor, y: Tensor, drawn: Tensor): readonly [inputs: Tensor, targets: Tensor]
}

export interface MixOptions {
  /** Number of classes, to turn class numbers into shares. Not needed for targets that are shares. */
  readonly classes?: number
  /** Both parameters of the beta distribution that λ comes from. */
  readonly alpha?: number
}

function check(where: string, alpha: number, classes: number | undefined): void {
  const isFine = alpha > 0 && Number.isFinite(alpha)
  if (isFine && (classes === undefined || (Number.isSafeInteger(classes) && classes > 1))) return
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: isFine ? 'a whole number of classes from 2' : 'alpha > 0',
    got: isFine ? `${classes}` : `${alpha}`,
  })
}

/** A share for each class: f32 [n, classes]. */
function shares(where: string, y: Tensor, classes: number | undefined): Tensor {
  if (y.dtype === 'f32' && y.rank > 1) return y
  if (y.rank === 1 && y.dtype !== 'f32' && classes !== undefined) return oneHot(y, classes)
  throw new BrickError({
    kind: 'shape',
    where,
    wanted: 'targets that are shares f32 [n, classes], or class numbers and the option classes',
    got: `${y.dtype} ${showShape(y.shape)}`,
    remedy: `Pass { classes: 10 } with the number of classes.`,
  })
}

/** λ·y + (1 − λ)·(the y of the example before, around the batch). */
const mixed = (y: Tensor, lambda: Tensor): Tensor =>
  y.mul(lambda).add(y.roll(1, 0).mul(lambda.neg().add(1)))

/**
 * Blends each example with its neighbour in the (shuffled) batch: λ·x₁ + (1 − λ)·x₂, targets alike,
 * with one λ from Beta(α, α) a step (default α = 0.2). The loss must take shares of classes, as
 * cross entropy does; metrics see the class with the larger share.
 *
 * Source: Zhang et al., “mixup: beyond empirical risk minimization”, 2017.
 *
 * @throws BrickError `argument` for an α of 0 and below, `shape` for targets that can't be mixed.
 *
 * @example
 * ```ts
 * await train.fit(model, trainSet, {
 *   loss: nn.crossEntropy, optimizer: optim.adam(), progress: 'none', mix: train.mixup({ classes: 10 }),
 * })
 * ```
 */
export function mixup({ alpha = 0.2, classes }: MixOptions = {}): Mixing {
  check('train.mixup', alpha, classes)
  return {
    name: 'mixup',
    draw: (draw) => Float32Array.of(beta(alpha, draw)),
    apply(x, y, drawn) {
      const lambda = drawn.reshape([])
      return [mixed(x.to('f32'), lambda), mixed(shares('train.mixup', y, classes), lambda)]
    },
  }
}

/** A box of a share 1 − λ of the area around a random point, cut off at the edges. */
function boxOf(lambda: number, height: number, width: number, draw: Draw) {
  const side = Math.sqrt(1 - lambda) / 2
  const [y, x] = [Math.floor(draw() * height), Math.floor(draw() * width)]
  const [h, w] = [Math.floor(side * height), Math.floor(side * width)]
  const [top, bottom] = [Math.max(0, y - h), Math.min(height, y + h)]
  const [left, right] = [Math.max(0, x - w), Math.min(width, x + w)]
  const share = 1 - ((bottom - top) * (right - left)) / (height * width)
  return Float32Array.of(share, top, bottom, left, right)
}

/** Whether numbers along the last two dims lie within [from, to): bool. */
const within = (index: Tensor, from: Tensor, to: Tensor): Tensor =>
  index.ge(from).logicalAnd(index.lt(to))

/**
 * Pastes a box of each image's neighbour in the (shuffled) batch into the image; targets are mixed
 * by area. λ is from Beta(α, α) (default α = 1); inputs are [n, …, height, width].
 *
 * Source: Yun et al., “CutMix: regularization strategy to train strong classifiers with localizable
 * features”, 2019.
 *
 * @throws BrickError `argument` for an α of 0 and below, `shape` for inputs that are no images or
 * targets that can't be mixed.
 *
 * @example
 * ```ts
 * await train.fit(model, trainSet, {
 *   loss: nn.crossEntropy, optimizer: optim.adam(), progress: 'none', mix: train.cutmix({ classes: 10 }),
 * })
 * ```
 */
export function cutmix({ alpha = 1, classes }: MixOptions = {}): Mixing {
  check('train.cutmix', alpha, classes)
  return {
    name: 'cutmix',
    draw(draw, shape) {
      const [height, width] = shape.slice(-2)
      if (shape.length < 3 || !height || !width) throw noImages(shape)
      return boxOf(beta(alpha, draw), height, width, draw)
    },
    apply(x, y, drawn) {
      const [height, width] = x.shape.slice(-2) as [number, number]
      const [share, top, bottom, left, right] = [0, 1, 2, 3, 4].map((i) => drawn.slice(i)) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ]
      const rows = within(arange(height).to('f32'), top, bottom).unsqueeze(-1)
      const columns = within(arange(width).to('f32'), left, right)
      const image = x.to('f32')
      const box = rows.logicalAnd(columns)
      const cut = where(box, image.roll(1, 0), image)
      return [cut, mixed(shares('train.cutmix', y, classes), share)]
    },
  }
}

function noImages(shape: Shape): BrickError {
  return new BrickError({
    kind: 'shape',
    where: 'train.cutmix',
    wanted: 'images [n, …, height, width]',
    got: showShape(shape),
    remedy: 'Use train.mixup for inputs that are no images.',
  })
}

/** What {@link Mixing.draw} gave, as an argument of the compiled step. */
export const asArgument = (drawn: Float32Array): Tensor => Tensor.of(drawn, [drawn.length], 'f32')
