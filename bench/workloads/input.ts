import { Tensor } from '../../src/index.ts'
import { noise } from '../inputs.ts'

/** A tensor of {@link noise}. */
export function input(shape: readonly number[], scale = 1, seed = 0): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return Tensor.of(noise(size, scale, seed), shape, 'f32')
}
