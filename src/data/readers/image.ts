import { stat } from 'node:fs/promises'
import sharp, { type Sharp } from 'sharp'
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
  /** With 'cover': pixels of the shorter side before the middle is cut out. Default: those of the result. */
  readonly resize?: number
  /** How pixels between pixels are found (default 'lanczos3'); all of them average where an image becomes smaller. */
  readonly kernel?: 'linear' | 'cubic' | 'lanczos3'
}

/** A file's path, or its content. */
export type ImageSource = string | Uint8Array

/** More pixels than that are no photograph: a small file may claim them. */
const MAX_PIXELS = 2 ** 27

/**
 * Reads an image file, or its content (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG), as bytes
 * [channels, height, width]: turned upright by its EXIF note, transparency on white, resized.
 *
 * @throws BrickError `file` if it is missing, no image or damaged.
 * @example
 * ```ts
 * const cat = await decodeImage('cat.jpg', { width: 224, height: 224, channels: 3 })
 * ```
 */
export async function decodeImage(
  source: ImageSource,
  options: DecodeOptions,
): Promise<ArrayView<'u8'>> {
  const { width, height, channels } = options
  if (typeof source === 'string') await checkFile(source)
  const pixels = await decode(source, options)
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

async function decode(source: ImageSource, options: DecodeOptions): Promise<Uint8Array> {
  const { channels } = options
  const image = sharp(source, { failOn: 'error', limitInputPixels: MAX_PIXELS })
  try {
    const upright = image.autoOrient().flatten({ background: 'white' })
    const coloured = channels === 1 ? upright.greyscale() : upright.toColourspace('srgb')
    const resized = await resizeTo(coloured, options)
    const { data, info } = await resized
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== channels) throw new Error(`${info.channels} channels`)
    return data
  } catch (cause) {
    throw new BrickError({
      kind: 'file',
      where: typeof source === 'string' ? source : 'image',
      wanted: 'an image (PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG)',
      got: (cause as Error).message.split('\n')[0]!,
      remedy: 'Open it in a viewer to see whether it is whole, or save it again as PNG.',
      cause,
    })
  }
}

async function resizeTo(image: Sharp, options: DecodeOptions): Promise<Sharp> {
  const { width, height, fit = 'cover', resize, kernel = 'lanczos3' } = options
  if (fit !== 'cover' || resize === undefined) {
    return image.resize(width, height, { fit, kernel, background: 'black' })
  }
  const { autoOrient: own } = await image.metadata()
  const scale = Math.max(
    resize / Math.min(own.width, own.height),
    width / own.width,
    height / own.height,
  )
  const [w, h] = [Math.round(own.width * scale), Math.round(own.height * scale)]
  const middle = {
    left: Math.round((w - width) / 2),
    top: Math.round((h - height) / 2),
    width,
    height,
  }
  return image.resize(w, h, { fit: 'fill', kernel }).extract(middle)
}
