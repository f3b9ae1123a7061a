import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { checkRow, Dataset, type Example } from '../data/dataset.ts'
import { type ImageFolderOptions, imageFolder } from '../data/readers/image-folder.ts'
import { portable, type Recipe, recipeOf } from '../data/recipe.ts'
import { decodingOf, type Preprocessing, readPixels, turnPixels } from './preprocessing.ts'

/** Labelled images to learn from, and others to test with. */
export interface ImageSets {
  readonly train: Dataset
  readonly test: Dataset
}

/** How much of a folder without a part for tests is kept back. */
const TEST_SHARE = 0.2
/** Of so many images, that share is one. */
const FEWEST = 3
const testFolders = ['val', 'valid', 'validation', 'test']

export interface ImageSetsOptions {
  /** Which images are kept back, where the folder does not say. Default 0. */
  readonly seed?: number
  readonly corrupt?: 'refuse' | 'skip'
  /** Is told of each image that is skipped. */
  readonly onSkip?: ImageFolderOptions['onSkip']
  /** Images to learn from are parts of random area and shape: see `data.imageFolder`. */
  readonly randomCrop?: ImageFolderOptions['randomCrop']
}

/**
 * Labelled images of a folder in ImageNet's layout, decoded as a network's preprocessing says when
 * they are asked for: `train/<class>/…` and `val/<class>/…` (or `validation`, `test`); or
 * `<class>/…` alone, of which a fifth of each class is kept back.
 *
 * @throws BrickError `file` for a folder that can't be read, has no classes or too few images, and
 * where the parts' classes differ.
 */
export async function imageSets(
  folder: string,
  preprocessing: Preprocessing,
  { seed = 0, randomCrop, ...options }: ImageSetsOptions = {},
): Promise<ImageSets> {
  const cropped = randomCrop ? { ...options, randomCrop } : options
  const opened = (path: string, own: FolderOptions) => networkFolder(path, preprocessing, own)
  const part = testFolders.find((name) => existsSync(join(folder, name)))
  if (!existsSync(join(folder, 'train')) || part === undefined) {
    const parts = async (own: FolderOptions) => fifthKept(await opened(folder, own), seed)
    return { train: (await parts(cropped))[0]!, test: (await parts(options))[1]! }
  }
  const train = await opened(join(folder, 'train'), cropped)
  const test = await opened(join(folder, part), options)
  checkSameClasses(train, test)
  return { train, test }
}

/** What is learnt from, and the fifth of each class that is kept back. */
function fifthKept(images: Dataset, seed: number): Dataset[] {
  if (images.length >= FEWEST) {
    return images.split([1 - TEST_SHARE, TEST_SHARE], { seed, stratified: true })
  }
  throw new BrickError({
    kind: 'file',
    where: images.name,
    wanted: `${FEWEST} images or more, a fifth of which is kept back to test`,
    got: `${images.length}`,
    remedy: 'Add images, or sort them into train/<class>/ and val/<class>/.',
  })
}

function checkSameClasses(train: Dataset, test: Dataset): void {
  const [known = [], tested = []] = [train.classNames, test.classNames]
  const odd = tested.find((name, i) => name !== known[i])
  if (odd === undefined && tested.length === known.length) return
  throw new BrickError({
    kind: 'file',
    where: test.name,
    wanted: `the ${known.length} classes of ${train.name}`,
    got: odd === undefined ? `${tested.length}` : `the class '${odd}'`,
    remedy: 'Give both folders the same class folders.',
  })
}

type FolderOptions = Pick<ImageFolderOptions, 'corrupt' | 'onSkip' | 'randomCrop'>

/** A folder with a folder of images for each class, read as a network's preprocessing says. */
export async function networkFolder(
  path: string,
  preprocessing: Preprocessing,
  options: FolderOptions = {},
): Promise<Dataset> {
  const { width, height, ...decoding } = decodingOf(preprocessing)
  const images = await imageFolder(path, { size: [height, width], ...decoding, ...options })
  const { ink, channels } = preprocessing
  return ink || channels === 'bgr' ? images.map(turned(preprocessing)) : images
}

/** Turns an example's pixels as {@link turnPixels} does; other threads make it again. */
export function turned(preprocessing: Preprocessing): (example: Example) => Example {
  const change = (example: Example) => {
    turnPixels(example.input as ArrayView<'u8'>, preprocessing)
    return example
  }
  return portable(change, import.meta.url, 'turned', () => [preprocessing])
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
