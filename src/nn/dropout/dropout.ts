import { type Generator, generator as shared } from '../../tensor/random.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import { refuseInput, refuseOption } from '../module/check.ts'

/**
 * Sets elements to 0 with probability p and multiplies the others by 1 / (1 − p), so that the
 * expectation stays. Draws anew at each call, and at each call of a compiled step.
 *
 * Source: Srivastava et al., “Dropout: a simple way to prevent neural networks from overfitting”, 2014.
 *
 * @throws BrickError `argument` for a p outside [0, 1].
 */
export function dropout(x: Tensor, p = 0.5, generator: Generator = shared): Tensor {
  return dropShared('dropout', x, x.shape, p, generator)
}

/** Dropout where all elements that `shape` (with 1s) has one of are dropped together. */
export function dropShared(
  name: string,
  x: Tensor,
  shape: readonly number[],
  p: number,
  generator: Generator,
): Tensor {
  requireProbability(name, p)
  if (p === 0) return x
  const dropped = generator.uniform(shape).lt(p)
  return x.mul(where(dropped, 0, p === 1 ? 0 : 1 / (1 - p)).to('f32'))
}

export function requireProbability(where: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw refuseOption(where, `p = ${p}`, 'a probability from 0 to 1')
}

/** Whole channels of x [N, C, …] dropped, with this many spatial dims. */
const channelDropout =
  (d: 1 | 2 | 3) =>
  (x: Tensor, p = 0.5, generator: Generator = shared): Tensor => {
    if (x.rank !== d + 2) throw refuseInput(x.shape, `[N, C, …] with ${d} spatial dims`)
    const shape = x.shape.map((extent, i) => (i < 2 ? extent : 1))
    return dropShared(`dropout${d}d`, x, shape, p, generator)
  }

/** Whole channels of x [N, C, L] set to 0 with probability p. See {@link dropout2d}. */
export const dropout1d = channelDropout(1)
/**
 * Whole channels of x [N, C, H, W] set to 0 with probability p, the others multiplied by
 * 1 / (1 − p): neighbouring pixels are too much alike for dropping each by itself.
 *
 * Source: Tompson et al., “Efficient object localization using convolutional networks”, 2015.
 */
export const dropout2d = channelDropout(2)
/** Whole channels of x [N, C, D, H, W] set to 0 with probability p. See {@link dropout2d}. */
export const dropout3d = channelDropout(3)

/** What SELU tends to far below 0: −scale · α. */
const SATURATED = -1.7580993408473766

/**
 * Dropout for SELU networks: elements become SELU's lowest value with probability p, and all are
 * scaled and shifted so that mean 0 and variance 1 stay.
 *
 * Source: Klambauer et al., “Self-normalizing neural networks”, 2017.
 *
 * @throws BrickError `argument` for a p outside [0, 1].
 */
export function alphaDropout(x: Tensor, p = 0.5, generator: Generator = shared): Tensor {
  requireProbability('alphaDropout', p)
  if (p === 0) return x
  if (p === 1) return x.mul(0)
  const scale = 1 / Math.sqrt((1 - p) * (1 + p * SATURATED ** 2))
  const dropped = generator.uniform(x.shape).lt(p)
  return where(dropped, SATURATED, x)
    .mul(scale)
    .sub(scale * p * SATURATED)
}

/**
 * x + std · N(0, 1), drawn anew at each call.
 *
 * @throws BrickError `argument` for a negative std.
 */
export function gaussianNoise(x: Tensor, std = 0.1, generator: Generator = shared): Tensor {
  if (!(std >= 0)) throw refuseOption('gaussianNoise', `std = ${std}`, 'a number ≥ 0')
  return std === 0 ? x : x.add(generator.normal(x.shape).mul(std))
}
