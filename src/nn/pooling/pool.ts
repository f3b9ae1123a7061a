import { type Pair, type PoolOptions, spatial } from '../../tensor/compose/contraction.ts'
import {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from '../../tensor/functions.ts'
import {
  maxPool1dWithIndices,
  maxPool2dWithIndices,
  maxPool3dWithIndices,
} from '../../tensor/max-unpool.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseInput } from '../module/check.ts'
import { Module } from '../module/module.ts'

export interface MaxPoolOptions<Indices extends boolean = boolean>
  extends Omit<PoolOptions, 'countIncludePad' | 'divisorOverride'> {
  /** Whether `forward` gives [values, indices] for `MaxUnpool` (default false: values alone). */
  readonly returnIndices?: Indices
}
export type AvgPoolOptions = Omit<PoolOptions, 'dilation'>

/** Values, or values and the positions that they came from. */
export type Pooled<Indices extends boolean> = Indices extends true
  ? [values: Tensor, indices: Tensor]
  : Tensor

const layouts = { 1: '[N, C, L]', 2: '[N, C, H, W]', 3: '[N, C, D, H, W]' } as const
type Dims = keyof typeof layouts

/** Windows of a size over `dims` spatial axes, each to one value. */
abstract class Pooling<Out> extends Module<[x: Tensor], Out> {
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

  protected abstract pool(x: Tensor): Out

  forward(x: Tensor): Out {
    if (x.rank !== this.dims + 2) throw refuseInput(x.shape, layouts[this.dims])
    return this.pool(x)
  }

  protected override describe(): string {
    const rest = Object.entries(this.options).map(([name, value]) => `${name}=${value}`)
    return [`kernel=${this.kernel}`, ...rest].join(', ')
  }
}

const maxima = {
  1: [maxPool1d, maxPool1dWithIndices],
  2: [maxPool2d, maxPool2dWithIndices],
  3: [maxPool3d, maxPool3dWithIndices],
} as const

abstract class MaxPooling<Indices extends boolean> extends Pooling<Pooled<Indices>> {
  private readonly of: (x: Tensor) => Tensor | [values: Tensor, indices: Tensor]

  constructor(dims: Dims, kernel: Pair, { returnIndices, ...options }: MaxPoolOptions<Indices>) {
    super(dims, kernel, options)
    const [values, both] = maxima[dims]
    this.of = (x) => (returnIndices ? both : values)(x, kernel, options)
  }
  protected pool(x: Tensor): Pooled<Indices> {
    // Indices says what the constructor was given.
    return this.of(x) as Pooled<Indices>
  }
}

/** The largest value of each window: x [N, C, L]. Options as {@link MaxPool2d}'s. */
export class MaxPool1d<Indices extends boolean = false> extends MaxPooling<Indices> {
  constructor(kernel: Pair, options: MaxPoolOptions<Indices> = {}) {
    super(1, kernel, options)
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
export class MaxPool2d<Indices extends boolean = false> extends MaxPooling<Indices> {
  constructor(kernel: Pair, options: MaxPoolOptions<Indices> = {}) {
    super(2, kernel, options)
  }
}

/** The largest value of each window: x [N, C, D, H, W]. Options as {@link MaxPool2d}'s. */
export class MaxPool3d<Indices extends boolean = false> extends MaxPooling<Indices> {
  constructor(kernel: Pair, options: MaxPoolOptions<Indices> = {}) {
    super(3, kernel, options)
  }
}

/** The mean of each window: x [N, C, L]. Options as {@link AvgPool2d}'s. */
export class AvgPool1d extends Pooling<Tensor> {
  constructor(kernel: Pair, options: AvgPoolOptions = {}) {
    super(1, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return avgPool1d(x, this.kernel, this.options)
  }
}

/**
 * The mean of each window: x [N, C, H, W] → [N, C, O, P], sizes as {@link MaxPool2d}'s. Padding
 * counts as zeros unless countIncludePad is false; divisorOverride divides in place of the count.
 *
 * @example
 * ```ts
 * new nn.AvgPool2d(3, { stride: 2, padding: 1 })
 * ```
 */
export class AvgPool2d extends Pooling<Tensor> {
  constructor(kernel: Pair, options: AvgPoolOptions = {}) {
    super(2, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return avgPool2d(x, this.kernel, this.options)
  }
}

/** The mean of each window: x [N, C, D, H, W]. Options as {@link AvgPool2d}'s. */
export class AvgPool3d extends Pooling<Tensor> {
  constructor(kernel: Pair, options: AvgPoolOptions = {}) {
    super(3, kernel, options)
  }
  protected pool(x: Tensor): Tensor {
    return avgPool3d(x, this.kernel, this.options)
  }
}
