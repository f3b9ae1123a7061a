import type { Tensor } from '../tensor/tensor.ts'
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
import { requireNatural } from './options.ts'

export interface AdamaxOptions extends MomentOptions {
  /** Learning rate (default 0.002). */
  readonly lr?: number
}

/**
 * Adam with the largest fading |g| in place of the root mean square:
 * u ← max(β₂·u, |g| + eps), p ← p − lr / (1 − β₁ᵗ) · m / u. As torch.optim.Adamax.
 *
 * Source: Kingma and Ba, “Adam: a method for stochastic optimization”, 2014, section 7.1.
 *
 * @example
 * ```ts
 * const optimizer = new optim.Adamax(model, { lr: 1e-3 })
 * loss.backward()
 * optimizer.step()
 * ```
 */
export class Adamax extends Optimizer<MomentSettings> {
  private readonly mean: ReadonlyMap<number, Tensor>
  private readonly largest: ReadonlyMap<number, Tensor>
  private readonly strides = new Map<Group<MomentSettings>, Tensor>()

  constructor(parameters: Parameters<MomentSettings>, options: AdamaxOptions = {}) {
    super(parameters, { lr: 2e-3, ...momentDefaults, ...options }, checkMoments)
    this.counting()
    this.mean = this.slot('exp_avg')
    this.largest = this.slot('exp_inf')
  }

  protected override begin(group: Group<MomentSettings>): void {
    this.strides.set(group, group.rate.div(correction(group.options.betas[0], this.steps)))
  }

  protected update(p: Tensor, gradient: Tensor, i: number, group: Group<MomentSettings>): void {
    const { betas, eps } = group.options
    const g = decayed(p, gradient, group)
    const m = fade(this.mean.get(i)!, g, betas[0])
    const largest = this.largest.get(i)!
    largest.assign(largest.mul(betas[1]).maximum(g.abs().add(eps)))
    p.assign(p.sub(m.div(largest).mul(this.strides.get(group)!.slice(i))))
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
type NAdamSettings = MomentSettings & { readonly momentumDecay: number }

/** √(1 − β₂ᵗ), μₜ and μₜ₊₁ of each parameter. */
interface Momenta {
  readonly rise: Tensor
  readonly now: Tensor
  readonly next: Tensor
}

/**
 * Adam with Nesterov's look ahead: with μₜ = β₁·(1 − ½·0.96^(ψt)),
 * p ← p − lr · ((1 − μₜ) / (1 − Πμ) · g + μₜ₊₁ / (1 − Πμ·μₜ·μₜ₊₁) · m) / (√v̂ + eps).
 * As torch.optim.NAdam up to 1.13, whose second denominator has μₜ once more than the paper's.
 *
 * Source: Dozat, “Incorporating Nesterov momentum into Adam”, 2016.
 *
 * @example
 * ```ts
 * const optimizer = new optim.NAdam(model, { lr: 1e-3 })
 * loss.backward()
 * optimizer.step()
 * ```
 */
export class NAdam extends Optimizer<NAdamSettings> {
  private readonly mean: ReadonlyMap<number, Tensor>
  private readonly square: ReadonlyMap<number, Tensor>
  private readonly products: ReadonlyMap<number, Tensor>
  private readonly momenta = new Map<Group<NAdamSettings>, Momenta>()

  constructor(parameters: Parameters<NAdamSettings>, options: NAdamOptions = {}) {
    const settings = { lr: 2e-3, ...momentDefaults, momentumDecay: 4e-3, ...options }
    super(parameters, settings, (where, group) => {
      checkMoments(where, group)
      requireNatural(where, { momentumDecay: group.momentumDecay })
    })
    this.counting()
    this.mean = this.slot('exp_avg')
    this.square = this.slot('exp_avg_sq')
    this.products = this.scalarSlot('mu_product', 1)
  }

  protected override begin(group: Group<NAdamSettings>): void {
    const { steps } = this
    const { betas, momentumDecay } = group.options
    const momentum = (t: Tensor) => {
      const fading = t.mul(momentumDecay * Math.log(0.96)).exp()
      return fading.mul(-0.5).add(1).mul(betas[0])
    }
    const rise = correction(betas[1], steps).sqrt()
    this.momenta.set(group, { rise, now: momentum(steps), next: momentum(steps.add(1)) })
  }

  protected update(p: Tensor, gradient: Tensor, i: number, group: Group<NAdamSettings>): void {
    const { betas, eps } = group.options
    const momenta = this.momenta.get(group)!
    const g = decayed(p, gradient, group)
    const m = fade(this.mean.get(i)!, g, betas[0])
    const v = fade(this.square.get(i)!, g.square(), betas[1])
    const [now, next] = [momenta.now.slice(i), momenta.next.slice(i)]
    const product = this.products.get(i)!
    product.assign(product.mul(now))
    const fresh = now.neg().add(1).div(product.neg().add(1))
    const ahead = next.div(product.mul(now).mul(next).neg().add(1))
    const direction = g.mul(fresh.mul(group.rate)).add(m.mul(ahead.mul(group.rate)))
    const length = v.sqrt().div(momenta.rise.slice(i)).add(eps)
    p.assign(p.sub(direction.div(length)))
  }
}

/** {@link NAdam} for whatever parameters it is given later. */
export const nadam =
  (options: NAdamOptions = {}): OptimizerFactory =>
  (parameters) =>
    new NAdam(parameters, options)
