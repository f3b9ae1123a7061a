import { full } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Optimizer, type OptimizerFactory, type Parameters } from './optimizer.ts'
import { requireFactors, requireNatural } from './options.ts'

export interface AdamOptions {
  /** Learning rate (default 0.001). */
  readonly lr?: number
  /** How slowly the means of gradient and squared gradient fade (default [0.9, 0.999]). */
  readonly betas?: readonly [number, number]
  /** Added to the root of the squared gradient (default 1e-8). */
  readonly eps?: number
  /** Adam: factor of the parameter that is added to its gradient; AdamW: see there. */
  readonly weightDecay?: number
  /** Use the largest mean squared gradient so far (default false). */
  readonly amsgrad?: boolean
}

/** 1 − βᵗ, exact also where βᵗ is nearly 1. */
export const correction = (beta: number, steps: Tensor): Tensor =>
  beta === 0 ? full(steps.shape, 1) : steps.mul(Math.log(beta)).expm1().neg()

/**
 * Steps of about equal length for each weight: m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²,
 * p ← p − lr · m̂ / (√v̂ + eps) with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). As torch.optim.Adam.
 *
 * Source: Kingma and Ba, “Adam: a method for stochastic optimization”, 2014; amsgrad: Reddi et
 * al., “On the convergence of Adam and beyond”, 2018.
 *
 * @throws BrickError `argument` for negative options or betas outside [0, 1).
 *
 * @example
 * ```ts
 * const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 })
 * ```
 */
export class Adam extends Optimizer {
  protected readonly betas: readonly [number, number]
  protected readonly eps: number
  protected readonly weightDecay: number
  protected readonly mean: readonly Tensor[]
  protected readonly square: readonly Tensor[]
  private readonly largest: readonly Tensor[]
  /** lr / (1 − β₁ᵗ) and √(1 − β₂ᵗ) of each parameter. */
  private stride!: Tensor
  private rise!: Tensor

  constructor(parameters: Parameters, options: AdamOptions = {}) {
    const {
      lr = 1e-3,
      betas = [0.9, 0.999],
      eps = 1e-8,
      weightDecay = 0,
      amsgrad = false,
    } = options
    super(parameters, lr)
    requireFactors(this.constructor.name, { 'betas[0]': betas[0], 'betas[1]': betas[1] })
    requireNatural(this.constructor.name, { eps, weightDecay })
    this.betas = betas
    this.eps = eps
    this.weightDecay = weightDecay
    this.counting()
    this.mean = this.slot('exp_avg')
    this.square = this.slot('exp_avg_sq')
    this.largest = amsgrad ? this.slot('max_exp_avg_sq') : []
  }

  protected override begin(): void {
    const { steps } = this
    this.stride = this.rate.div(correction(this.betas[0], steps))
    this.rise = correction(this.betas[1], steps).sqrt()
  }

  /** How weight decay enters the gradient. */
  protected decay(parameter: Tensor, g: Tensor): Tensor {
    return this.weightDecay ? g.add(parameter.mul(this.weightDecay)) : g
  }

  /** The parameter before its step. */
  protected shrink(parameter: Tensor): Tensor {
    return parameter
  }

  protected update(parameter: Tensor, gradient: Tensor, i: number): void {
    const [beta1, beta2] = this.betas
    const g = this.decay(parameter, gradient)
    const m = fade(this.mean[i]!, g, beta1)
    const v = fade(this.square[i]!, g.square(), beta2)
    const largest = this.largest[i]
    const spread = largest ? largest.assign(largest.maximum(v)) : v
    const length = spread.sqrt().div(this.rise.slice(i)).add(this.eps)
    const step = m.div(length).mul(this.stride.slice(i))
    parameter.assign(this.shrink(parameter).sub(step))
  }
}

/** state ← β·state + (1 − β)·value; the new value. */
export function fade(state: Tensor, value: Tensor, beta: number): Tensor {
  const next = state.mul(beta).add(value.mul(1 - beta))
  state.assign(next)
  return next
}

/**
 * {@link Adam} whose weight decay acts on the parameter alone: p ← p·(1 − lr·decay) before each
 * step (default 0.01). As torch.optim.AdamW.
 *
 * Source: Loshchilov and Hutter, “Decoupled weight decay regularization”, 2017.
 */
export class AdamW extends Adam {
  constructor(parameters: Parameters, options: AdamOptions = {}) {
    super(parameters, { weightDecay: 0.01, ...options })
  }
  protected override decay(_: Tensor, g: Tensor): Tensor {
    return g
  }
  protected override shrink(parameter: Tensor): Tensor {
    return parameter.sub(parameter.mul(this.rate.mul(this.weightDecay)))
  }
}

/**
 * {@link Adam} for whatever parameters it is given later.
 *
 * @example
 * ```ts
 * train.fit(model, data, { optimizer: optim.adam({ lr: 1e-3 }), … })
 * ```
 */
export const adam =
  (options: AdamOptions = {}): OptimizerFactory =>
  (parameters) =>
    new Adam(parameters, options)

/** {@link AdamW} for whatever parameters it is given later. */
export const adamw =
  (options: AdamOptions = {}): OptimizerFactory =>
  (parameters) =>
    new AdamW(parameters, options)
