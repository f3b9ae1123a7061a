import { type Generator, generator as shared } from '../tensor/random.ts'
import { type Tensor, where } from '../tensor/tensor.ts'
import { refuseOption } from './check.ts'
import { Module } from './module.ts'

/**
 * Sets elements to 0 with probability p and multiplies the others by 1 / (1 − p), so that the
 * expectation stays. Draws anew at each call, and at each call of a compiled step.
 *
 * Source: Srivastava et al., “Dropout: a simple way to prevent neural networks from overfitting”, 2014.
 *
 * @throws BrickError `argument` for a p outside [0, 1].
 */
export function dropout(x: Tensor, p = 0.5, generator: Generator = shared): Tensor {
  requireProbability('dropout', p)
  if (p === 0) return x
  const dropped = generator.uniform(x.shape).lt(p)
  return x.mul(where(dropped, 0, p === 1 ? 0 : 1 / (1 - p)).to('f32'))
}

function requireProbability(where: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw refuseOption(where, `p = ${p}`, 'a probability from 0 to 1')
}

/**
 * {@link dropout} in training; in evaluation it passes everything.
 *
 * @example
 * ```ts
 * new nn.Sequential(new nn.Linear(800, 500), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(500, 10))
 * ```
 */
export class Dropout extends Module {
  readonly p: number

  constructor(p = 0.5) {
    super()
    requireProbability('Dropout', p)
    this.p = p
  }
  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.p) : x
  }
  protected override describe(): string {
    return `p=${this.p}`
  }
}
