import { type Generator, generator as shared } from '../../tensor/random.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { requireWord } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { dropShared, requireProbability } from './dropout.ts'

/** Whether each example is dropped by itself (`row`) or all of them together (`batch`). */
export type DropMode = 'row' | 'batch'

/**
 * The branch of a residual block set to 0 with probability p, for each example (`row`) or the whole
 * batch, and multiplied by 1 / (1 − p) otherwise: x [N, …].
 *
 * Source: Huang et al., “Deep networks with stochastic depth”, 2016.
 *
 * @throws BrickError `argument` for a p outside [0, 1] or another mode.
 */
export function stochasticDepth(
  x: Tensor,
  p: number,
  mode: DropMode = 'row',
  generator: Generator = shared,
): Tensor {
  requireWord('stochasticDepth', 'mode', mode, ['row', 'batch'])
  const shape = x.shape.map((extent, i) => (mode === 'row' && i === 0 ? extent : 1))
  return dropShared('stochasticDepth', x, shape, p, generator)
}

/**
 * {@link stochasticDepth} in training; in evaluation it passes everything. It stands at the end of
 * a residual branch; also called DropPath.
 *
 * @example
 * ```ts
 * new nn.Residual(new nn.Sequential(block, new nn.StochasticDepth(0.1)))
 * ```
 */
export class StochasticDepth extends Module {
  readonly p: number
  readonly mode: DropMode

  constructor(p: number, mode: DropMode = 'row') {
    super()
    requireProbability('StochasticDepth', p)
    requireWord('StochasticDepth', 'mode', mode, ['row', 'batch'])
    this.p = p
    this.mode = mode
  }
  forward(x: Tensor): Tensor {
    return this.training ? stochasticDepth(x, this.p, this.mode) : x
  }
  protected override describe(): string {
    return `p=${this.p}, mode=${this.mode}`
  }
}

/** The usual name of {@link StochasticDepth} in transformers. */
export const DropPath = StochasticDepth
