import { full } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { CommonOptions, Group, Parameters } from './groups.ts'
import { decayed, Optimizer, type OptimizerFactory, shrunk } from './optimizer.ts'
import { requireFactors, requireNatural } from './options.ts'

/** Options of Adam and its relatives. */
export interface MomentOptions extends Partial<CommonOptions> {
  /** How slowly the means of gradient and squared gradient fade (default [0.9, 0.999]). */
  readonly betas?: readonly [number, number]
  /** Added to the root of the squared gradient (default 1e-8). */
  readonly eps?: number
}

export interface AdamOptions extends MomentOptions {
  /** Learning rate (default 0.001). */
  readonly lr?: number
  /** Use the largest mean squared gradient so far (default false). */
  readonly amsgrad?: boolean
}

/** Options of Adam and its relatives, none left out. */
export type MomentSettings = CommonOptions & Required<Omit<MomentOptions, keyof CommonOptions>>

export const momentDefaults = { betas: [0.9, 0.999] as const, eps: 1e-8 }

/** @throws BrickError `argument` for betas outside [0, 1) and a negative eps. */
export function checkMoments(where: string, { betas, eps }: MomentSettings): void {
  requireFactors(where, { 'betas[0]': betas[0], 'betas[1]': betas[1] })
  requireNatural(where, { eps })
}

/** 1 − βᵗ, exact also where βᵗ is nearly 1. */
export const correction = (beta: number, steps: Tensor): Tensor =>
  beta === 0 ? full(steps.shape, 1) : steps.mul(Math.log(beta)).expm1().neg()

type AdamSettings = MomentSettings & { readonly amsgrad: boolean }

/** lr / (1 − β₁ᵗ) and √(1 − β₂ᵗ) of each parameter. */
interface Scales {
  readonly stride: Tensor
  readonly rise: Tensor
}

/**
 * Steps of about equal length for each weight: m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²,
 * p ← p − lr · m̂ / (√v̂ + eps) with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). As torch.optim.Adam.
 * With `amsgrad` (AMSGrad), v̂ has the largest v so far in place of v. Weight decay is added to the
 * gradient.
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
export class Adam extends Optimizer<AdamSettings> {
  private readonly mean: ReadonlyMap<number, Tensor>
  private readonly square: ReadonlyMap<number, Tensor>
  private readonly largest: ReadonlyMap<number, Tensor>
  private readonly scales = new Map<Group<AdamSettings>, Scales>()

  constructor(parameters: Parameters<AdamSettings>, options: AdamOptions = {}) {
    super(parameters, { lr: 1e-3, ...momentDefaults, amsgrad: false, ...options }, checkMoments)
    this.counting()
    this.mean = this.slot('exp_avg')
    this.square = this.slot('exp_avg_sq')
    this.largest = this.slot('max_exp_avg_sq', ({ amsgrad }) => (amsgrad ? 0 : undefined))
  }

  protected override begin(group: Group<AdamSettings>): void {
    const { steps } = this
    const [beta1, beta2] = group.options.betas
    const stride = group.rate.div(correction(beta1, steps))
    this.scales.set(group, { stride, rise: correction(beta2, steps).sqrt() })
  }

  /** How weight decay enters the gradient. */
  protected decay(parameter: Tensor, g: Tensor, group: Group): Tensor {
    return decayed(parameter, g, group)
  }

  /** The parameter before its step. */
  protected shrink(parameter: Tensor, _: Group): Tensor {
    return parameter
  }

  protected update(p: Tensor, gradient: Tensor, i: number, group: Group<AdamSettings>): void {
    const { betas, eps } = group.options
    const { stride, rise } = this.scales.get(group)!
    const g = this.decay(p, gradient, group)
    const m = fade(this.mean.get(i)!, g, betas[0])
    const v = fade(this.square.get(i)!, g.square(), betas[1])
    const largest = this.largest.get(i)
    const spread = largest ? largest.assign(largest.maximum(v)) : v
    const length = spread.sqrt().div(rise.slice(i)).add(eps)
    p.assign(this.shrink(p, group).sub(m.div(length).mul(stride.slice(i))))
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
 *
 * @example
 * ```ts
 * // Weights are drawn towards 0; biases and norms are not.
 * const optimizer = new optim.AdamW(model, { weightDecay: 0.05, decayBiases: false })
 * ```
 */
export class AdamW extends Adam {
  constructor(parameters: Parameters<AdamSettings>, options: AdamOptions = {}) {
    super(parameters, { weightDecay: 0.01, ...options })
  }
  protected override decay(_: Tensor, g: Tensor): Tensor {
    return g
  }
  protected override shrink(parameter: Tensor, group: Group): Tensor {
    return shrunk(parameter, group)
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
