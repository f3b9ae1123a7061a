import type { Shape } from '../../base/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { Module } from '../module/module.ts'

/**
 * Dims `from` to `to` as one; by default all but the batch: [N, C, H, W] → [N, C·H·W].
 *
 * @example
 * ```ts
 * new nn.Flatten().forward(x) // [64, 50, 4, 4] → [64, 800]
 * ```
 */
export class Flatten extends Module {
  readonly from: number
  readonly to: number

  constructor(from = 1, to = -1) {
    super()
    this.from = from
    this.to = to
  }
  forward(x: Tensor): Tensor {
    return x.flatten(this.from, this.to)
  }
}

/**
 * One dim as several: the inverse of {@link Flatten}. One −1 in the shape is worked out.
 *
 * @throws BrickError `shape` if the sizes do not multiply to the dim's.
 *
 * @example
 * ```ts
 * new nn.Unflatten(1, [50, 4, 4]).forward(ones([64, 800])) // [64, 800] → [64, 50, 4, 4]
 * ```
 */
export class Unflatten extends Module {
  readonly dim: number
  readonly shape: Shape

  constructor(dim: number, shape: Shape) {
    super()
    this.dim = dim
    this.shape = shape
  }
  forward(x: Tensor): Tensor {
    const axis = this.dim < 0 ? this.dim + x.rank : this.dim
    return x.reshape(x.shape.toSpliced(axis, 1, ...this.shape))
  }
  protected override describe(): string {
    return `${this.dim}, [${this.shape.join(', ')}]`
  }
}
