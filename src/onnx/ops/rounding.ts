import { Tensor, where } from '../../tensor/tensor.ts'
import type { ElementType } from '../file/element-types.ts'
import { round } from './maths.ts'

/** All powers of two that f32 has, 2⁻¹⁴⁹ … 2¹²⁷. */
const LEAST = -149
const powers = Float32Array.from({ length: 277 }, (_, i) => 2 ** (i + LEAST))

/**
 * Floats of another width. Models in half precision compute in f32, which is closer to what they
 * mean; bfloat16 has so few digits that a cast to it is a rounding, to 8 of them.
 */
export function roundedTo(type: ElementType, x: Tensor): Tensor {
  if (type.name !== 'bfloat16') return x
  const size = x.detach().abs()
  const table = Tensor.of(powers, [powers.length], 'f32')
  const power = (exponent: Tensor) =>
    table
      .indexSelect(
        0,
        exponent
          .sub(LEAST)
          .reshape([-1])
          .clamp(0, powers.length - 1),
      )
      .reshape(x.shape)
  const guess = size
    .clamp(2 ** -126)
    .log()
    .mul(Math.LOG2E)
    .floor()
    .to('i32')
  // A logarithm may be off by one where it matters; comparisons are not.
  const count = (shift: number) => power(guess.add(shift)).le(size).to('i32')
  const unit = power(guess.add(count(0)).add(count(1)).sub(1).sub(7))
  const value = where(size.lt(Number.POSITIVE_INFINITY), round(x.detach().div(unit)).mul(unit), x)
  return value.detach().withHistory([x], (g) => [g])
}
