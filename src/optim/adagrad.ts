import type { Tensor } from '../tensor/tensor.ts'
import { fade } from './adam.ts'
import { Optimizer, type OptimizerFactory, type Parameters } from './optimizer.ts'
import { requireFactors, requireNatural } from './options.ts'

export interface AdagradOptions {
  /** Learning rate (default 0.01). */
  readonly lr?: number
  /** The rate is divided by 1 + lrDecay · (steps − 1) (default 0). */
  readonly lrDecay?: number
  readonly weightDecay?: number
  /** What the sums of squares begin with (default 0). */
  readonly initialAccumulator?: number
  readonly eps?: number
}

/**
 * s ← s + g², p ← p − lr · g / (√s + eps). As torch.optim.Adagrad.
 *
 * Source: Duchi et al., “Adaptive subgradient methods for online learning”, 2011.
 */
export class Adagrad extends Optimizer {
  private readonly options: AdagradOptions
  private readonly sums: readonly Tensor[]

  constructor(parameters: Parameters, options: AdagradOptions = {}) {
    super(parameters, options.lr ?? 0.01)
    const { lrDecay = 0, weightDecay = 0, initialAccumulator = 0, eps = 1e-10 } = options
    requireNatural('Adagrad', { lrDecay, weightDecay, initialAccumulator, eps })
    this.options = options
    this.sums = this.slot('sum', initialAccumulator)
    if (lrDecay) this.counting()
  }

  protected update(parameter: Tensor, gradient: Tensor, i: number): void {
    const { lrDecay = 0, weightDecay = 0, eps = 1e-10 } = this.options
    const g = weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient
    const sum = this.sums[i]!
    sum.assign(sum.add(g.square()))
    const slow = lrDecay ? this.rate.div(this.steps.slice(i).sub(1).mul(lrDecay).add(1)) : this.rate
    parameter.assign(parameter.sub(g.div(sum.sqrt().add(eps)).mul(slow)))
  }
}

/** {@link Adagrad} for whatever parameters it is given later. */
export const adagrad =
  (options: AdagradOptions = {}): OptimizerFactory =>
  (parameters) =>
    new Adagrad(parameters, options)

export interface AdadeltaOptions {
  /** Factor of the steps (default 1). */
  readonly lr?: number
  /** How slowly the means fade (default 0.9). */
  readonly rho?: number
  readonly eps?: number
  readonly weightDecay?: number
}

/**
 * Steps in the parameters' own units: v ← ρ·v + (1 − ρ)·g², d = g · √(u + eps) / √(v + eps),
 * u ← ρ·u + (1 − ρ)·d², p ← p − lr·d. As torch.optim.Adadelta.
 *
 * Source: Zeiler, “ADADELTA: an adaptive learning rate method”, 2012.
 */
export class Adadelta extends Optimizer {
  private readonly options: AdadeltaOptions
  private readonly square: readonly Tensor[]
  private readonly moved: readonly Tensor[]

  constructor(parameters: Parameters, options: AdadeltaOptions = {}) {
    super(parameters, options.lr ?? 1)
    const { rho = 0.9, eps = 1e-6, weightDecay = 0 } = options
    requireFactors('Adadelta', { rho })
    requireNatural('Adadelta', { eps, weightDecay })
    this.options = options
    this.square = this.slot('square_avg')
    this.moved = this.slot('acc_delta')
  }

  protected update(parameter: Tensor, gradient: Tensor, i: number): void {
    const { rho = 0.9, eps = 1e-6, weightDecay = 0 } = this.options
    const g = weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient
    const square = fade(this.square[i]!, g.square(), rho)
    const moved = this.moved[i]!
    const step = g.mul(moved.add(eps).sqrt()).div(square.add(eps).sqrt())
    fade(moved, step.square(), rho)
    parameter.assign(parameter.sub(step.mul(this.rate)))
  }
}

/** {@link Adadelta} for whatever parameters it is given later. */
export const adadelta =
  (options: AdadeltaOptions = {}): OptimizerFactory =>
  (parameters) =>
    new Adadelta(parameters, options)
