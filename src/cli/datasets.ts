import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { sameShape } from '../base/shape.ts'
import type { BatchTransform } from '../data/batch-maker.ts'
import type { Dataset, Gatherer } from '../data/dataset.ts'
import { digits } from '../data/digits.ts'
import { colorJitter } from '../data/images/color.ts'
import { compose } from '../data/images/compose.ts'
import { randomHorizontalFlip } from '../data/images/crops.ts'
import { randomAffine } from '../data/images/geometric.ts'
import type { ImageFolderOptions } from '../data/readers/image-folder.ts'
import { type ImageSets, imageSets, ResizedImages } from '../vision/image-sets.ts'
import {
  datasetPreprocessing,
  imagenetPreprocessing,
  inputShapeOf,
  type Preprocessing,
  resized,
} from '../vision/preprocessing.ts'

/** Images that the command line can learn, and what works well with them. */
export interface DataSource {
  readonly name: string
  readonly defaults: { readonly epochs: number; readonly batch: number; readonly lr: number }
  /** A set that is larger, if one is to be tried next. */
  readonly larger?: string
  /** How images become inputs of a network that is trained from scratch; at another size if it is given. */
  preprocessing(size?: number): Promise<Preprocessing>
  /** The preprocessing of a pretrained network, as it suits these images. */
  suited(preprocessing: Preprocessing): Preprocessing
  /** The images as a network takes them; those to learn from changed at random, as far as that is done while they are decoded. */
  load(preprocessing: Preprocessing, options?: LoadOptions): Promise<ImageSets>
  /** Random changes after which an image is still of its class: for `--augment`. */
  augment(): BatchTransform
}

export interface LoadOptions {
  readonly augments?: boolean
  /** Is told of images that can't be decoded, which are left out then; else they end what reads them. */
  readonly onSkip?: ImageFolderOptions['onSkip']
}

interface DatasetRecord extends Pick<DataSource, 'defaults' | 'larger' | 'augment'> {
  load(): Promise<{ readonly train: Dataset & Gatherer; readonly test: Dataset }>
  /** Whether its images are bright ink on black, so that a photo of a digit can be brought into that form. */
  readonly isInk: boolean
}

/** Handwriting, turned, moved, stretched and slanted a little. */
const slanted = (translate: number): BatchTransform =>
  randomAffine({ degrees: 10, translate: [translate, translate], scale: [0.9, 1.1], shear: 8 })

/** Clothes, turned around and moved a little. */
const turned = (): BatchTransform =>
  compose(randomHorizontalFlip(), randomAffine({ translate: [0.06, 0.06], scale: [0.93, 1.07] }))

/** Signs, moved and turned a little, in other light; none is turned around: left is not right. */
const signs = (): BatchTransform =>
  compose(
    randomAffine({ degrees: 8, translate: [0.08, 0.08], scale: [0.9, 1.1] }),
    colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.2 }),
  )

const records: Readonly<Record<string, DatasetRecord>> = {
  digits: {
    load: digits,
    defaults: { epochs: 20, batch: 32, lr: 2e-3 },
    larger: 'mnist',
    isInk: true,
    augment: () => slanted(0.06),
  },
  mnist: {
    load: async () => (await import('../data/mnist.ts')).mnist(),
    defaults: { epochs: 3, batch: 64, lr: 1e-3 },
    larger: 'fashion-mnist',
    isInk: true,
    augment: () => slanted(0.08),
  },
  'fashion-mnist': {
    load: async () => (await import('../data/mnist.ts')).fashionMnist(),
    defaults: { epochs: 5, batch: 64, lr: 1e-3 },
    isInk: true,
    augment: turned,
  },
  'traffic-signs': {
    load: async () => (await import('../data/sets/traffic-signs.ts')).trafficSigns(),
    defaults: { epochs: 20, batch: 32, lr: 1e-3 },
    isInk: false,
    augment: signs,
  },
}

/** Names for `--data`; it takes a folder, too. */
export const datasetNames: readonly string[] = Object.keys(records)

/**
 * What a name or a folder of images stands for.
 *
 * @throws BrickError `unknown`.
 */
export function dataSource(name: string): DataSource {
  if (Object.hasOwn(records, name)) return namedSource(name, records[name]!)
  if (existsSync(name) && statSync(name).isDirectory()) return folderSource(resolve(name))
  const near = nearest(name, datasetNames)
  throw new BrickError({
    kind: 'unknown',
    where: 'data',
    got: `'${name}'`,
    wanted: `${datasetNames.join(', ')}, or a folder with a folder of images for each class`,
    ...(near === undefined ? {} : { remedy: `Did you mean '${near}'?` }),
  })
}

function namedSource(name: string, { isInk, load, ...record }: DatasetRecord): DataSource {
  return {
    ...record,
    name,
    async preprocessing(size) {
      const { train } = await load()
      const own = datasetPreprocessing(train, isInk)
      return size === undefined ? own : resized(own, size)
    },
    // They are cut to their object already.
    suited: (preprocessing) => ({ ...preprocessing, resize: null }),
    async load(preprocessing) {
      const sets = await load()
      const isAsItIs = sameShape(sets.train.input.shape, inputShapeOf(preprocessing))
      if (isAsItIs && preprocessing.channels !== 'bgr') return sets
      const fitted = (part: ImageSets['train']) => new ResizedImages(part, preprocessing)
      return { train: fitted(sets.train), test: fitted(sets.test) }
    },
  }
}

const FOLDER_SIZE = 224

function folderSource(folder: string): DataSource {
  return {
    name: folder,
    defaults: { epochs: 20, batch: 32, lr: 1e-3 },
    preprocessing: async (size = FOLDER_SIZE) => imagenetPreprocessing(size),
    suited: (preprocessing) => preprocessing,
    load: (preprocessing, { augments = false, onSkip } = {}) =>
      imageSets(folder, preprocessing, {
        ...(augments ? { randomCrop: { scale: [0.35, 1] } } : {}),
        ...(onSkip ? { corrupt: 'skip', onSkip } : {}),
      }),
    augment: () => randomHorizontalFlip(),
  }
}

/** @throws BrickError `argument` for images whose classes have no names. */
export function classNamesOf({ name, classNames }: Dataset): readonly string[] {
  if (classNames) return classNames
  throw new BrickError({ kind: 'argument', where: name, wanted: 'class names', got: 'none' })
}
