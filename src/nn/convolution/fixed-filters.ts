import type { Pair } from '../../tensor/compose/contraction.ts'
import type { PadMode } from '../../tensor/compose/movement.ts'
import { conv2d } from '../../tensor/functions.ts'
import { type Tensor, variable } from '../../tensor/tensor.ts'
import { positiveSizes, refuseInput, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { type GaborOptions, gaborFilters, gaussianFilter, sobelFilters } from './filters.ts'

export interface FixedFilterOptions {
  /** Channels of the input (default 1). */
  readonly channels?: number
  readonly stride?: Pair
  /** What lies around the input, so that its size stays (default `replicate`: no false edges). */
  readonly paddingMode?: PadMode
}

/**
 * Every channel cross-correlated with every one of K filters that are not learnt:
 * x [N, C, H, W] → [N, C·K, H, W], channel by channel. `weight` [K, 1, R, S] is a buffer: it is
 * saved with the model, has no gradient, and optimisers do not see it.
 *
 * @throws BrickError `shape` for other filters or another number of channels.
 *
 * @example
 * ```ts
 * new nn.FixedFilter2d(nn.sobelFilters(), { channels: 3 }).forward(ones([1, 3, 8, 8])).shape // [1, 6, 8, 8]
 * ```
 */
export class FixedFilter2d extends Module {
  weight: Tensor
  readonly channels: number
  readonly stride: readonly number[]
  readonly paddingMode: PadMode

  constructor(filters: Tensor, options: FixedFilterOptions = {}) {
    super()
    const { channels = 1, stride = 1, paddingMode = 'replicate' } = options
    requireSizes(new.target.name, { channels })
    if (filters.rank !== 4 || filters.shape[1] !== 1) {
      throw refuseInput(filters.shape, 'filters [K, 1, R, S]')
    }
    this.weight = variable(filters)
    this.channels = channels
    this.stride = positiveSizes(new.target.name, 'stride', stride, 2)
    this.paddingMode = paddingMode
  }

  forward(x: Tensor): Tensor {
    const { channels, weight, stride } = this
    if (x.rank !== 4 || x.shape[1] !== channels)
      throw refuseInput(x.shape, `[N, ${channels}, H, W]`)
    const [count = 0, , ...kernel] = weight.shape
    const around = kernel.map((k): [number, number] => [(k - 1) >> 1, k >> 1])
    const repeated = weight.unsqueeze(0).expand([channels, ...weight.shape])
    const all = repeated.reshape([channels * count, 1, ...kernel])
    const padded = x.pad([[0, 0], [0, 0], ...around], this.paddingMode)
    return conv2d(padded, all, undefined, { stride, groups: channels })
  }

  protected override describe(): string {
    const [count, , height, width] = this.weight.shape
    return `${count} of ${height}×${width}, channels=${this.channels}`
  }
}

/** Edges: growth to the right and downwards, x [N, C, H, W] → [N, 2·C, H, W]. See {@link FixedFilter2d}. */
export class Sobel extends FixedFilter2d {
  constructor(options: FixedFilterOptions = {}) {
    super(sobelFilters(), options)
  }
}

/** A blur by {@link gaussianFilter}: x [N, C, H, W] → [N, C, H, W]. */
export class GaussianBlur extends FixedFilter2d {
  constructor(size: number, sigma: number, options: FixedFilterOptions = {}) {
    super(gaussianFilter(size, sigma), options)
  }
}

/** Lines of several orientations by {@link gaborFilters}: x [N, C, H, W] → [N, C·K, H, W]. */
export class Gabor extends FixedFilter2d {
  constructor(size: number, options: GaborOptions & FixedFilterOptions = {}) {
    super(gaborFilters(size, options), options)
  }
}
