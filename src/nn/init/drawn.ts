import { type Shape, sizeOf } from '../../base/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** While {@link skip} runs. */
let skipping = false

/** A tensor of random numbers, or of zeros where nobody will look at them. */
export const drawn = (shape: Shape, draw: () => Float32Array): Tensor =>
  Tensor.of(skipping ? new Float32Array(sizeOf(shape)) : draw(), shape, 'f32')

/**
 * Builds something without drawing initial weights, for weights that will be loaded: all that
 * `uniform` and `normal` (and what is made with them) would draw is 0. As torch.nn.utils.skip_init.
 *
 * @example
 * ```ts
 * const model = nn.init.skip(() => new nn.Linear(9216, 4096))
 * ```
 */
export function skip<T>(build: () => T): T {
  const before = skipping
  skipping = true
  try {
    return build()
  } finally {
    skipping = before
  }
}
