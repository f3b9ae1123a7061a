import { type Tensor, where } from '../tensor/tensor.ts'
import {
  checkMoments,
  correction,
  fade,
  type MomentOptions,
  type MomentSettings,
  momentDefaults,
} from './adam.ts'
import type { Group, Parameters } from './groups.ts'
import { decayed, Optimizer, type OptimizerFactory } from './optimizer.ts'

export interface LambOptions extends MomentOptions {
  /** Learning rate (default 0.001). */
  readonly lr?: number
}

/** 1 − β₁ᵗ and 1 − β₂ᵗ of each parameter. */
interface Corrections {
  readonly mean: Tensor
  readonly square: Tensor
}

/**
 * Adam for large batches: each parameter's step is as long as its norm says,
 * p ← p − lr · ‖p‖ / ‖r‖ · r with r = m̂ / (√v̂ + eps) + decay · p, and m̂, v̂ as Adam's. The ratio
 * is 1 where either norm is 0. The default eps is 1e-6.
 *
 * Source: You et al., “Large batch optimization for deep learning: training BERT in 76 minutes”,
 * 2019, algorithm 2.
 *
 * @throws BrickError `argument` for negative options or betas outside [0, 1).
 *
 * @example
 * ```ts
 * const optimizer = new optim.LAMB(model, { lr: 2e-3, weightDecay: 0.01, decayBiases: false })
 * ```
 */
export class LAMB extends Optimizer<MomentSettings> {
  private readonly mean: ReadonlyMap<number, Tensor>
  private readonly square: ReadonlyMap<number, Tensor>
  private readonly corrections = new Map<Group<MomentSettings>, Corrections>()

  constructor(parameters: Parameters<MomentSettings>, options: LambOptions = {}) {
    super(parameters, { lr: 1e-3, ...momentDefaults, eps: 1e-6, ...options }, checkMoments)
    this.counting()
    this.mean = this.slot('exp_avg')
    this.square = this.slot('exp_avg_sq')
  }

  protected override begin(group: Group<MomentSettings>): void {
    const [beta1, beta2] = group.options.betas
    const { steps } = this
    const mean = correction(beta1, steps)
    this.corrections.set(group, { mean, square: correction(beta2, steps) })
  }

  protected update(p: Tensor, g: Tensor, i: number, group: Group<MomentSettings>): void {
    const { betas, eps } = group.options
    const corrections = this.corrections.get(group)!
    const m = fade(this.mean.get(i)!, g, betas[0]).div(corrections.mean.slice(i))
    const v = fade(this.square.get(i)!, g.square(), betas[1]).div(corrections.square.slice(i))
    const direction = decayed(p, m.div(v.sqrt().add(eps)), group)
    const [weight, length] = [p.square().sum().sqrt(), direction.square().sum().sqrt()]
    const trust = where(weight.gt(0).logicalAnd(length.gt(0)), weight.div(length), 1)
    p.assign(p.sub(direction.mul(trust.mul(group.rate))))
  }
}

/** {@link LAMB} for whatever parameters it is given later. */
export const lamb =
  (options: LambOptions = {}): OptimizerFactory =>
  (parameters) =>
    new LAMB(parameters, options)
