import { embedding } from '../../tensor/embedding.ts'
import { hostGenerator } from '../../tensor/host-random.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { refuseOption, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'

export interface EmbeddingLayerOptions {
  /** A row that begins as zeros and stays as it is: it has no gradient. Negative: from the end. */
  readonly paddingIdx?: number
  /** The table to begin with, [numEmbeddings, embeddingDim], instead of N(0, 1). */
  readonly weight?: Tensor
}

/**
 * A learnt vector for each number: index […] (i32) → […, embeddingDim]. `weight`
 * [numEmbeddings, embeddingDim] begins as N(0, 1). A number that is no row
 * is refused, or gives NaN in a compiled step, not another row's values.
 *
 * @throws BrickError `argument` for a paddingIdx that is no row, `dtype` for an index of f32.
 *
 * @example
 * ```ts
 * const words = new nn.Embedding(1000, 64, { paddingIdx: 0 })
 * words.forward(tensor([[5, 7, 0]], { dtype: 'i32' })).shape // [1, 3, 64]
 * ```
 */
export class Embedding extends Module {
  weight: Tensor
  readonly numEmbeddings: number
  readonly embeddingDim: number
  readonly paddingIdx: number | undefined

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingLayerOptions = {}) {
    super()
    requireSizes('Embedding', { numEmbeddings, embeddingDim })
    this.numEmbeddings = numEmbeddings
    this.embeddingDim = embeddingDim
    this.paddingIdx = rowOf(options.paddingIdx, numEmbeddings)
    this.weight = parameter(options.weight ?? this.initial())
  }

  /** N(0, 1), with zeros in the padding's row. */
  private initial(): Tensor {
    const { embeddingDim: size, paddingIdx } = this
    const shape = [this.numEmbeddings, size]
    const table = hostGenerator.normal(shape)
    if (paddingIdx !== undefined) table.fill(0, paddingIdx * size, (paddingIdx + 1) * size)
    return Tensor.of(table, shape, 'f32')
  }

  forward(index: Tensor): Tensor {
    return embedding(index, this.weight, { paddingIdx: this.paddingIdx })
  }

  /** A layer with a table that is given, [count, size]; frozen unless told otherwise. */
  static fromPretrained(
    weight: Tensor,
    { freeze = true, paddingIdx }: { readonly freeze?: boolean; readonly paddingIdx?: number } = {},
  ): Embedding {
    const [count = 0, size = 0] = weight.shape
    const padding = paddingIdx === undefined ? {} : { paddingIdx }
    return new Embedding(count, size, { weight, ...padding }).requiresGrad_(!freeze)
  }

  protected override describe(): string {
    const padding = this.paddingIdx === undefined ? '' : `, paddingIdx=${this.paddingIdx}`
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`
  }
}

function rowOf(index: number | undefined, count: number): number | undefined {
  if (index === undefined) return undefined
  const row = index < 0 ? index + count : index
  if (Number.isInteger(row) && row >= 0 && row < count) return row
  throw refuseOption('Embedding', `paddingIdx = ${index}`, `one of ${count} rows`)
}
