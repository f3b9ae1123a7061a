import { BrickError } from '../../base/errors.ts'
import type { BatchTransform } from '../batch-maker.ts'
import type { Random } from '../random-stream.ts'
import { portable } from '../recipe.ts'
import { checkRange, type Images, imagesOf, inPlace, sizePair, viewOf } from './images.ts'
import { type Box, type Filter, resample } from './resample.ts'

const url = import.meta.url
type Size = number | readonly [height: number, width: number]

/** Draws a part of each image at the same size. */
function resizing(
  where: string,
  filter: Filter,
  sizeOf: (images: Images) => readonly [height: number, width: number],
  boxOf: (random: Random, images: Images) => Box,
): BatchTransform {
  return (inputs, randoms) => {
    const images = imagesOf(where, inputs)
    const [height, width] = sizeOf(images)
    const own = images.channels * images.height * images.width
    const out = images.channels * height * width
    const data = new Float32Array(images.n * out)
    for (let i = 0; i < images.n; i++) {
      const box = boxOf(randoms[i]!, images)
      resample(images, i * own, box, data, i * out, height, width, filter)
    }
    return viewOf({ ...images, height, width, data })
  }
}

const whole = ({ height, width }: Images): Box => ({ top: 0, left: 0, height, width })

/**
 * Resizes images: to [height, width], or with one number the shorter side to it, as torchvision's
 * `Resize` (with antialiasing).
 *
 * @param options.interpolation Default 'bilinear'.
 * @throws BrickError `argument` for an impossible size, `shape` for no images.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.resize([4, 6]), images).shape // [2, 3, 4, 6]
 * ```
 */
export function resize(size: Size, options: { interpolation?: Filter } = {}): BatchTransform {
  const pair = sizePair('resize', size)
  const sizeOf = ({ height, width }: Images): readonly [number, number] => {
    if (typeof size !== 'number') return pair
    const scale = size / Math.min(height, width)
    return [height, width].map((extent) => Math.max(1, Math.trunc(extent * scale + 1e-6))) as [
      number,
      number,
    ]
  }
  const transform = resizing('resize', options.interpolation ?? 'bilinear', sizeOf, (_, images) =>
    whole(images),
  )
  return portable(transform, url, 'resize', () => [size, options])
}

export interface ResizedCropOptions {
  /** Share of the area that is cut out, from … to. Default 0.08 … 1. */
  readonly scale?: readonly [low: number, high: number]
  /** Width to height of what is cut out, from … to. Default 3/4 … 4/3. */
  readonly ratio?: readonly [low: number, high: number]
  /** Default 'bilinear'. */
  readonly interpolation?: Filter
}

/**
 * Cuts out a part of random area and shape and resizes it: Inception's augmentation, torchvision's
 * `RandomResizedCrop`.
 *
 * Source: Szegedy et al., “Going deeper with convolutions”, 2015.
 *
 * @throws BrickError `argument` for an impossible size or range, `shape` for no images.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.randomResizedCrop(5), images, { seed: 1 }).shape // [2, 3, 5, 5]
 * ```
 */
export function randomResizedCrop(size: Size, options: ResizedCropOptions = {}): BatchTransform {
  const pair = sizePair('randomResizedCrop', size)
  const { interpolation = 'bilinear' } = options
  const { scale, ratio } = boxRanges('randomResizedCrop', options)
  const transform = resizing(
    'randomResizedCrop',
    interpolation,
    () => pair,
    (random, images) => randomBox(random, images, scale, ratio),
  )
  return portable(transform, url, 'randomResizedCrop', () => [size, options])
}

/**
 * Which areas (shares of the image's) and shapes (width / height) parts have.
 *
 * @throws BrickError `argument` for what is no range of these.
 */
export function boxRanges(
  where: string,
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: ResizedCropOptions,
): Required<Pick<ResizedCropOptions, 'scale' | 'ratio'>> {
  const limits = { scale: [0, 1], ratio: [1e-3, 1e3] } as const
  for (const [name, range] of Object.entries({ scale, ratio })) {
    const [least, most] = limits[name as keyof typeof limits]
    if (!Array.isArray(range) || range.length !== 2 || range[0]! > range[1]!) {
      const wanted = `${name}: [from, to]`
      throw new BrickError({ kind: 'argument', where, wanted, got: JSON.stringify(range) })
    }
    for (const end of range) checkRange(where, name, end, least, most)
  }
  return { scale, ratio }
}

/** A part of an image of random area and shape. */
export function randomBox(
  random: Random,
  { height, width }: { readonly height: number; readonly width: number },
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Box {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * random.uniform(...scale)
    const shape = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])))
    const w = Math.round(Math.sqrt(area * shape))
    const h = Math.round(Math.sqrt(area / shape))
    if (w < 1 || h < 1 || w > width || h > height) continue
    const [top, left] = [random.integer(height - h + 1), random.integer(width - w + 1)]
    return { top, left, height: h, width: w }
  }
  // The middle, as large as the shapes allow.
  const shape = Math.min(Math.max(width / height, ratio[0]), ratio[1])
  const w = shape < width / height ? Math.round(height * shape) : width
  const h = shape > width / height ? Math.round(width / shape) : height
  const [top, left] = [(height - h) >> 1, (width - w) >> 1]
  return { top, left, height: h, width: w }
}

