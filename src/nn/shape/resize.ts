import { type InterpolateOptions, interpolate } from '../../tensor/interpolate.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseInput, refuseOption, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'

/**
 * The spatial dims of x [N, C, …] to a `size`, or `scaleFactor` times as large: nearest neighbours
 * (default), or linear interpolation (`linear`, `bilinear`, `trilinear`), as `interpolate` has it.
 *
 * @throws BrickError `argument` unless one of size and scaleFactor is given.
 *
 * @example
 * ```ts
 * new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }).forward(zeros([1, 3, 4, 5])).shape // [1, 3, 8, 10]
 * ```
 */
export class Upsample extends Module {
  readonly options: InterpolateOptions

  constructor(options: InterpolateOptions) {
    super()
    if ((options.size === undefined) === (options.scaleFactor === undefined)) {
      throw refuseOption('Upsample', JSON.stringify(options), 'either size or scaleFactor')
    }
    this.options = options
  }
  forward(x: Tensor): Tensor {
    return interpolate(x, this.options)
  }
  protected override describe(): string {
    const given = Object.entries(this.options)
    return given.map(([name, value]) => `${name}=${value}`).join(', ')
  }
}

/**
 * Channels to pixels: x [N, C·r², H, W] → [N, C, H·r, W·r];
 * y[n, c, h·r + i, w·r + j] = x[n, c·r² + i·r + j, h, w].
 *
 * Source: Shi et al., “Real-time single image and video super-resolution”, 2016.
 *
 * @throws BrickError `shape` for channels that r² does not divide.
 *
 * @example
 * ```ts
 * nn.pixelShuffle(tensor([[[[1]], [[2]], [[3]], [[4]]]]), 2) // [[[[1, 2], [3, 4]]]]
 * ```
 */
export function pixelShuffle(x: Tensor, r: number): Tensor {
  requireSizes('pixelShuffle', { r })
  const [n = 0, c = 0, h = 0, w = 0] = x.shape
  if (x.rank !== 4 || c % (r * r)) {
    throw refuseInput(x.shape, `[N, C, H, W] with channels that ${r * r} divides`)
  }
  const apart = x.reshape([n, c / (r * r), r, r, h, w])
  return apart.permute([0, 1, 4, 2, 5, 3]).reshape([n, c / (r * r), h * r, w * r])
}

/**
 * Pixels to channels, the inverse of {@link pixelShuffle}: x [N, C, H·r, W·r] → [N, C·r², H, W].
 *
 * @throws BrickError `shape` for sizes that r does not divide.
 */
export function pixelUnshuffle(x: Tensor, r: number): Tensor {
  requireSizes('pixelUnshuffle', { r })
  const [n = 0, c = 0, h = 0, w = 0] = x.shape
  if (x.rank !== 4 || h % r || w % r) {
    throw refuseInput(x.shape, `[N, C, H, W] with H and W that ${r} divides`)
  }
  const apart = x.reshape([n, c, h / r, r, w / r, r])
  return apart.permute([0, 1, 3, 5, 2, 4]).reshape([n, c * r * r, h / r, w / r])
}

/** {@link pixelShuffle} as a layer. */
export class PixelShuffle extends Module {
  readonly factor: number
  constructor(factor: number) {
    super()
    requireSizes('PixelShuffle', { factor })
    this.factor = factor
  }
  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.factor)
  }
  protected override describe(): string {
    return `${this.factor}`
  }
}

/** {@link pixelUnshuffle} as a layer. */
export class PixelUnshuffle extends Module {
  readonly factor: number
  constructor(factor: number) {
    super()
    requireSizes('PixelUnshuffle', { factor })
    this.factor = factor
  }
  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.factor)
  }
  protected override describe(): string {
    return `${this.factor}`
  }
}
