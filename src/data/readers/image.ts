import sharp, { type Sharp } from 'sharp'
import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { fileSize } from '../../files/random-access.ts'
import type { Box } from '../images/resample.ts'

/** What libvips calls the ways to interpolate. */
const kernels = { bilinear: 'linear', bicubic: 'cubic', lanczos: 'lanczos3' } as const

export interface DecodeOptions {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /**
   * How another shape is brought to this one: cropped around the middle ('cover', default),
   * stretched ('fill'), bordered in black ('contain'), or kept, as large as fits ('inside').
   */
  readonly fit?: 'cover' | 'fill' | 'contain' | 'inside'
  /** With 'cover': pixels of the shorter side before the middle is cut out. Default: those of the result. */
  readonly resize?: number
  /** How pixels between pixels are found (default 'lanczos'); all of them average where an image becomes smaller. */
  readonly interpolation?: keyof typeof kernels
  /**
   * Larger images are refused by what their header says. Default 2²⁷; a progressive JPEG takes 3 bytes
   * of memory a pixel. Never more than 2²⁴ and 1,024 for each byte of the file.
   */
  readonly maxPixels?: number
  /** Chooses the part of the upright image that is decoded; it is stretched to the size then. */
  readonly part?: (image: Pick<Box, 'width' | 'height'>) => Box
}

/** A file's path or its content, or pixels [1 or 3, height, width]. */
export type ImageSource = string | Uint8Array | ArrayView<'u8'>

/** More pixels than that are no photograph. */
const MAX_PIXELS = 2 ** 27
/** A small file may claim them: a few kilobytes unpack to a gigabyte. */
const mostPixels = (bytes: number, most = MAX_PIXELS): number =>
  Math.min(most, 2 ** 24 + 1024 * bytes)

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
  const { channels } = options
  const { pixels, width, height } = await decode(source, options, await bytesIn(source))
  const plane = width * height
  const data = new Uint8Array(channels * plane)
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) data[c * plane + i] = pixels[i * channels + c]!
  }
  return { dtype: 'u8', shape: [channels, height, width], data }
}

interface Decoded {
  /** Colours pixel by pixel. */
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
}

/**
 * Bytes of a file or of its content; of pixels, their number.
 *
 * @throws BrickError `argument` for what is neither.
 */
async function bytesIn(source: ImageSource): Promise<number> {
  if (typeof source === 'string') return fileSize(source)
  if (source instanceof Uint8Array) return source.length
  const { dtype, shape = [], data } = (source ?? {}) as Partial<ArrayView>
  const [channels, height = 0, width = 0] = shape
  const isImage = dtype === 'u8' && shape.length === 3 && (channels === 1 || channels === 3)
  if (isImage && data?.length === channels * height * width) return data.length
  throw new BrickError({
    kind: 'argument',
    where: 'image',
    wanted: "a file's path, its bytes, or pixels: u8 [1 or 3, height, width]",
    got: dtype === undefined ? `${source}` : `${dtype} [${shape}]`,
  })
}

async function decode(
  source: ImageSource,
  options: DecodeOptions,
  bytes: number,
): Promise<Decoded> {
  const { channels } = options
  const most = mostPixels(bytes, options.maxPixels)
  try {
    const image = opened(source, most)
    const upright = image.autoOrient().flatten({ background: 'white' })
    const coloured = channels === 1 ? upright.greyscale() : upright.toColourspace('srgb')
    const resized = await resizeTo(coloured, options)
    const { data, info } = await resized
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    if (info.channels !== channels) throw new Error(`${info.channels} channels`)
    return { pixels: data, width: info.width, height: info.height }
  } catch (cause) {
    throw new BrickError({
      kind: 'file',
      where: typeof source === 'string' ? source : 'image',
      wanted: 'an image (PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG)',
      got: (cause as Error).message.split('\n')[0]!,
      remedy: remedyFor(cause as Error, most),
      cause,
    })
  }
}

function remedyFor({ message }: Error, most: number): string {
  return /pixel limit/.test(message)
    ? `Make it smaller: at most ${Math.floor(most / 1e6)} megapixels are decoded here.`
    : 'Open it in a viewer to see whether it is whole, or save it again as PNG.'
}

function opened(source: ImageSource, limitInputPixels: number): Sharp {
  if (typeof source === 'string' || source instanceof Uint8Array) {
    return sharp(source, { failOn: 'error', limitInputPixels })
  }
  const [channels, height, width] = source.shape as [1 | 3, number, number]
  return sharp(interleaved(source), { raw: { width, height, channels } })
}

/** The planes of an image [channels, height, width], pixel by pixel. */
export function interleaved({ shape, data }: ArrayView<'u8'>): Uint8Array {
  const [channels = 1] = shape
  const plane = data.length / channels
  const pixels = new Uint8Array(data.length)
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) pixels[i * channels + c] = data[c * plane + i]!
  }
  return pixels
}

async function resizeTo(image: Sharp, options: DecodeOptions): Promise<Sharp> {
  const { width, height, fit = 'cover', resize, part } = options
  const kernel = kernels[options.interpolation ?? 'lanczos']
  if (part) {
    const box = part((await image.metadata()).autoOrient)
    return image.extract(box).resize(width, height, { fit: 'fill', kernel })
  }
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
