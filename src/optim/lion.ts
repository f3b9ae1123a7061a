import type { Tensor } from '../tensor/tensor.ts'
import { fade } from './adam.ts'
import type { CommonOptions, Group, Parameters } from './groups.ts'
import { Optimizer, type OptimizerFactory, shrunk } from './optimizer.ts'
import { requireFactors } from './options.ts'

export interface LionOptions extends Partial<CommonOptions> {
  /** Learning rate (default 1e-4): three to ten times smaller than AdamW's. */
  readonly lr?: number
  /** Shares of the old direction in the step and in what is kept (default [0.9, 0.99]). */
  readonly betas?: readonly [number, number]
}
type LionSettings = CommonOptions & { readonly betas: readonly [number, number] }

/**
 * Steps of the same length for all weights: p ← p·(1 − lr·decay) − lr · sign(β₁·m + (1 − β₁)·g),
 * then m ← β₂·m + (1 − β₂)·g. The sign of 0 is 0.
 *
 * Source: Chen et al., “Symbolic discovery of optimization algorithms”, 2023, algorithm 2.
 *
 * @throws BrickError `argument` for negative options or betas outside [0, 1).
 *
 * @example
 * ```ts
 * const optimizer = new optim.Lion(model.parameters(), { lr: 1e-4, weightDecay: 0.1 })
 * ```
 */
export class Lion extends Optimizer<LionSettings> {
  private readonly mean = this.slot('exp_avg')

  constructor(parameters: Parameters<LionSettings>, options: LionOptions = {}) {
    super(parameters, { lr: 1e-4, betas: [0.9, 0.99], ...options }, (where, { betas }) =>
      requireFactors(where, { 'betas[0]': betas[0], 'betas[1]': betas[1] }),
    )
  }

  protected update(p: Tensor, g: Tensor, i: number, group: Group<LionSettings>): void {
    const [beta1, beta2] = group.options.betas
    const mean = this.mean.get(i)!
    const direction = mean
      .mul(beta1)
      .add(g.mul(1 - beta1))
      .sign()
    p.assign(shrunk(p, group).sub(direction.mul(group.rate)))
    fade(mean, g, beta2)
  }
}

/** {@link Lion} for whatever parameters it is given later. */
export const lion =
  (options: LionOptions = {}): OptimizerFactory =>
  (parameters) =>
    new Lion(parameters, options)
