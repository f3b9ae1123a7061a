import type { ArrayView } from '../base/array.ts'
import { decodeImage } from '../data/readers/image.ts'

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
  const { fitDigit = false, ...size } = options
  const { shape, data: bytes } = await decodeImage(path, { ...size, fit: 'fill' })
  const data = Float32Array.from(bytes, (byte) => byte / 255)
  if (fitDigit && borderMean(data, options) > 0.5)
    data.forEach((value, i) => {
      data[i] = 1 - value
    })
  return { dtype: 'f32', shape, data }
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
