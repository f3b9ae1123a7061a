import type { Tensor } from '../tensor/tensor.ts'
import { fade } from './adam.ts'
import type { CommonOptions, Group, Parameters } from './groups.ts'
import { decayed, Optimizer, type OptimizerFactory } from './optimizer.ts'
import { requireFactors, requireNatural } from './options.ts'

export interface RmspropOptions extends Partial<CommonOptions> {
  /** Learning rate (default 0.01). */
  readonly lr?: number
  /** How slowly the mean squared gradient fades (default 0.99). */
  readonly alpha?: number
  readonly eps?: number
  readonly momentum?: number
  /** Divide by the deviation from the mean gradient (default false). */
  readonly centered?: boolean
}
const defaults = { lr: 0.01, alpha: 0.99, eps: 1e-8, momentum: 0, centered: false }
type RmspropSettings = CommonOptions & Required<Omit<RmspropOptions, keyof CommonOptions>>

/**
 * v ← α·v + (1 − α)·g², p ← p − lr · g / (√v + eps). With momentum μ, b ← μ·b + g / (√v + eps) and
 * p ← p − lr·b; centered, v is less the square of the fading mean of g (0 where rounding makes it
 * negative, PyTorch has NaN there). As torch.optim.RMSprop.
 *
 * Source: Tieleman and Hinton, lecture 6.5 of “Neural networks for machine learning”, 2012;
 * centered: Graves, “Generating sequences with recurrent neural networks”, 2013.
 *
 * @example
 * ```ts
 * const optimizer = new optim.RMSprop(model, { lr: 1e-3, centered: true, momentum: 0.9 })
 * loss.backward()
 * optimizer.step()
 * ```
 */
export class RMSprop extends Optimizer<RmspropSettings> {
  private readonly square = this.slot('square_avg')
  private readonly mean = this.slot('grad_avg', ({ centered }) => (centered ? 0 : undefined))
  private readonly buffers = this.slot('momentum_buffer', (o) => (o.momentum ? 0 : undefined))

  constructor(parameters: Parameters<RmspropSettings>, options: RmspropOptions = {}) {
    super(parameters, { ...defaults, ...options }, (where, { alpha, eps, momentum }) => {
      requireFactors(where, { alpha })
      requireNatural(where, { eps, momentum })
    })
  }

  protected update(p: Tensor, gradient: Tensor, i: number, group: Group<RmspropSettings>): void {
    const { alpha, eps, momentum } = group.options
    const g = decayed(p, gradient, group)
    const square = fade(this.square.get(i)!, g.square(), alpha)
    const mean = this.mean.get(i)
    const spread = mean ? square.sub(fade(mean, g, alpha).square()).maximum(0) : square
    const direction = g.div(spread.sqrt().add(eps))
    const buffer = this.buffers.get(i)
    const way = buffer ? buffer.assign(buffer.mul(momentum).add(direction)) : direction
    p.assign(p.sub(way.mul(group.rate)))
  }
}

/** {@link RMSprop} for whatever parameters it is given later. */
export const rmsprop =
  (options: RmspropOptions = {}): OptimizerFactory =>
  (parameters) =>
    new RMSprop(parameters, options)
