import type { Tensor } from '../tensor/tensor.ts'
import { fade } from './adam.ts'
import type { CommonOptions, Group, Parameters } from './groups.ts'
import { decayed, Optimizer, type OptimizerFactory } from './optimizer.ts'
import { requireFactors, requireNatural } from './options.ts'

export interface AdagradOptions extends Partial<CommonOptions> {
  /** Learning rate (default 0.01). */
  readonly lr?: number
  /** The rate is divided by 1 + lrDecay · (steps − 1) (default 0). */
  readonly lrDecay?: number
  /** What the sums of squares begin with (default 0). */
  readonly initialAccumulator?: number
  readonly eps?: number
}
const adagradDefaults = { lr: 0.01, lrDecay: 0, initialAccumulator: 0, eps: 1e-10 }
type AdagradSettings = CommonOptions & Required<Omit<AdagradOptions, keyof CommonOptions>>

/**
 * s ← s + g², p ← p − lr · g / (√s + eps). As torch.optim.Adagrad.
 *
 * Source: Duchi et al., “Adaptive subgradient methods for online learning”, 2011.
 *
 * @example
 * ```ts
 * const optimizer = new optim.Adagrad(model, { lr: 0.05 })
 * loss.backward()
 * optimizer.step()
 * ```
 */
export class Adagrad extends Optimizer<AdagradSettings> {
  private readonly sums = this.slot('sum', ({ initialAccumulator }) => initialAccumulator)

  constructor(parameters: Parameters<AdagradSettings>, options: AdagradOptions = {}) {
    super(parameters, { ...adagradDefaults, ...options }, (where, settings) => {
      const { lrDecay, initialAccumulator, eps } = settings
      requireNatural(where, { lrDecay, initialAccumulator, eps })
    })
    if (this.groups.some((group) => group.options.lrDecay)) this.counting()
  }

  protected update(p: Tensor, gradient: Tensor, i: number, group: Group<AdagradSettings>): void {
    const { rate, options } = group
    const { lrDecay, eps } = options
    const g = decayed(p, gradient, group)
    const sum = this.sums.get(i)!
    sum.assign(sum.add(g.square()))
    const slow = lrDecay ? rate.div(this.steps.slice(i).sub(1).mul(lrDecay).add(1)) : rate
    p.assign(p.sub(g.div(sum.sqrt().add(eps)).mul(slow)))
  }
}

/** {@link Adagrad} for whatever parameters it is given later. */
export const adagrad =
  (options: AdagradOptions = {}): OptimizerFactory =>
  (parameters) =>
    new Adagrad(parameters, options)

export interface AdadeltaOptions extends Partial<CommonOptions> {
  /** Factor of the steps (default 1). */
  readonly lr?: number
  /** How slowly the means fade (default 0.9). */
  readonly rho?: number
  readonly eps?: number
}
type AdadeltaSettings = CommonOptions & Required<Omit<AdadeltaOptions, keyof CommonOptions>>

/**
 * Steps in the parameters' own units: v ← ρ·v + (1 − ρ)·g², d = g · √(u + eps) / √(v + eps),
 * u ← ρ·u + (1 − ρ)·d², p ← p − lr·d. As torch.optim.Adadelta.
 *
 * Source: Zeiler, “ADADELTA: an adaptive learning rate method”, 2012.
 *
 * @example
 * ```ts
 * const optimizer = new optim.Adadelta(model, { rho: 0.95 })
 * loss.backward()
 * optimizer.step()
 * ```
 */
export class Adadelta extends Optimizer<AdadeltaSettings> {
  private readonly square = this.slot('square_avg')
  private readonly moved = this.slot('acc_delta')

  constructor(parameters: Parameters<AdadeltaSettings>, options: AdadeltaOptions = {}) {
    super(parameters, { lr: 1, rho: 0.9, eps: 1e-6, ...options }, (where, { rho, eps }) => {
      requireFactors(where, { rho })
      requireNatural(where, { eps })
    })
  }

  protected update(p: Tensor, gradient: Tensor, i: number, group: Group<AdadeltaSettings>): void {
    const { rho, eps } = group.options
    const g = decayed(p, gradient, group)
    const square = fade(this.square.get(i)!, g.square(), rho)
    const moved = this.moved.get(i)!
    const step = g.mul(moved.add(eps).sqrt()).div(square.add(eps).sqrt())
    fade(moved, step.square(), rho)
    p.assign(p.sub(step.mul(group.rate)))
  }
}

/** {@link Adadelta} for whatever parameters it is given later. */
export const adadelta =
  (options: AdadeltaOptions = {}): OptimizerFactory =>
  (parameters) =>
    new Adadelta(parameters, options)
