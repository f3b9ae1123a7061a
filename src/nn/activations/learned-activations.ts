import { full } from '../../tensor/create.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { uniform } from '../init/init.ts'
import type { LinearOptions } from '../linear/linear.ts'
import { requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import { maxout, prelu } from './activations.ts'

/**
 * x above 0, a learnt slope times x below: {@link prelu}. `weight` [count] begins as 0.25.
 *
 * @example
 * ```ts
 * new nn.PReLU().forward(tensor([-4, 2])) // [-1, 2]
 * ```
 */
export class PReLU extends Module {
  weight: Tensor
  /** @param count 1 slope for all, or one for each channel. */
  constructor(count = 1, initial = 0.25) {
    super()
    requireSizes('PReLU', { count })
    this.weight = parameter(full([count], initial))
  }
  forward(x: Tensor): Tensor {
    return prelu(x, this.weight)
  }
  protected override describe(): string {
    return `${this.weight.size}`
  }
}

/**
 * The largest of several linear layers: {@link maxout} with learnt weights, x […, in] → […, out].
 * `weight` [pieces, out, in] and `bias` [pieces, out] begin as U(±1/√in).
 *
 * @example
 * ```ts
 * new nn.Maxout(8, 4, 3).forward(input).shape // [2, 4]
 * ```
 */
export class Maxout extends Module {
  weight: Tensor
  bias: Tensor | undefined

  constructor(
    inFeatures: number,
    outFeatures: number,
    pieces = 2,
    { bias = true }: LinearOptions = {},
  ) {
    super()
    requireSizes('Maxout', { inFeatures, outFeatures, pieces })
    const bound = 1 / Math.sqrt(inFeatures)
    this.weight = parameter(uniform([pieces, outFeatures, inFeatures], -bound, bound))
    this.bias = bias ? parameter(uniform([pieces, outFeatures], -bound, bound)) : undefined
  }
  forward(x: Tensor): Tensor {
    return maxout(x, this.weight, this.bias)
  }
  protected override describe(): string {
    const [pieces, out, inner] = this.weight.shape
    return `${inner}, ${out}, pieces=${pieces}`
  }
}
