import { linear } from '../../tensor/functions.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { layerDefaults } from '../init/init.ts'
import { refuseInput, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'

export interface LinearOptions {
  /** Whether a bias is added (default true). */
  readonly bias?: boolean
}

/**
 * Every output sees every input: y = x · Wᵀ + b, x […, in] → y […, out].
 * `weight` [out, in] and `bias` [out] begin as U(±1/√in).
 *
 * @example
 * ```ts
 * new nn.Linear(784, 10).forward(images) // [64, 784] → [64, 10]
 * ```
 */
export class Linear extends Module {
  weight: Tensor
  bias: Tensor | undefined
  readonly inFeatures: number
  readonly outFeatures: number

  constructor(inFeatures: number, outFeatures: number, { bias = true }: LinearOptions = {}) {
    super()
    requireSizes('Linear', { inFeatures, outFeatures })
    this.inFeatures = inFeatures
    this.outFeatures = outFeatures
    const begin = layerDefaults([outFeatures, inFeatures], bias)
    this.weight = parameter(begin.weight)
    this.bias = begin.bias && parameter(begin.bias)
  }

  forward(x: Tensor): Tensor {
    const { inFeatures } = this
    const last = x.shape.at(-1)
    if (last !== inFeatures) {
      const flat = x.shape.slice(1).reduce((a, b) => a * b, 1) === inFeatures
      throw refuseInput(
        x.shape,
        `${inFeatures} input features`,
        `${last ?? 'a scalar'} in [${x.shape.join(', ')}]`,
        flat ? 'Put a Flatten before it.' : undefined,
      )
    }
    return linear(x, this.weight, this.bias)
  }

  protected override describe(): string {
    return `${this.inFeatures}, ${this.outFeatures}${this.bias ? '' : ', bias=false'}`
  }
}

/** y = x. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x
  }
}
