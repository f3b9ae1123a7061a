import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import { type Archive, type ArchiveFile, type ArchiveOptions, archiveFile } from './archive.ts'
import { ArrayDataset } from './array-dataset.ts'
import type { TrainAndTest } from './digits.ts'
import { parseIdx } from './idx.ts'

/** A dataset in the four IDX files that MNIST made usual. */
export interface IdxArchive extends Archive {
  readonly classNames: readonly string[]
  readonly train: { readonly images: ArchiveFile; readonly labels: ArchiveFile }
  readonly test: { readonly images: ArchiveFile; readonly labels: ArchiveFile }
}

/** The files' usual names with the SHA-256 of each content. */
function fourFiles(
  trainImages: string,
  trainLabels: string,
  testImages: string,
  testLabels: string,
): Pick<IdxArchive, 'train' | 'test'> {
  return {
    train: {
      images: { name: 'train-images-idx3-ubyte.gz', sha256: trainImages },
      labels: { name: 'train-labels-idx1-ubyte.gz', sha256: trainLabels },
    },
    test: {
      images: { name: 't10k-images-idx3-ubyte.gz', sha256: testImages },
      labels: { name: 't10k-labels-idx1-ubyte.gz', sha256: testLabels },
    },
  }
}

const mnistArchive: IdxArchive = {
  name: 'mnist',
  classNames: Array.from({ length: 10 }, (_, digit) => `${digit}`),
  mirrors: [
    'https://ossci-datasets.s3.amazonaws.com/mnist',
    'https://storage.googleapis.com/cvdf-datasets/mnist',
  ],
  ...fourFiles(
    'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  ),
}

const fashionArchive: IdxArchive = {
  name: 'fashion-mnist',
  classNames: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  mirrors: [
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com',
    'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion',
  ],
  ...fourFiles(
    'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
    'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
    '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
    '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
  ),
}

/**
 * MNIST: 60,000 handwritten digits to train, 10,000 to test. Inputs u8 `[n, 1, 28, 28]` (0 is
 * paper), targets i32 `[n]`. The files are taken from `BRICKWORK_DATA/mnist`, else from the user's
 * cache folder, else downloaded into it once (12 MB).
 *
 * Source: LeCun, Cortes, Burges, “The MNIST database of handwritten digits”, 1998.
 *
 * @throws BrickError `file` for a file that is damaged or can't be written, `network` if no mirror
 * can be reached.
 * @example
 * ```ts
 * const { train, test } = await mnist()
 * train.inputs.shape // [60000, 1, 28, 28]
 * ```
 */
export function mnist(options: ArchiveOptions = {}): Promise<TrainAndTest> {
  return loadIdx(mnistArchive, options)
}

/**
 * Fashion-MNIST: as {@link mnist}, with ten kinds of clothing (31 MB to download).
 *
 * Source: Xiao, Rasul, Vollgraf, “Fashion-MNIST: a novel image dataset”, 2017 (MIT licence).
 *
 * @throws BrickError as {@link mnist}.
 * @example
 * ```ts
 * const { train } = await fashionMnist()
 * train.classNames?.[9] // 'Ankle boot'
 * ```
 */
export function fashionMnist(options: ArchiveOptions = {}): Promise<TrainAndTest> {
  return loadIdx(fashionArchive, options)
}

/** Both parts of a dataset in IDX files. */
export async function loadIdx(
  archive: IdxArchive,
  options: ArchiveOptions = {},
): Promise<TrainAndTest> {
  return {
    train: await loadPart(archive, 'train', options),
    test: await loadPart(archive, 'test', options),
  }
}

async function loadPart(
  archive: IdxArchive,
  part: 'train' | 'test',
  options: ArchiveOptions,
): Promise<ArrayDataset> {
  const files = archive[part]
  const images = await archiveFile(archive, files.images, options)
  const labels = await archiveFile(archive, files.labels, options)
  const { shape, data } = parseIdx(images.content, images.path, 3)
  const targets = parseIdx(labels.content, labels.path, 1)
  const [count, ...size] = shape
  if (count !== targets.shape[0]) {
    throw new BrickError({
      kind: 'file',
      where: labels.path,
      wanted: `${count} labels for the images ${showShape(shape)} of ${images.path}`,
      got: `${targets.shape[0]}`,
      remedy: 'Take both files from the same source.',
    })
  }
  return new ArrayDataset({
    name: `${archive.name}/${part}`,
    inputs: { dtype: 'u8', shape: [count!, 1, ...size], data },
    targets: { dtype: 'i32', shape: [count!], data: Int32Array.from(targets.data) },
    classNames: archive.classNames,
  })
}
