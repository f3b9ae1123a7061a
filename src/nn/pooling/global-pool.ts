import type { Tensor } from '../../tensor/tensor.ts'
import { refuseInput } from '../module/check.ts'
import { Module } from '../module/module.ts'

export interface GlobalPoolOptions {
  /** Whether the spatial dims stay, with size 1 (default false). */
  readonly keepDim?: boolean
}

/** The spatial dims of x [N, C, …]. */
function spatialDims(x: Tensor): number[] {
  if (x.rank < 3) throw refuseInput(x.shape, '[N, C, …] with spatial dims')
  return x.shape.map((_, dim) => dim).slice(2)
}

/** The mean of each channel: x [N, C, …] → [N, C]. */
export function globalAvgPool(x: Tensor, { keepDim = false }: GlobalPoolOptions = {}): Tensor {
  return x.mean(spatialDims(x), keepDim)
}

/** The largest value of each channel: x [N, C, …] → [N, C]. The gradient goes to the first one. */
export function globalMaxPool(x: Tensor, { keepDim = false }: GlobalPoolOptions = {}): Tensor {
  return x.max(spatialDims(x), keepDim)
}

abstract class GlobalPooling extends Module {
  readonly options: GlobalPoolOptions
  constructor(options: GlobalPoolOptions = {}) {
    super()
    this.options = options
  }
}

/**
 * The mean of each channel over all its positions, in one, two or three dims:
 * [N, C, …] → [N, C].
 *
 * Source: Lin et al., “Network in network”, 2013.
 *
 * @throws BrickError `shape` without spatial dims.
 *
 * @example
 * ```ts
 * new nn.GlobalAvgPool().forward(ones([2, 8, 4, 4])).shape // [2, 8]
 * ```
 */
export class GlobalAvgPool extends GlobalPooling {
  forward(x: Tensor): Tensor {
    return globalAvgPool(x, this.options)
  }
}

/** The largest value of each channel: [N, C, …] → [N, C]. */
export class GlobalMaxPool extends GlobalPooling {
  forward(x: Tensor): Tensor {
    return globalMaxPool(x, this.options)
  }
}
