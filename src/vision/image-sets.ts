import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { checkRow, Dataset, type Example } from '../data/dataset.ts'
import { type ImageFolderOptions, imageFolder } from '../data/readers/image-folder.ts'
import { type Recipe, recipeOf } from '../data/recipe.ts'
import { decodingOf, type Preprocessing, readPixels } from './preprocessing.ts'

/** Labelled images to learn from, and others to test with. */
export interface ImageSets {
  readonly train: Dataset
  readonly test: Dataset
}

/** How much of a folder without a part for tests is kept back. */
const TEST_SHARE = 0.2
const testFolders = ['val', 'valid', 'validation', 'test']

export interface ImageSetsOptions {
  /** Which images are kept back, where the folder does not say. Default 0. */
  readonly seed?: number
  readonly corrupt?: 'refuse' | 'skip'
  /** Images to learn from are parts of random area and shape: see `data.imageFolder`. */
  readonly randomCrop?: ImageFolderOptions['randomCrop']
}

/**
 * Labelled images of a folder in ImageNet's layout, decoded as a network's preprocessing says when
 * they are asked for: `train/<class>/…` and `val/<class>/…` (or `validation`, `test`); or
 * `<class>/…` alone, of which a fifth of each class is kept back.
 *
 * @throws BrickError `file` for a folder that can't be read or has no classes, and where the parts'
 * classes differ.
 */
export async function imageSets(
  folder: string,
  preprocessing: Preprocessing,
  { seed = 0, corrupt = 'refuse', randomCrop }: ImageSetsOptions = {},
): Promise<ImageSets> {
  const options = { ...imageFolderOptions(preprocessing), corrupt }
  const cropped = randomCrop ? { ...options, randomCrop } : options
  const part = testFolders.find((name) => existsSync(join(folder, name)))
  if (!existsSync(join(folder, 'train')) || part === undefined) {
    const parts = async (own: ImageFolderOptions) =>
      (await imageFolder(folder, own)).split([1 - TEST_SHARE, TEST_SHARE], {
        seed,
        stratified: true,
      })
    return { train: (await parts(cropped))[0]!, test: (await parts(options))[1]! }
  }
  const train = await imageFolder(join(folder, 'train'), cropped)
  const test = await imageFolder(join(folder, part), options)
  const odd = test.classNames.find((name, i) => name !== train.classNames[i])
  if (odd === undefined && test.classNames.length === train.classNames.length)
    return { train, test }
  throw new BrickError({
    kind: 'file',
    where: join(folder, part),
    wanted: `the ${train.classNames.length} classes of ${join(folder, 'train')}`,
    got: odd === undefined ? `${test.classNames.length}` : `the class '${odd}'`,
    remedy: 'Give both folders the same class folders.',
  })
}

/** How a folder of images is opened for a network. */
export function imageFolderOptions(preprocessing: Preprocessing) {
  const { width, height, ...decoding } = decodingOf(preprocessing)
  return { size: [height, width] as const, ...decoding }
}

/** A dataset of images [1 or 3, height, width], brought to a network's size one by one. */
export class ResizedImages extends Dataset {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[] | undefined
  readonly #source: Dataset
  readonly #preprocessing: Preprocessing

  constructor(source: Dataset, preprocessing: Preprocessing) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = source.classNames
    this.#source = source
    this.#preprocessing = preprocessing
  }

  override async get(index: number): Promise<Example> {
    checkRow(this, index)
    const { input, target } = await this.#source.get(index)
    return { input: await readPixels(bytesOf(input), this.#preprocessing), target }
  }
  override labels(): ArrayLike<number> | undefined {
    return this.#source.labels()
  }
  ownRecipe(): Recipe {
    const args = [recipeOf(this.#source), this.#preprocessing]
    return { brickwork: 'recipe', module: import.meta.url, make: 'ResizedImages', args }
  }
}

/** f32 from 0 to 1 as bytes. */
function bytesOf({ dtype, shape, data }: ArrayView): ArrayView<'u8'> {
  if (dtype === 'u8') return { dtype, shape, data: data as Uint8Array }
  return { dtype: 'u8', shape, data: Uint8Array.from(data, (value) => Math.round(255 * value)) }
}
