import { stat } from 'node:fs/promises'
import sharp from 'sharp'
import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { fileError } from '../../files/errors.ts'

export interface DecodeOptions {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /**
   * How another shape is brought to this one: cropped around the middle ('cover', default),
   * stretched ('fill'), or bordered in black ('contain').
   */
  readonly fit?: 'cover' | 'fill' | 'contain'
}

/**
 * Reads an image file (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG) as bytes [channels, height, width]:
 * turned upright by its EXIF note, transparency on white, resized.
 *
 * @throws BrickError `file` if it is missing, no image or damaged.
 * @example
 * ```ts
 * const cat = await decodeImage('cat.jpg', { width: 224, height: 224, channels: 3 })
 * ```
 */
export async function decodeImage(path: string, options: DecodeOptions): Promise<ArrayView<'u8'>> {
  const { width, height, channels } = options
  await checkFile(path)
  const pixels = await decode(path, options)
  const plane = width * height
  const data = new Uint8Array(channels * plane)
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) data[c * plane + i] = pixels[i * channels + c]!
  }
  return { dtype: 'u8', shape: [channels, height, width], data }
}

async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error) => {
    throw fileError('read', path, error)
  })
  if (found.isDirectory()) throw fileError('read', path, { code: 'EISDIR' })
}

async function decode(path: string, options: DecodeOptions): Promise<Uint8Array> {
  const { width, height, channels, fit = 'cover' } = options
  const image = sharp(path, { failOn: 'error' }).autoOrient().flatten({ background: 'white' })
  const coloured = channels === 1 ? image.greyscale() : image.toColourspace('srgb')
  try {
    const resized = coloured.resize(width, height, { fit, kernel: 'lanczos3', background: 'black' })
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
