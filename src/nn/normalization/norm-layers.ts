import type { Shape } from '../../base/shape.ts'
import { ones, zeros } from '../../tensor/create.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseOption, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import {
  groupNorm,
  type LocalResponseOptions,
  layerNorm,
  localResponseNorm,
  rmsNorm,
} from './normalization.ts'

export interface LayerNormOptions {
  /** Added to the variance (default 1e-5). */
  readonly eps?: number
  /** Whether weight and bias are learnt (default true). */
  readonly elementwiseAffine?: boolean
  /** Whether there is a bias, if weights are learnt at all (default true). */
  readonly bias?: boolean
}

/** The last dims that are normalised over; a number stands for one dim. */
function dimsOf(where: string, shape: number | Shape): Shape {
  const list = typeof shape === 'number' ? [shape] : shape
  if (list.length === 0) throw refuseOption(where, 'no dims', 'the sizes of the last dims')
  requireSizes(where, Object.fromEntries(list.map((size, i) => [`size ${i}`, size])))
  return list
}

/**
 * Each example standardised over its last dims: x […, …shape], y = (x − mean) / √(var + eps) ·
 * weight + bias. `weight` and `bias` have the shape of these dims and begin as 1 and 0.
 *
 * Source: Ba et al., “Layer normalization”, 2016.
 *
 * @throws BrickError `shape` if x does not end in the shape.
 *
 * @example
 * ```ts
 * new nn.LayerNorm(8).forward(input).shape // [2, 8]
 * ```
 */
export class LayerNorm extends Module {
  weight: Tensor | undefined
  bias: Tensor | undefined
  readonly shape: Shape
  readonly eps: number

  constructor(shape: number | Shape, options: LayerNormOptions = {}) {
    super()
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options
    this.shape = dimsOf('LayerNorm', shape)
    this.eps = eps
    this.weight = elementwiseAffine ? parameter(ones(this.shape)) : undefined
    this.bias = elementwiseAffine && bias ? parameter(zeros(this.shape)) : undefined
  }
  forward(x: Tensor): Tensor {
    const { shape, weight, bias, eps } = this
    return layerNorm(x, shape, { weight, bias, eps })
  }
  protected override describe(): string {
    return `[${this.shape.join(', ')}], eps=${this.eps}`
  }
}

/**
 * Each example divided by the root of its mean square over its last dims, times `weight` (which
 * begins as 1). `eps` is 2⁻²³ unless given.
 *
 * Source: Zhang and Sennrich, “Root mean square layer normalization”, 2019.
 *
 * @throws BrickError `shape` if x does not end in the shape.
 */
export class RMSNorm extends Module {
  weight: Tensor | undefined
  readonly shape: Shape
  readonly eps: number | undefined

  constructor(
    shape: number | Shape,
    { eps, elementwiseAffine = true }: Omit<LayerNormOptions, 'bias'> = {},
  ) {
    super()
    this.shape = dimsOf('RMSNorm', shape)
    this.eps = eps
    this.weight = elementwiseAffine ? parameter(ones(this.shape)) : undefined
  }
  forward(x: Tensor): Tensor {
    const { shape, weight, eps } = this
    return rmsNorm(x, shape, { weight, ...(eps === undefined ? {} : { eps }) })
  }
  protected override describe(): string {
    return `[${this.shape.join(', ')}]`
  }
}

/**
 * Each example of x [N, C, …] standardised over groups of channels, then scaled and shifted by
 * `weight` and `bias` [C].
 *
 * Source: Wu and He, “Group normalization”, 2018.
 *
 * @throws BrickError `argument` if the groups do not divide the channels, `shape` for others.
 *
 * @example
 * ```ts
 * new nn.GroupNorm(2, 8).forward(ones([2, 8, 4, 4])).shape // [2, 8, 4, 4]
 * ```
 */
export class GroupNorm extends Module {
  weight: Tensor | undefined
  bias: Tensor | undefined
  readonly groups: number
  readonly channels: number
  readonly eps: number

  constructor(
    groups: number,
    channels: number,
    { eps = 1e-5, affine = true }: { readonly eps?: number; readonly affine?: boolean } = {},
  ) {
    super()
    requireSizes('GroupNorm', { groups, channels })
    if (channels % groups) {
      throw refuseOption('GroupNorm', `${groups} groups`, `groups that divide ${channels} channels`)
    }
    this.groups = groups
    this.channels = channels
    this.eps = eps
    this.weight = affine ? parameter(ones([channels])) : undefined
    this.bias = affine ? parameter(zeros([channels])) : undefined
  }
  forward(x: Tensor): Tensor {
    const { groups, weight, bias, eps } = this
    return groupNorm(x, groups, { weight, bias, eps })
  }
  protected override describe(): string {
    return `${this.groups}, ${this.channels}, eps=${this.eps}, affine=${!!this.weight}`
  }
}

/** {@link localResponseNorm} as a layer. */
export class LocalResponseNorm extends Module {
  readonly size: number
  readonly options: LocalResponseOptions

  constructor(size: number, options: LocalResponseOptions = {}) {
    super()
    requireSizes('LocalResponseNorm', { size })
    this.size = size
    this.options = options
  }
  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options)
  }
  protected override describe(): string {
    return `${this.size}`
  }
}