/** Cuts out the same size of each image, from positions that may lie outside (fill). */
function cropping(
  where: string,
  size: Size,
  padding: number,
  fill: number,
  placeOf: (random: Random, room: readonly [y: number, x: number]) => readonly [number, number],
): BatchTransform {
  const [height, width] = sizePair(where, size)
  return (inputs, randoms) => {
    const images = imagesOf(where, inputs)
    const room = [images.height, images.width].map(
      (extent, axis) => extent + 2 * padding - [height, width][axis]!,
    ) as [number, number]
    if (room[0] < 0 || room[1] < 0) throw tooSmall(where, images, height, width, padding)
    const planes = images.n * images.channels
    const data = new Float32Array(planes * height * width).fill(fill)
    for (let i = 0; i < images.n; i++) {
      const [top, left] = placeOf(randoms[i]!, room)
      for (let c = 0; c < images.channels; c++) {
        const place = { top: top - padding, left: left - padding, height, width }
        copyPart(images, i * images.channels + c, place, data)
      }
    }
    return viewOf({ ...images, height, width, data })
  }
}

/** Copies what of the box lies inside a plane. */
function copyPart(images: Images, plane: number, box: Box, target: Float32Array): void {
  const from = Math.max(0, box.left)
  const to = Math.min(images.width, box.left + box.width)
  if (from >= to) return
  for (let y = 0; y < box.height; y++) {
    const row = box.top + y
    if (row < 0 || row >= images.height) continue
    const start = (plane * images.height + row) * images.width
    const at = (plane * box.height + y) * box.width + from - box.left
    target.set(images.data.subarray(start + from, start + to), at)
  }
}

function tooSmall(where: string, images: Images, height: number, width: number, padding: number) {
  return new BrickError({
    kind: 'shape',
    where,
    wanted: `images of at least ${height} × ${width}${padding ? ` with a padding of ${padding}` : ''}`,
    got: `${images.height} × ${images.width}`,
    remedy: 'Resize them first, or give a padding.',
  })
}

/**
 * Cuts out the middle.
 *
 * @throws BrickError `argument` for an impossible size, `shape` for images that are smaller.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.centerCrop(4), images).shape // [2, 3, 4, 4]
 * ```
 */
export function centerCrop(size: Size): BatchTransform {
  // Halves are rounded to even numbers, as torchvision does.
  const half = (room: number) => (room % 4 === 3 ? (room + 1) / 2 : Math.floor(room / 2))
  const transform = cropping('centerCrop', size, 0, 0, (_, [y, x]) => [half(y), half(x)])
  return portable(transform, url, 'centerCrop', () => [size])
}

export interface CropOptions {
  /** Pixels added on each side first. Default 0. */
  readonly padding?: number
  /** What they are. Default 0. */
  readonly fill?: number
}

/**
 * Cuts out a part of this size at a random place, as torchvision's `RandomCrop`.
 *
 * @throws BrickError `argument` for an impossible size, `shape` for images that are smaller.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.randomCrop(8, { padding: 2 }), images).shape // [2, 3, 8, 8]
 * ```
 */
export function randomCrop(size: Size, options: CropOptions = {}): BatchTransform {
  const { padding = 0, fill = 0 } = options
  checkRange('randomCrop', 'padding', padding, 0, 2 ** 15)
  const transform = cropping('randomCrop', size, padding, fill, (random, [y, x]) => [
    random.integer(y + 1),
    random.integer(x + 1),
  ])
  return portable(transform, url, 'randomCrop', () => [size, options])
}

/** Mirrors each image with a probability. */
function flipping(where: string, p: number, isVertical: boolean): BatchTransform {
  checkRange(where, 'p', p, 0, 1)
  return inPlace(where, (start, random, { channels, height, width, data }) => {
    if (!random.chance(p)) return
    const size = channels * height * width
    if (!isVertical) {
      for (let at = start; at < start + size; at += width) data.subarray(at, at + width).reverse()
      return
    }
    for (let top = start; top < start + size; top += height * width) {
      for (let y = 0; y < height >> 1; y++) {
        const [upper, lower] = [top + y * width, top + (height - 1 - y) * width]
        const kept = data.slice(upper, upper + width)
        data.copyWithin(upper, lower, lower + width)
        data.set(kept, lower)
      }
    }
  })
}

/**
 * Mirrors left and right with a probability.
 *
 * @throws BrickError `argument` for a probability out of range, `shape` for no images.
 * @example
 * ```ts
 * const flip = data.transforms.randomHorizontalFlip(1)
 * data.transforms.apply(flip, data.transforms.apply(flip, images)).data[0] === images.data[0] // true
 * ```
 */
export function randomHorizontalFlip(p = 0.5): BatchTransform {
  const transform = flipping('randomHorizontalFlip', p, false)
  return portable(transform, url, 'randomHorizontalFlip', () => [p])
}

/**
 * Mirrors top and bottom with a probability.
 *
 * @throws BrickError `argument` for a probability out of range, `shape` for no images.
 * @example
 * ```ts
 * const flip = data.transforms.randomVerticalFlip(1)
 * data.transforms.apply(flip, images).shape // [2, 3, 8, 8]
 * ```
 */
export function randomVerticalFlip(p = 0.5): BatchTransform {
  const transform = flipping('randomVerticalFlip', p, true)
  return portable(transform, url, 'randomVerticalFlip', () => [p])
}
