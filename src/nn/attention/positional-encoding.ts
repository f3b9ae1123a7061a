import { Tensor, variable } from '../../tensor/tensor.ts'
import { dropout } from '../dropout/dropout.ts'
import { normal } from '../init/init.ts'
import { refuseInput, refuseOption, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'

/**
 * Waves of growing length as marks of positions, [length, size]:
 * p[i, 2j] = sin(i / 10000^(2j / size)), p[i, 2j + 1] = cos of the same.
 *
 * Source: Vaswani et al., “Attention is all you need”, 2017.
 *
 * @throws BrickError `argument` for an odd size.
 *
 * @example
 * ```ts
 * nn.sinusoidalPositions(1, 4) // [[0, 1, 0, 1]]
 * ```
 */
export function sinusoidalPositions(length: number, size: number): Tensor {
  requireSizes('sinusoidalPositions', { length, size })
  if (size % 2) throw refuseOption('sinusoidalPositions', `size = ${size}`, 'an even size')
  const data = Float32Array.from({ length: length * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size]
    const angle = i / 10000 ** ((j - (j % 2)) / size)
    return j % 2 ? Math.cos(angle) : Math.sin(angle)
  })
  return Tensor.of(data, [length, size], 'f32')
}

export interface PositionalOptions {
  /** Probability of dropout after the addition, in training (default 0). */
  readonly dropout?: number
  /** Whether x is [N, L, E] instead of [L, N, E] (default false, as in PyTorch's attention). */
  readonly batchFirst?: boolean
}

/** Adds the first L rows of a table of positions to x. */
abstract class PositionalEncoding extends Module {
  /** [maxLength, size]. */
  weight: Tensor
  readonly dropout: number
  readonly batchFirst: boolean

  constructor(weight: Tensor, { dropout: p = 0, batchFirst = false }: PositionalOptions) {
    super()
    this.weight = weight
    this.dropout = p
    this.batchFirst = batchFirst
  }

  forward(x: Tensor): Tensor {
    const [maxLength = 0, size = 0] = this.weight.shape
    const length = x.shape[x.rank === 2 || !this.batchFirst ? 0 : 1] ?? 0
    if ((x.rank !== 2 && x.rank !== 3) || x.shape.at(-1) !== size || length > maxLength) {
      const layout = this.batchFirst ? '[N, L, E]' : '[L, N, E]'
      throw refuseInput(x.shape, `${layout} or [L, E] with L ≤ ${maxLength}, E = ${size}`)
    }
    const rows = this.weight.slice([0, length])
    const y = x.add(x.rank === 3 && !this.batchFirst ? rows.unsqueeze(1) : rows)
    return this.training && this.dropout > 0 ? dropout(y, this.dropout) : y
  }

  protected override describe(): string {
    return this.weight.shape.join(', ')
  }
}

/**
 * x + {@link sinusoidalPositions}: x [L, N, E], [N, L, E] with batchFirst, or [L, E]. The table is
 * a buffer, `weight` [maxLength, E].
 *
 * @throws BrickError `shape` for sequences longer than maxLength, or another size.
 *
 * @example
 * ```ts
 * new nn.SinusoidalPositionalEncoding(100, 8, { batchFirst: true }).forward(ones([4, 5, 8])).shape // [4, 5, 8]
 * ```
 */
export class SinusoidalPositionalEncoding extends PositionalEncoding {
  constructor(maxLength: number, size: number, options: PositionalOptions = {}) {
    super(variable(sinusoidalPositions(maxLength, size)), options)
  }
}

/**
 * x + a learnt vector for each position: `weight` [maxLength, E] begins as N(0, 0.02²), as in BERT
 * and GPT-2.
 *
 * @throws BrickError `shape` for sequences longer than maxLength, or another size.
 */
export class LearnedPositionalEncoding extends PositionalEncoding {
  constructor(maxLength: number, size: number, options: PositionalOptions = {}) {
    requireSizes('LearnedPositionalEncoding', { maxLength, size })
    super(parameter(normal([maxLength, size], 0, 0.02)), options)
  }
}
