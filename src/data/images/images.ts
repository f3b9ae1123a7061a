import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { showShape } from '../../base/shape.ts'
import type { BatchTransform } from '../batch-maker.ts'
import type { Random } from '../random-stream.ts'

/** Images `[n, channels, height, width]`. */
export interface Images {
  readonly n: number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly data: Float32Array
}

/** @throws BrickError `shape` unless these are images; `channels` are how many they may have. */
export function imagesOf(
  where: string,
  { shape, data }: ArrayView<'f32'>,
  channels?: number,
): Images {
  const [n = 0, found = 0, height = 0, width = 0] = shape
  if (shape.length === 4 && (channels === undefined || found === channels)) {
    return { n, channels: found, height, width, data }
  }
  throw new BrickError({
    kind: 'shape',
    where,
    wanted: `images [n, ${channels ?? 'channels'}, height, width]`,
    got: showShape(shape),
    remedy: 'Reshape the inputs, or leave the transform out.',
  })
}

/** Images as arrays of a batch. */
export function viewOf({ n, channels, height, width, data }: Images): ArrayView<'f32'> {
  return { dtype: 'f32', shape: [n, channels, height, width], data }
}

/** Of one image: where it begins, and its random numbers. */
export type EachImage = (start: number, random: Random, images: Images) => void

/** A transform that changes each image in a copy of the batch. */
export function inPlace(where: string, each: EachImage, channels?: number): BatchTransform {
  return (inputs, randoms) => {
    const images = imagesOf(where, inputs, channels)
    const copy = { ...images, data: Float32Array.from(images.data) }
    const size = images.channels * images.height * images.width
    for (let i = 0; i < images.n; i++) each(i * size, randoms[i]!, copy)
    return viewOf(copy)
  }
}

/** @throws BrickError `argument` unless the value is a number from low to high. */
export function checkRange(where: string, name: string, value: number, low: number, high: number) {
  if (value >= low && value <= high) return
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: `${name} to be a number from ${low} to ${high}`,
    got: `${value}`,
  })
}

/** A size as [height, width]. */
export function sizePair(
  where: string,
  size: number | readonly [number, number],
): [number, number] {
  const [height, width] = typeof size === 'number' ? [size, size] : size
  for (const extent of [height, width]) {
    if (Number.isSafeInteger(extent) && extent > 0) continue
    throw new BrickError({
      kind: 'argument',
      where,
      wanted: 'size to be whole numbers from 1',
      got: JSON.stringify(size),
    })
  }
  return [height, width]
}
