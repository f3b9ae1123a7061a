import type { Tensor } from '../tensor/tensor.ts'
import { fade } from './adam.ts'
import { Optimizer, type OptimizerFactory, type Parameters } from './optimizer.ts'
import { requireFactors, requireNatural } from './options.ts'

export interface RmspropOptions {
  /** Learning rate (default 0.01). */
  readonly lr?: number
  /** How slowly the mean squared gradient fades (default 0.99). */
  readonly alpha?: number
  readonly eps?: number
  readonly weightDecay?: number
  readonly momentum?: number
  /** Divide by the deviation from the mean gradient (default false). */
  readonly centered?: boolean
}

/**
 * v ← α·v + (1 − α)·g², p ← p − lr · g / (√v + eps). As torch.optim.RMSprop.
 *
 * Source: Tieleman and Hinton, lecture 6.5 of “Neural networks for machine learning”, 2012;
 * centered: Graves, “Generating sequences with recurrent neural networks”, 2013.
 */
export class RMSprop extends Optimizer {
  private readonly alpha: number
  private readonly eps: number
  private readonly weightDecay: number
  private readonly momentum: number
  private readonly square: readonly Tensor[]
  private readonly mean: readonly Tensor[]
  private readonly buffers: readonly Tensor[]

  constructor(parameters: Parameters, options: RmspropOptions = {}) {
    const { lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0 } = options
    super(parameters, lr)
    requireFactors('RMSprop', { alpha })
    requireNatural('RMSprop', { eps, weightDecay, momentum })
    this.alpha = alpha
    this.eps = eps
    this.weightDecay = weightDecay
    this.momentum = momentum
    this.square = this.slot('square_avg')
    this.mean = options.centered ? this.slot('grad_avg') : []
    this.buffers = momentum ? this.slot('momentum_buffer') : []
  }

  protected update(parameter: Tensor, gradient: Tensor, i: number): void {
    const { alpha, weightDecay } = this
    const g = weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient
    const square = fade(this.square[i]!, g.square(), alpha)
    const mean = this.mean[i]
    const spread = mean ? square.sub(fade(mean, g, alpha).square()) : square
    const direction = g.div(spread.sqrt().add(this.eps))
    const buffer = this.buffers[i]
    const way = buffer ? buffer.assign(buffer.mul(this.momentum).add(direction)) : direction
    parameter.assign(parameter.sub(way.mul(this.rate)))
  }
}

/** {@link RMSprop} for whatever parameters it is given later. */
export const rmsprop =
  (options: RmspropOptions = {}): OptimizerFactory =>
  (parameters) =>
    new RMSprop(parameters, options)
