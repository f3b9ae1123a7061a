import type { Tensor } from '../tensor/tensor.ts'
import { Module } from './module.ts'

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
