import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
} from '../../tensor/adaptive-pool.ts'
import { type Pair, spatial } from '../../tensor/compose/contraction.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseInput } from '../module/check.ts'
import { Module } from '../module/module.ts'

const layouts = { 1: '[N, C, L]', 2: '[N, C, H, W]', 3: '[N, C, D, H, W]' } as const
const averages = { 1: adaptiveAvgPool1d, 2: adaptiveAvgPool2d, 3: adaptiveAvgPool3d } as const
const maxima = { 1: adaptiveMaxPool1d, 2: adaptiveMaxPool2d, 3: adaptiveMaxPool3d } as const

/** Regions, so many that the output has this size whatever the input's, each to one value. */
abstract class AdaptivePooling extends Module {
  readonly output: readonly number[]
  private readonly dims: 1 | 2 | 3
  private readonly kind: typeof averages | typeof maxima

  constructor(dims: 1 | 2 | 3, kind: typeof averages | typeof maxima, output: Pair) {
    super()
    this.dims = dims
    this.kind = kind
    this.output = spatial(output, dims, new.target.name, 'output')
  }
  forward(x: Tensor): Tensor {
    if (x.rank !== this.dims + 2) throw refuseInput(x.shape, layouts[this.dims])
    return this.kind[this.dims](x, this.output)
  }
  protected override describe(): string {
    return this.output.join(', ')
  }
}

/** Means of regions: [N, C, L] → [N, C, O]. See {@link AdaptiveAvgPool2d}. */
export class AdaptiveAvgPool1d extends AdaptivePooling {
  constructor(output: Pair) {
    super(1, averages, output)
  }
}

/**
 * Means of regions, so many that the output has this size whatever the input's:
 * [N, C, H, W] → [N, C, O, P]; region o reaches from ⌊o·H/O⌋ to ⌈(o + 1)·H/O⌉ − 1.
 *
 * @example
 * ```ts
 * new nn.AdaptiveAvgPool2d(1) // global average pooling
 * ```
 */
export class AdaptiveAvgPool2d extends AdaptivePooling {
  constructor(output: Pair) {
    super(2, averages, output)
  }
}

/** Means of regions: [N, C, D, H, W] → [N, C, O, P, Q]. See {@link AdaptiveAvgPool2d}. */
export class AdaptiveAvgPool3d extends AdaptivePooling {
  constructor(output: Pair) {
    super(3, averages, output)
  }
}

/** Maxima of regions: [N, C, L] → [N, C, O]. See {@link AdaptiveMaxPool2d}. */
export class AdaptiveMaxPool1d extends AdaptivePooling {
  constructor(output: Pair) {
    super(1, maxima, output)
  }
}

/**
 * Maxima of regions, laid out as {@link AdaptiveAvgPool2d}'s. The gradient goes to the first
 * maximum of each.
 *
 * @example
 * ```ts
 * new nn.AdaptiveMaxPool2d(5).forward(x) // [64, 20, 24, 24] → [64, 20, 5, 5]
 * ```
 */
export class AdaptiveMaxPool2d extends AdaptivePooling {
  constructor(output: Pair) {
    super(2, maxima, output)
  }
}

/** Maxima of regions: [N, C, D, H, W] → [N, C, O, P, Q]. See {@link AdaptiveMaxPool2d}. */
export class AdaptiveMaxPool3d extends AdaptivePooling {
  constructor(output: Pair) {
    super(3, maxima, output)
  }
}
