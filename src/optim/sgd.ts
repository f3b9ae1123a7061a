import { BrickError } from '../base/errors.ts'
import { type Tensor, where } from '../tensor/tensor.ts'
import { Optimizer, type OptimizerFactory, type Parameters } from './optimizer.ts'
import { requireNatural } from './options.ts'

export interface SgdOptions {
  /** Learning rate. */
  readonly lr: number
  /** Share of the last step's direction that is kept (default 0). */
  readonly momentum?: number
  /** Share of the gradient that does not enter the momentum (default 0). */
  readonly dampening?: number
  /** Look ahead along the momentum (default false). */
  readonly nesterov?: boolean
  /** Factor of the parameter that is added to its gradient (default 0). */
  readonly weightDecay?: number
}

/**
 * Gradient descent: b ← μ·b + (1 − dampening)·g, b = g in the first step; p ← p − lr·b, or with
 * Nesterov's momentum p ← p − lr·(g + μ·b). As torch.optim.SGD.
 *
 * Source: Sutskever et al., “On the importance of initialization and momentum in deep learning”, 2013.
 *
 * @throws BrickError `argument` for negative options, or Nesterov's momentum without momentum or
 * with dampening.
 *
 * @example
 * ```ts
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 })
 * optimizer.step(grad(loss, model.parameters()))
 * ```
 */
export class SGD extends Optimizer {
  private readonly momentum: number
  private readonly dampening: number
  private readonly nesterov: boolean
  private readonly weightDecay: number
  private readonly buffers: readonly Tensor[]

  constructor(parameters: Parameters, options: SgdOptions) {
    super(parameters, options.lr)
    const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options
    requireNatural('SGD', { momentum, weightDecay })
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new BrickError({
        kind: 'argument',
        where: 'SGD',
        got: `nesterov with momentum ${momentum} and dampening ${dampening}`,
        wanted: 'momentum > 0 and no dampening',
      })
    }
    this.momentum = momentum
    this.dampening = dampening
    this.nesterov = nesterov
    this.weightDecay = weightDecay
    this.buffers = momentum ? this.slot('momentum_buffer') : []
    // The first step takes the gradient undamped; without dampening, 0·μ + g is just that.
    if (momentum && dampening) this.counting()
  }

  protected update(parameter: Tensor, g: Tensor, i: number): void {
    const { momentum, nesterov, weightDecay } = this
    const decayed = weightDecay ? g.add(parameter.mul(weightDecay)) : g
    const buffer = this.buffers[i]
    if (!buffer) {
      parameter.assign(parameter.sub(decayed.mul(this.rate)))
      return
    }
    const direction = this.accumulate(buffer, decayed, i)
    buffer.assign(direction)
    const way = nesterov ? decayed.add(direction.mul(momentum)) : direction
    parameter.assign(parameter.sub(way.mul(this.rate)))
  }

  private accumulate(buffer: Tensor, g: Tensor, i: number): Tensor {
    const { momentum, dampening } = this
    if (!dampening) return buffer.mul(momentum).add(g)
    const first = this.steps.slice(i).eq(1)
    return where(first, g, buffer.mul(momentum).add(g.mul(1 - dampening)))
  }
}

/**
 * {@link SGD} for whatever parameters it is given later.
 *
 * @example
 * ```ts
 * train.fit(model, data, { optimizer: optim.sgd({ lr: 0.05, momentum: 0.9 }), … })
 * ```
 */
export const sgd =
  (options: SgdOptions): OptimizerFactory =>
  (parameters) =>
    new SGD(parameters, options)
