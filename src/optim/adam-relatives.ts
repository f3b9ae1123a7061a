import type { Tensor } from '../tensor/tensor.ts'
import { correction, fade } from './adam.ts'
import { Optimizer, type OptimizerFactory, type Parameters } from './optimizer.ts'
import { requireFactors, requireNatural } from './options.ts'

export interface AdamaxOptions {
  /** Learning rate (default 0.002). */
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weightDecay?: number
}

/** Options that Adamax and NAdam share, checked. */
function settle(name: string, options: AdamaxOptions): Required<Omit<AdamaxOptions, 'lr'>> {
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
  requireFactors(name, { 'betas[0]': betas[0], 'betas[1]': betas[1] })
  requireNatural(name, { eps, weightDecay })
  return { betas, eps, weightDecay }
}

/**
 * Adam with the largest fading |g| in place of the root mean square:
 * u ← max(β₂·u, |g| + eps), p ← p − lr / (1 − β₁ᵗ) · m / u. As torch.optim.Adamax.
 *
 * Source: Kingma and Ba, “Adam: a method for stochastic optimization”, 2014, section 7.1.
 */
export class Adamax extends Optimizer {
  private readonly settings: ReturnType<typeof settle>
  private readonly mean: readonly Tensor[]
  private readonly largest: readonly Tensor[]
  private stride!: Tensor

  constructor(parameters: Parameters, options: AdamaxOptions = {}) {
    super(parameters, options.lr ?? 2e-3)
    this.settings = settle('Adamax', options)
    this.counting()
    this.mean = this.slot('exp_avg')
    this.largest = this.slot('exp_inf')
  }

  protected override begin(): void {
    this.stride = this.rate.div(correction(this.settings.betas[0], this.steps))
  }

  protected update(parameter: Tensor, gradient: Tensor, i: number): void {
    const { betas, eps, weightDecay } = this.settings
    const g = weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient
    const m = fade(this.mean[i]!, g, betas[0])
    const largest = this.largest[i]!
    largest.assign(largest.mul(betas[1]).maximum(g.abs().add(eps)))
    parameter.assign(parameter.sub(m.div(largest).mul(this.stride.slice(i))))
  }
}

/** {@link Adamax} for whatever parameters it is given later. */
export const adamax =
  (options: AdamaxOptions = {}): OptimizerFactory =>
  (parameters) =>
    new Adamax(parameters, options)

export interface NAdamOptions extends AdamaxOptions {
  /** How fast the momentum approaches β₁ (default 0.004). */
  readonly momentumDecay?: number
}

/**
 * Adam with Nesterov's look ahead: with μₜ = β₁·(1 − ½·0.96^(ψt)),
 * p ← p − lr · ((1 − μₜ) / (1 − Πμ) · g + μₜ₊₁ / (1 − Πμ·μₜ·μₜ₊₁) · m) / (√v̂ + eps).
 * As torch.optim.NAdam up to 1.13, whose second denominator has μₜ once more than the paper's.
 *
 * Source: Dozat, “Incorporating Nesterov momentum into Adam”, 2016.
 */
export class NAdam extends Optimizer {
  private readonly settings: ReturnType<typeof settle>
  private readonly momentumDecay: number
  private readonly mean: readonly Tensor[]
  private readonly square: readonly Tensor[]
  private readonly products: readonly Tensor[]
  private rise!: Tensor
  private now!: Tensor
  private next!: Tensor

  constructor(parameters: Parameters, options: NAdamOptions = {}) {
    super(parameters, options.lr ?? 2e-3)
    const { momentumDecay = 4e-3 } = options
    requireNatural('NAdam', { momentumDecay })
    this.settings = settle('NAdam', options)
    this.momentumDecay = momentumDecay
    this.counting()
    this.mean = this.slot('exp_avg')
    this.square = this.slot('exp_avg_sq')
    this.products = this.scalarSlot('mu_product', 1)
  }

  /** μₜ of each parameter. */
  private momentum(steps: Tensor): Tensor {
    const fading = steps.mul(this.momentumDecay * Math.log(0.96)).exp()
    return fading.mul(-0.5).add(1).mul(this.settings.betas[0])
  }

  protected override begin(): void {
    const { steps } = this
    this.rise = correction(this.settings.betas[1], steps).sqrt()
    this.now = this.momentum(steps)
    this.next = this.momentum(steps.add(1))
  }

  protected update(parameter: Tensor, gradient: Tensor, i: number): void {
    const { betas, eps, weightDecay } = this.settings
    const g = weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient
    const m = fade(this.mean[i]!, g, betas[0])
    const v = fade(this.square[i]!, g.square(), betas[1])
    const [now, next] = [this.now.slice(i), this.next.slice(i)]
    const product = this.products[i]!
    product.assign(product.mul(now))
    const fresh = now.neg().add(1).div(product.neg().add(1))
    const ahead = next.div(product.mul(now).mul(next).neg().add(1))
    const direction = g.mul(fresh.mul(this.rate)).add(m.mul(ahead.mul(this.rate)))
    const length = v.sqrt().div(this.rise.slice(i)).add(eps)
    parameter.assign(parameter.sub(direction.div(length)))
  }
}

/** {@link NAdam} for whatever parameters it is given later. */
export const nadam =
  (options: NAdamOptions = {}): OptimizerFactory =>
  (parameters) =>
    new NAdam(parameters, options)
