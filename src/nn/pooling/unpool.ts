import type { Pair } from '../../tensor/compose/contraction.ts'
import {
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  type UnpoolOptions,
} from '../../tensor/max-unpool.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { Module } from '../module/module.ts'

const functions = { 1: maxUnpool1d, 2: maxUnpool2d, 3: maxUnpool3d } as const

/** The inverse of max pooling over `dims` spatial axes. See {@link MaxUnpool2d}. */
abstract class Unpooling extends Module<
  [x: Tensor, indices: Tensor, outputSize?: readonly number[]]
> {
  readonly kernel: Pair
  readonly options: Omit<UnpoolOptions, 'outputSize'>
  private readonly dims: 1 | 2 | 3

  constructor(dims: 1 | 2 | 3, kernel: Pair, options: Omit<UnpoolOptions, 'outputSize'>) {
    super()
    this.dims = dims
    this.kernel = kernel
    this.options = options
  }
  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    const size = outputSize ? { outputSize } : {}
    return functions[this.dims](x, indices, this.kernel, { ...this.options, ...size })
  }
  protected override describe(): string {
    return `kernel=${this.kernel}`
  }
}

/** The inverse of `MaxPool1d` with indices. See {@link MaxUnpool2d}. */
export class MaxUnpool1d extends Unpooling {
  constructor(kernel: Pair, options: Omit<UnpoolOptions, 'outputSize'> = {}) {
    super(1, kernel, options)
  }
}

/**
 * {@link maxUnpool2d} as a layer: values back to where `MaxPool2d` with `returnIndices` found
 * them, zeros elsewhere.
 *
 * @example
 * ```ts
 * const [y, at] = new nn.MaxPool2d(2, { returnIndices: true }).forward(x)
 * new nn.MaxUnpool2d(2).forward(y, at).shape // [64, 20, 24, 24]
 * ```
 */
export class MaxUnpool2d extends Unpooling {
  constructor(kernel: Pair, options: Omit<UnpoolOptions, 'outputSize'> = {}) {
    super(2, kernel, options)
  }
}

/** The inverse of `MaxPool3d` with indices. See {@link MaxUnpool2d}. */
export class MaxUnpool3d extends Unpooling {
  constructor(kernel: Pair, options: Omit<UnpoolOptions, 'outputSize'> = {}) {
    super(3, kernel, options)
  }
}
