import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import { requireIndices } from './known-values.ts'
import { type Tensor, where } from './tensor.ts'

export interface EmbeddingOptions {
  /** The row that stands for “nothing here”: it is read as it is, and has no gradient. */
  readonly paddingIdx?: number | undefined
}

/**
 * Rows of a table: index […] (i32), weight [count, size] → […, size], like
 * `torch.nn.functional.embedding`. A row's gradient is the sum over the places where it was used.
 * Positions out of range are refused where the host has them; inside a compiled step they give NaN.
 *
 * Throws a BrickError of kind `dtype` for an index of f32, `shape` for a weight of other than 2 dims,
 * `argument` for a position that is no row.
 *
 * @example
 * ```ts
 * embedding(tensor([1, 0], { dtype: 'i32' }), tensor([[1, 2], [3, 4]])) // [[3, 4], [1, 2]]
 * ```
 */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  requireTable(index, weight)
  requireIndices('embedding', index, weight.shape[0]!, 'row')
  const rows = weight
    .indexSelect(0, index.flatten())
    .reshape([...index.shape, ...weight.shape.slice(1)])
  const { paddingIdx } = options
  if (paddingIdx === undefined) return rows
  const position = paddingIdx < 0 ? paddingIdx + weight.shape[0]! : paddingIdx
  return where(index.eq(position).unsqueeze(-1), rows.detach(), rows)
}

function requireTable(index: Tensor, weight: Tensor): void {
  if (index.dtype === 'f32') {
    throw new BrickError({
      kind: 'dtype',
      where: 'embedding',
      got: `positions f32 ${showShape(index.shape)}`,
      wanted: 'positions as i32',
      remedy: "Convert them with .to('i32').",
    })
  }
  if (weight.rank === 2) return
  const got = `a weight ${showShape(weight.shape)}`
  throw new BrickError({ kind: 'shape', where: 'embedding', got, wanted: '[count, size]' })
}
