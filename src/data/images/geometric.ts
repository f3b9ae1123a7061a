import type { BatchTransform } from '../batch-maker.ts'
import type { Random } from '../random-stream.ts'
import { portable } from '../recipe.ts'
import { checkRange, type Images, imagesOf, viewOf } from './images.ts'
import {
  affineProjection,
  type Interpolation,
  type Projection,
  perspectiveProjection,
  warp,
} from './warp.ts'

const url = import.meta.url

export interface WarpOptions {
  /** Default 'bilinear'. */
  readonly interpolation?: Interpolation
  /** What is outside of the image. Default 0. */
  readonly fill?: number
}

/** Warps each image by a projection of its own; undefined leaves it. */
function warping(
  where: string,
  { interpolation = 'bilinear', fill = 0 }: WarpOptions,
  draw: (random: Random, images: Images) => Projection | undefined,
): BatchTransform {
  return (inputs, randoms) => {
    const images = imagesOf(where, inputs)
    const size = images.channels * images.height * images.width
    const target = new Float32Array(images.data.length)
    for (let i = 0; i < images.n; i++) {
      const projection = draw(randoms[i]!, images)
      const start = i * size
      if (projection) warp(images, start, target, projection, interpolation, fill)
      else target.set(images.data.subarray(start, start + size), start)
    }
    return viewOf({ ...images, data: target })
  }
}

/** ±value, or from the first to the second. */
type Range = number | readonly [low: number, high: number]
const rangeOf = (range: Range): readonly [number, number] =>
  typeof range === 'number' ? [-range, range] : range

/**
 * Rotates each image about its centre by an angle drawn evenly, counter-clockwise, as torchvision's
 * `RandomRotation`.
 *
 * @param degrees ±degrees, or from … to.
 * @throws BrickError `shape` for inputs that are no images.
 * @example
 * ```ts
 * const tilted = data.transforms.apply(data.transforms.randomRotation(10), images, { seed: 1 })
 * tilted.shape // [2, 3, 8, 8]
 * ```
 */
export function randomRotation(degrees: Range, options: WarpOptions = {}): BatchTransform {
  const [low, high] = rangeOf(degrees)
  const still = { translate: [0, 0], scale: 1, shear: [0, 0] } as const
  const draw = (random: Random, { height, width }: Images) =>
    affineProjection({ ...still, angle: -random.uniform(low, high) }, height, width)
  const transform = warping('randomRotation', options, draw)
  return portable(transform, url, 'randomRotation', () => [degrees, options])
}

export interface AffineOptions extends WarpOptions {
  /** Rotation, clockwise: ±degrees, or from … to. Default 0. */
  readonly degrees?: Range
  /** At most this share of width and height, in both directions. Default none. */
  readonly translate?: readonly [x: number, y: number]
  /** From … to. Default 1. */
  readonly scale?: readonly [low: number, high: number]
  /** Along x, and along y: ±degrees, or from … to. Default 0. */
  readonly shear?: Range | readonly [x: Range, y: Range]
}

/**
 * Rotates, moves, scales and shears each image about its centre, as torchvision's `RandomAffine`.
 * Translations are not rounded to whole pixels.
 *
 * @throws BrickError `argument` for a share or a scale out of range, `shape` for no images.
 * @example
 * ```ts
 * const augment = data.transforms.randomAffine({ degrees: 10, translate: [0.1, 0.1], scale: [0.9, 1.1] })
 * data.transforms.apply(augment, images, { seed: 1 }).shape // [2, 3, 8, 8]
 * ```
 */
export function randomAffine(options: AffineOptions): BatchTransform {
  const { degrees = 0, translate = [0, 0], scale = [1, 1], shear = 0 } = options
  for (const share of translate) checkRange('randomAffine', 'translate', share, 0, 1)
  for (const factor of scale) checkRange('randomAffine', 'scale', factor, 1e-3, 1e3)
  const [low, high] = rangeOf(degrees)
  const isPair = Array.isArray(shear) && shear.some(Array.isArray)
  const [shearX, shearY] = (isPair ? shear : [shear, 0]) as readonly [Range, Range]
  const [kx, ky] = [rangeOf(shearX), rangeOf(shearY)]
  const draw = (random: Random, { height, width }: Images) => {
    const angle = random.uniform(low, high)
    const tx = random.uniform(-1, 1) * translate[0] * width
    const ty = random.uniform(-1, 1) * translate[1] * height
    const factor = random.uniform(scale[0], scale[1])
    const own = [random.uniform(...kx), random.uniform(...ky)] as const
    return affineProjection(
      { angle, translate: [tx, ty], scale: factor, shear: own },
      height,
      width,
    )
  }
  return portable(warping('randomAffine', options, draw), url, 'randomAffine', () => [options])
}

export interface PerspectiveOptions extends WarpOptions {
  /** How far corners move, as a share of half the size. Default 0.5. */
  readonly distortion?: number
  /** Probability that an image is changed. Default 0.5. */
  readonly p?: number
}

/**
 * Moves the four corners of an image inwards, as torchvision's `RandomPerspective`.
 *
 * @throws BrickError `argument` for a share or probability out of range, `shape` for no images.
 * @example
 * ```ts
 * const seen = data.transforms.apply(data.transforms.randomPerspective({ p: 1 }), images, { seed: 1 })
 * seen.shape // [2, 3, 8, 8]
 * ```
 */
export function randomPerspective(options: PerspectiveOptions = {}): BatchTransform {
  const { distortion = 0.5, p = 0.5 } = options
  checkRange('randomPerspective', 'distortion', distortion, 0, 1)
  checkRange('randomPerspective', 'p', p, 0, 1)
  const draw = (random: Random, { height, width }: Images) => {
    if (!random.chance(p)) return undefined
    const dx = () => random.uniform(0, (distortion * width) / 2)
    const dy = () => random.uniform(0, (distortion * height) / 2)
    const [right, bottom] = [width - 1, height - 1]
    const from = [
      [0, 0],
      [right, 0],
      [right, bottom],
      [0, bottom],
    ] as const
    const to = [
      [dx(), dy()],
      [right - dx(), dy()],
      [right - dx(), bottom - dy()],
      [dx(), bottom - dy()],
    ] as const
    return perspectiveProjection(from, to)
  }
  const transform = warping('randomPerspective', options, draw)
  return portable(transform, url, 'randomPerspective', () => [options])
}
