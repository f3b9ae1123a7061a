import { stat } from 'node:fs/promises'
import sharp, { type Sharp } from 'sharp'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { fileError } from '../files/errors.ts'

export interface ReadImageOptions {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /**
   * Brings a photo or scan of a handwritten digit into the form of the training data: bright ink
   * on black (turned around if the border is bright).
   */
  readonly fitDigit?: boolean
}

/**
 * Reads an image file (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG) as `[channels, height, width]`, f32
 * from 0 to 1: turned upright by its EXIF note, transparency on white, resized to fill the size.
 *
 * @throws BrickError `file` if it is missing, no image or damaged.
 * @example
 * ```ts
 * const digit = await readImage('three.png', { width: 28, height: 28, channels: 1, fitDigit: true })
 * ```
 */
export async function readImage(
  path: string,
  options: ReadImageOptions,
): Promise<ArrayView<'f32'>> {
  const { width, height, channels, fitDigit = false } = options
  await stat(path).then(
    (found) => {
      if (found.isDirectory()) throw fileError('read', path, { code: 'EISDIR' })
    },
    (error) => {
      throw fileError('read', path, error)
    },
  )
  const image = sharp(path, { failOn: 'error' }).autoOrient().flatten({ background: 'white' })
  const pixels = await decode(
    channels === 1 ? image.greyscale() : image.toColourspace('srgb'),
    path,
    options,
  )
  const plane = width * height
  const data = new Float32Array(channels * plane)
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) data[c * plane + i] = pixels[i * channels + c]! / 255
  }
  if (fitDigit && borderMean(data, options) > 0.5)
    data.forEach((value, i) => {
      data[i] = 1 - value
    })
  return { dtype: 'f32', shape: [channels, height, width], data }
}

async function decode(
  image: Sharp,
  path: string,
  { width, height, channels }: ReadImageOptions,
): Promise<Uint8Array> {
  try {
    const resized = image.resize(width, height, { fit: 'fill', kernel: 'lanczos3' })
    const { data, info } = await resized
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== channels) throw new Error(`${info.channels} channels`)
    return data
  } catch (cause) {
    throw new BrickError({
      kind: 'file',
      where: path,
      wanted: 'an image (PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG)',
      got: (cause as Error).message.split('\n')[0]!,
      remedy: 'Open it in a viewer to see whether it is whole, or save it again as PNG.',
      cause,
    })
  }
}

/** The mean brightness of the outermost pixels. */
function borderMean(data: Float32Array, { width, height, channels }: ReadImageOptions): number {
  let sum = 0
  let count = 0
  for (let i = 0; i < channels * width * height; i++) {
    const x = i % width
    const y = Math.floor(i / width) % height
    if (x > 0 && x < width - 1 && y > 0 && y < height - 1) continue
    sum += data[i]!
    count++
  }
  return sum / count
}
