import { BrickError } from '../base/errors.ts'
import { type Tensor, where } from '../tensor/tensor.ts'
import type { CommonOptions, Group, Parameters } from './groups.ts'
import { decayed, Optimizer, type OptimizerFactory } from './optimizer.ts'
import { requireNatural } from './options.ts'

export interface SgdOptions extends CommonOptions {
  /** Share of the last step's direction that is kept (default 0). */
  readonly momentum?: number
  /** Share of the gradient that does not enter the momentum (default 0). */
  readonly dampening?: number
  /** Look ahead along the momentum (default false). */
  readonly nesterov?: boolean
}
type SgdSettings = CommonOptions & Required<Omit<SgdOptions, keyof CommonOptions>>

function check(where: string, { momentum, dampening, nesterov }: SgdSettings): void {
  requireNatural(where, { momentum })
  if (!nesterov || (momentum > 0 && dampening === 0)) return
  throw new BrickError({
    kind: 'argument',
    where,
    got: `nesterov with momentum ${momentum} and dampening ${dampening}`,
    wanted: 'momentum > 0 and no dampening',
  })
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
export class SGD extends Optimizer<SgdSettings> {
  private readonly buffers = this.slot('momentum_buffer', (o) => (o.momentum ? 0 : undefined))

  constructor(parameters: Parameters<SgdSettings>, options: SgdOptions) {
    super(parameters, { momentum: 0, dampening: 0, nesterov: false, ...options }, check)
    // The first step takes the gradient undamped; without dampening, 0·μ + g is just that.
    if (this.groups.some((g) => g.options.momentum && g.options.dampening)) this.counting()
  }

  protected update(p: Tensor, gradient: Tensor, i: number, group: Group<SgdSettings>): void {
    const { momentum, nesterov } = group.options
    const g = decayed(p, gradient, group)
    const buffer = this.buffers.get(i)
    if (!buffer) {
      p.assign(p.sub(g.mul(group.rate)))
      return
    }
    const direction = this.accumulate(buffer, g, i, group)
    buffer.assign(direction)
    const way = nesterov ? g.add(direction.mul(momentum)) : direction
    p.assign(p.sub(way.mul(group.rate)))
  }

  private accumulate(buffer: Tensor, g: Tensor, i: number, { options }: Group<SgdSettings>) {
    const { momentum, dampening } = options
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
