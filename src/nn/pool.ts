import { adaptiveAvgPool2d } from '../tensor/adaptive-pool.ts'
import { type Pair, type PoolOptions, spatial } from '../tensor/compose/contraction.ts'
import {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from '../tensor/functions.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { refuseInput } from './check.ts'
import { Module } from './module.ts'

export type MaxPoolOptions = Omit<PoolOptions, 'countIncludePad'>
export type AvgPoolOptions = Omit<PoolOptions, 'dilation'>

const layouts = { 1: '[N, C, L]', 2: '[N, C, H, W]', 3: '[N, C, D, H, W]' } as const
type Dims = keyof typeof layouts

/** Windows of a size over `dims` spatial axes, each to one value. */
abstract class Pooling extends Module {
  readonly kernel: Pair
  readonly options: PoolOptions
  private readonly dims: Dims

  constructor(dims: Dims, kernel: Pair, options: PoolOptions) {
    super()
    spatial(kernel, dims, new.target.name, 'kernel')
    this.dims = dims
    this.kernel = kernel
    this.options = options
  }

  protected abstract pool(x: Tensor): Tensor

  forward(x: Tensor): Tensor {
    if (x.rank !== this.dims + 2) throw refuseInput(x.shape, layouts[this.dims])
    return this.pool(x)
  }

  protected override describe(): string {
    const rest = Object.entries(this.options).map(([name, value]) => `${name}=${value}`)
    return [`kernel=${this.kernel}`, ...rest].join(', ')
  }
}

/** The largest value of each window: x [N, C, L]. Options as {@link MaxPool2d}'s. */
export class MaxPool1d extends Pooling {
  constructor(kernel: Pair, options: MaxPoolOptions = {}) {
    super(1, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return maxPool1d(x, this.kernel, this.options)
  }
}

/**
 * The largest value of each window: x [N, C, H, W] → [N, C, O, P] with
 * O = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 (⌈…⌉ with ceilMode). The stride is
 * the kernel's size unless given. Its gradient goes to the first maximum of each window.
 *
 * @throws BrickError `shape` for another number of dims.
 *
 * @example
 * ```ts
 * new nn.MaxPool2d(2).forward(x) // [64, 20, 24, 24] → [64, 20, 12, 12]
 * ```
 */
export class MaxPool2d extends Pooling {
  constructor(kernel: Pair, options: MaxPoolOptions = {}) {
    super(2, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return maxPool2d(x, this.kernel, this.options)
  }
}

/** The largest value of each window: x [N, C, D, H, W]. Options as {@link MaxPool2d}'s. */
export class MaxPool3d extends Pooling {
  constructor(kernel: Pair, options: MaxPoolOptions = {}) {
    super(3, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return maxPool3d(x, this.kernel, this.options)
  }
}

/** The mean of each window: x [N, C, L]. Options as {@link AvgPool2d}'s. */
export class AvgPool1d extends Pooling {
  constructor(kernel: Pair, options: AvgPoolOptions = {}) {
    super(1, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return avgPool1d(x, this.kernel, this.options)
  }
}

/**
 * The mean of each window: x [N, C, H, W] → [N, C, O, P], sizes as {@link MaxPool2d}'s. Padding
 * counts as zeros unless countIncludePad is false.
 *
 * @example
 * ```ts
 * new nn.AvgPool2d(3, { stride: 2, padding: 1 })
 * ```
 */
export class AvgPool2d extends Pooling {
  constructor(kernel: Pair, options: AvgPoolOptions = {}) {
    super(2, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return avgPool2d(x, this.kernel, this.options)
  }
}

/** The mean of each window: x [N, C, D, H, W]. Options as {@link AvgPool2d}'s. */
export class AvgPool3d extends Pooling {
  constructor(kernel: Pair, options: AvgPoolOptions = {}) {
    super(3, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return avgPool3d(x, this.kernel, this.options)
  }
}

/**
 * Means of regions, so many that the output has this size whatever the input's:
 * [N, C, H, W] → [N, C, O, P].
 *
 * @example
 * ```ts
 * new nn.AdaptiveAvgPool2d(1) // global average pooling
 * ```
 */
export class AdaptiveAvgPool2d extends Module {
  readonly output: readonly number[]

  constructor(output: Pair) {
    super()
    this.output = spatial(output, 2, 'AdaptiveAvgPool2d', 'output')
  }
  forward(x: Tensor): Tensor {
    if (x.rank !== 4) throw refuseInput(x.shape, layouts[2])
    return adaptiveAvgPool2d(x, this.output)
  }
  protected override describe(): string {
    return this.output.join(', ')
  }
}
