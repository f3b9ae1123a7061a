import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { BrickError } from '../../base/errors.ts'
import { folderError } from '../../files/errors.ts'
import { checkWhole } from '../check.ts'
import { classTarget } from '../collate.ts'
import { checkRow, Dataset, type Draw, type Example, noDraw } from '../dataset.ts'
import { boxRanges, type ResizedCropOptions, randomBox } from '../images/crops.ts'
import { randomAt } from '../random-stream.ts'
import type { Recipe } from '../recipe.ts'
import { type DecodeOptions, decodeImage } from './image.ts'

const IMAGE = new Set('.png .jpg .jpeg .webp .gif .tif .tiff .avif .svg'.split(' '))
/** What `map` draws has other streams. */
const CROP_STREAM = 2 ** 17
/** Images that are checked at once. */
const AT_ONCE = 8

/** An image that could not be decoded, and why. */
export interface CorruptImage {
  readonly path: string
  readonly reason: string
}

export interface ImageFolderOptions {
  /** Of all images: both sides, or [height, width]. */
  readonly size: number | readonly [height: number, width: number]
  /** Default 3: RGB. 1: brightness. */
  readonly channels?: 1 | 3
  readonly fit?: DecodeOptions['fit']
  /** Pixels of the shorter side before the middle is cut out, with 'cover'. */
  readonly resize?: number
  readonly interpolation?: DecodeOptions['interpolation']
  /**
   * Decodes a part of random area and shape of each image, another one in each epoch:
   * `randomResizedCrop` at the image's own resolution.
   */
  readonly randomCrop?: Pick<ResizedCropOptions, 'scale' | 'ratio'>
  /**
   * 'refuse' (default): the error of a corrupt image ends the loop that reads it. 'skip': all
   * images are decoded once when the folder is opened, and those that can't be are left out; they
   * stand in `skipped`.
   */
  readonly corrupt?: 'refuse' | 'skip'
  /** Is told of each image that is skipped. */
  readonly onSkip?: ((image: CorruptImage) => void) | undefined
}

interface Parts {
  readonly name: string
  readonly files: readonly string[]
  readonly classes: Int32Array
  readonly classNames: readonly string[]
  readonly decoding: DecodeOptions
  readonly randomCrop: ReturnType<typeof boxRanges> | undefined
  readonly skipped: readonly CorruptImage[]
}

/** Images in folders, one for each class; they are read when they are asked for. */
export class ImageFolder extends Dataset {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[]
  /** The images' paths. */
  readonly files: readonly string[]
  /** What was left out. */
  readonly skipped: readonly CorruptImage[]
  readonly #parts: Parts

  constructor(parts: Parts) {
    super()
    this.name = parts.name
    this.length = parts.files.length
    this.classNames = parts.classNames
    this.files = parts.files
    this.skipped = parts.skipped
    this.#parts = parts
  }

  /** Input u8 [channels, height, width], target i32 []. */
  override async get(index: number, { seed, epoch }: Draw = noDraw): Promise<Example> {
    checkRow(this, index)
    const { classes, decoding, randomCrop } = this.#parts
    const random = randomAt(seed, epoch, index, CROP_STREAM)
    const cropping: Pick<DecodeOptions, 'part'> = randomCrop
      ? { part: (image) => randomBox(random, image, randomCrop.scale, randomCrop.ratio) }
      : {}
    const input = await decodeImage(this.files[index]!, { ...decoding, ...cropping })
    return { input, target: classTarget(classes[index]!) }
  }
  override labels(): Int32Array {
    return this.#parts.classes
  }
  ownRecipe(): Recipe {
    const [module, make] = [import.meta.url, 'ImageFolder']
    return { brickwork: 'recipe', module, make, args: [this.#parts] }
  }
}

/**
 * A dataset of images in a folder with one folder for each class: `flowers/rose/1.jpg`. Classes
 * are in the order of their names. Images are decoded and resized by libvips.
 *
 * @throws BrickError `file` for a folder that can't be read or has no class folders, a class folder
 * without images (by name), or, when it is read, a corrupt image; `argument` for sizes and ranges
 * that are none.
 * @example
 * ```ts
 * const flowers = await imageFolder('flowers', { size: 64, corrupt: 'skip' })
 * console.log(`${flowers.length} images, ${flowers.skipped.length} skipped`)
 * ```
 */
export async function imageFolder(path: string, options: ImageFolderOptions): Promise<ImageFolder> {
  const { size, channels = 3, fit = 'cover', resize, interpolation, randomCrop } = options
  const { corrupt = 'refuse', onSkip } = options
  const [height, width] = typeof size === 'number' ? [size, size] : size
  checkWhole('imageFolder', 'size', height, 1)
  checkWhole('imageFolder', 'size', width, 1)
  const crop = randomCrop && boxRanges('imageFolder: randomCrop', randomCrop)
  const decoding = {
    width,
    height,
    channels,
    fit,
    ...(resize === undefined ? {} : { resize }),
    ...(interpolation === undefined ? {} : { interpolation }),
  }
  const folders = await classFolders(path)
  const found: { file: string; label: number }[] = []
  const skipped: CorruptImage[] = []
  for (const [label, name] of folders.entries()) {
    const folder = join(path, name)
    const files = await imagesIn(folder)
    if (files.length === 0) throw noImages(folder)
    const bad = corrupt === 'skip' ? await corruptOf(files) : []
    for (const image of bad) onSkip?.(image)
    const good = files.filter((file) => !bad.some((image) => image.path === file))
    if (good.length === 0) throw noImages(folder, bad[0])
    found.push(...good.map((file) => ({ file, label })))
    skipped.push(...bad)
  }
  return new ImageFolder({
    name: path,
    files: found.map(({ file }) => file),
    classes: Int32Array.from(found, ({ label }) => label),
    classNames: folders,
    decoding,
    randomCrop: crop,
    skipped,
  })
}

async function classFolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    throw folderError(path, error)
  })
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  if (folders.length > 0) return folders.map(({ name }) => name).sort()
  throw new BrickError({
    kind: 'file',
    where: path,
    wanted: 'a folder for each class, with its images',
    got: 'no folders',
    remedy: 'Move the images of each class into a folder with its name.',
  })
}

/** The image files in a folder and in the folders in it, in the order of their names. */
export async function imagesIn(folder: string): Promise<string[]> {
  const options = { recursive: true, withFileTypes: true } as const
  const entries = await readdir(folder, options).catch((error) => {
    throw folderError(folder, error)
  })
  return entries
    .filter(({ name }) => IMAGE.has(extname(name).toLowerCase()) && !name.startsWith('.'))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function noImages(folder: string, bad?: CorruptImage): BrickError {
  return new BrickError({
    kind: 'file',
    where: folder,
    wanted: `images of the class (${[...IMAGE].join(', ')})`,
    got: bad ? `corrupt ones only, such as ${bad.path} (${bad.reason})` : 'none',
    remedy: 'Put some there, or remove the folder.',
  })
}

/** Those that can't be decoded to the end. */
async function corruptOf(files: readonly string[]): Promise<CorruptImage[]> {
  const tiny = { width: 1, height: 1, channels: 1, fit: 'fill' } as const
  const bad: CorruptImage[] = []
  for (let start = 0; start < files.length; start += AT_ONCE) {
    const checks = files.slice(start, start + AT_ONCE).map(async (path) => {
      try {
        await decodeImage(path, tiny)
        return undefined
      } catch (error) {
        return { path, reason: (error as BrickError).got ?? String(error) }
      }
    })
    bad.push(...(await Promise.all(checks)).filter((image) => image !== undefined))
  }
  return bad
}
