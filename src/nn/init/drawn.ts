import { BrickError } from '../../base/errors.ts'
import { type Shape, showShape, sizeOf } from '../../base/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** While {@link skip} runs: elements that may still be made. */
let left: number | undefined

/** A tensor of random numbers, or of zeros where nobody will look at them. */
export const drawn = (shape: Shape, draw: () => Float32Array): Tensor =>
  Tensor.of(left === undefined ? draw() : blank(shape), shape, 'f32')

/** Zeros, if they are still allowed. */
function blank(shape: Shape): Float32Array {
  left = left! - sizeOf(shape)
  if (left >= 0) return new Float32Array(sizeOf(shape))
  throw new BrickError({
    kind: 'shape',
    where: 'weights',
    wanted: 'a network of about the size of its weights',
    got: `${showShape(shape)} and what came before`,
    remedy: 'Are its sizes (classes, inputs) those of the file of weights?',
  })
}

/**
 * Builds something without drawing initial weights, for weights that will be loaded: all that
 * `uniform` and `normal` (and what is made with them) would draw is 0. As torch.nn.utils.skip_init.
 *
 * @param most Elements of all such weights, at most: those that will be loaded. A description of a
 * network that asks for more is refused before it fills the memory.
 * @throws BrickError `shape` if there would be more.
 * @example
 * ```ts
 * const model = nn.init.skip(() => new nn.Linear(9216, 4096))
 * ```
 */
export function skip<T>(build: () => T, most = Number.POSITIVE_INFINITY): T {
  const before = left
  left = most
  try {
    return build()
  } finally {
    left = before
  }
}
