import { Tensor, where } from '../../tensor/tensor.ts'
import type { ElementType } from '../file/element-types.ts'
import { round } from './maths.ts'

/** All powers of two that f32 has, 2⁻¹⁴⁹ … 2¹²⁷. */
const LEAST = -149
const powers = Float32Array.from({ length: 277 }, (_, i) => 2 ** (i + LEAST))

/** 2 to a whole power, exactly: from a table, as logarithms and powers are rounded. */
function power(exponent: Tensor): Tensor {
  const place = exponent
    .sub(LEAST)
    .reshape([-1])
    .clamp(0, powers.length - 1)
  return Tensor.of(powers, [powers.length], 'f32').indexSelect(0, place).reshape(exponent.shape)
}

/** The exponent of the largest power of two that is not above a size. */
function exponentOf(size: Tensor): Tensor {
  const guess = size
    .clamp(2 ** -126, 2 ** 127)
    .log()
    .mul(Math.LOG2E)
    .floor()
    .to('i32')
  // A logarithm may be off by one where it matters; comparisons are not.
  const count = (shift: number) => power(guess.add(shift)).le(size).to('i32')
  return guess.add(count(0)).add(count(1)).sub(1)
}

/**
 * Floats of another width. Models in half precision compute in f32, which is closer to what they mean;
 * a cast to fewer digits than that is a rounding to the nearest, of two as near to the even one.
 *
 * @param saturate Numbers that are too large become the largest.
 */
export function roundedTo(type: ElementType, x: Tensor, saturate = false): Tensor {
  if (!type.digits) return x
  const { count, least, most, beyond } = type.digits
  const given = x.detach()
  const size = given.abs()
  const unit = power(
    exponentOf(size)
      .maximum(least)
      .sub(count - 1),
  )
  const finite = size.lt(Number.POSITIVE_INFINITY)
  const near = round(where(finite, size, 0).div(unit)).mul(unit)
  const limited = where(
    near.le(most).logicalAnd(finite),
    near,
    saturate ? most : where(size.gt(most), beyond, size),
  )
  const value = where(given.ne(given), given, where(given.lt(0), limited.neg(), limited))
  return value.detach().withHistory([x], (g) => [g])
}
