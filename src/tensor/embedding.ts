import type { Tensor } from './tensor.ts'

/**
 * Rows of a table: index […] (i32), weight [count, size] → […, size], like
 * `torch.nn.functional.embedding`. A row's gradient is the sum over the places where it was used.
 * Positions out of range give NaN.
 *
 * @example
 * ```ts
 * embedding(tensor([1, 0], { dtype: 'i32' }), tensor([[1, 2], [3, 4]])) // [[3, 4], [1, 2]]
 * ```
 */
export function embedding(index: Tensor, weight: Tensor): Tensor {
  return weight.indexSelect(0, index.flatten()).reshape([...index.shape, ...weight.shape.slice(1)])
}
