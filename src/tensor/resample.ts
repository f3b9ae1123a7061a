import { einsum } from './functions.ts'
import { Tensor } from './tensor.ts'

/**
 * Each position along a dim as a weighted sum of old ones: a contraction with the [size, extent]
 * matrix of weights. Its gradient is a contraction with the same matrix.
 *
 * @param weights Old positions and their weights, for a new position.
 */
export function resample(
  x: Tensor,
  dim: number,
  size: number,
  weights: (position: number) => readonly (readonly [from: number, weight: number])[],
): Tensor {
  const extent = x.shape[dim]!
  const matrix = new Float32Array(size * extent)
  for (let o = 0; o < size; o++) {
    for (const [from, weight] of weights(o)) matrix[o * extent + from]! += weight
  }
  const letters = [...'abcdefgh'].slice(0, x.rank)
  const old = letters.join('')
  const fresh = letters.with(dim, 'o').join('')
  return einsum(`${old},o${letters[dim]}->${fresh}`, x, Tensor.of(matrix, [size, extent], 'f32'))
}
