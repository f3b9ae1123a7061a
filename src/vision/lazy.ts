import type { ArrayView } from '../base/array.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Module } from '../nn/module/module.ts'
import type { Classifier } from './classifier.ts'
import type { ClassificationReport } from './evaluation.ts'
import type { ComputeFeaturesOptions, FeatureFile } from './feature-file.ts'
import type { ImageSets, ImageSetsOptions } from './image-sets.ts'
import type { LabelledFolderOptions } from './labelled-folder.ts'
import type { LoadClassifierOptions } from './load.ts'
import type { NeighbourIndex, NeighbourOptions } from './neighbours.ts'
import type { LabelledImage } from './picture.ts'
import type { Preprocessing } from './preprocessing.ts'
import type { SimilarImage, SimilarOptions } from './similar.ts'
import type { SimilarSubject } from './similar-page.ts'

// These read and write files: they are fetched when called, so that browsers need none of Node.

/**
 * A network with its weights, ready to classify images: a run folder; a network of the zoo with
 * published ImageNet weights (`squeezenet1_1`, `resnet18`), or with `weights` from a file; a repository
 * of the hub, or a folder like one; an ONNX file; a safetensors file that `brickwork export` wrote.
 * Class names, preprocessing and size that are given stand above what the source says of them.
 *
 * @throws BrickError `unknown` for what is none of these, `argument` for an option of another kind of
 * source, `file` for damaged files, `network` if a download fails.
 * @example
 * ```ts
 * const network = await vision.load('squeezenet1_1')
 * const [guesses] = await network.classify(['samoyed.jpg'])
 * ```
 */
export async function load(source: string, options?: LoadClassifierOptions): Promise<Classifier> {
  return (await import('./load.ts')).load(source, options)
}

/**
 * Labelled images of a folder in ImageNet's layout: `train/<class>/…` and `val/<class>/…` (or
 * `validation`, `test`); or `<class>/…` alone, of which a fifth of each class is kept back. They
 * are decoded as a network's preprocessing says when they are asked for.
 *
 * @throws BrickError `file` for a folder that can't be read, and where the parts' classes differ.
 * @example
 * ```ts
 * const { train, test } = await vision.imageSets('flowers', vision.imagenetPreprocessing(128))
 * ```
 */
export async function imageSets(
  folder: string,
  preprocessing: Preprocessing,
  options?: ImageSetsOptions,
): Promise<ImageSets> {
  return (await import('./image-sets.ts')).imageSets(folder, preprocessing, options)
}

/**
 * A folder of images in class folders, labelled with a network's own classes: by name, synonym or id
 * (`tabby`, `n02123045`).
 *
 * @throws BrickError `file` for a folder that can't be read, `argument` for one that is no class.
 * @example
 * ```ts
 * const report = await vision.evaluate(network, await vision.labelledFolder('imagenet/val', network))
 * report.top5 // 0.81
 * ```
 */
export async function labelledFolder(
  folder: string,
  network: Classifier,
  options?: LabelledFolderOptions,
): Promise<Dataset> {
  return (await import('./labelled-folder.ts')).labelledFolder(folder, network, options)
}

/**
 * A PNG of images, each beside the names and probabilities of its likeliest classes.
 *
 * @throws BrickError `file` for an image that is missing or damaged.
 * @example
 * ```ts
 * const [guesses] = await network.classify(['samoyed.jpg'])
 * const png = await vision.labelledPicture([{ image: 'samoyed.jpg', guesses }])
 * ```
 */
export async function labelledPicture(images: readonly LabelledImage[]): Promise<Uint8Array> {
  return (await import('./picture.ts')).labelledPicture(images)
}

/**
 * A PNG of the images that a network is most wrong about, each with its class and what it was taken
 * for.
 *
 * @example
 * ```ts
 * const png = await vision.mistakesGallery(test, await vision.evaluate(network, test), network.classNames)
 * ```
 */
export async function mistakesGallery(
  dataset: Dataset,
  report: Pick<ClassificationReport, 'mistakes' | 'examples'>,
  classNames: readonly string[],
  options?: { readonly each?: number },
): Promise<Uint8Array> {
  return (await import('./mistakes.ts')).mistakesGallery(dataset, report, classNames, options)
}

/**
 * The images of a folder that a network finds most similar to another one, by their feature vectors.
 *
 * @throws BrickError `file` for images that are missing or damaged, or a folder without any.
 * @example
 * ```ts
 * const [nearest] = await vision.similarImages(network, 'cat.jpg', 'photos', { metric: 'cosine' })
 * ```
 */
export async function similarImages(
  network: Classifier,
  query: string,
  folder: string,
  options?: SimilarOptions,
): Promise<SimilarImage[]> {
  return (await import('./similar.ts')).similarImages(network, query, folder, options)
}

/**
 * What was found similar, as an HTML page that holds its images.
 *
 * @throws BrickError `file` for an image that is missing or damaged.
 * @example
 * ```ts
 * const found = await vision.similarImages(network, 'cat.jpg', 'photos')
 * const html = await vision.similarPage({ query: 'cat.jpg', found, by: 'squeezenet1_1' })
 * ```
 */
export async function similarPage(subject: SimilarSubject): Promise<string> {
  return (await import('./similar-page.ts')).similarPage(subject)
}

/**
 * What was found similar (the first 120 images), as one PNG.
 *
 * @throws BrickError `file` for an image that is missing or damaged.
 * @example
 * ```ts
 * const found = await vision.similarImages(network, 'cat.jpg', 'photos')
 * const png = await vision.contactSheet({ query: 'cat.jpg', found, by: 'squeezenet1_1' })
 * ```
 */
export async function contactSheet(subject: SimilarSubject): Promise<Uint8Array> {
  return (await import('./similar-page.ts')).contactSheet(subject)
}

/**
 * Prepares vectors [n, d] for finding those nearest to others: exactly, or among more than 50,000
 * approximately.
 *
 * @throws BrickError `shape` for what is no list of vectors.
 * @example
 * ```ts
 * const vectors = { dtype: 'f32' as const, shape: [3, 2], data: Float32Array.of(0, 0, 3, 4, 1, 1) }
 * const index = await vision.neighbourIndex(vectors)
 * index.nearest(Float32Array.of(3, 3), 1)[0].index // 1
 * ```
 */
export async function neighbourIndex(
  vectors: ArrayView<'f32'>,
  options?: NeighbourOptions,
): Promise<NeighbourIndex> {
  return (await import('./neighbours.ts')).neighbourIndex(vectors, options)
}

/**
 * Runs a frozen part of a network over a dataset with labels, once, and keeps what it gives in a
 * file: the dataset to train a new last layer on.
 *
 * @throws BrickError `file` if it can't be written, `interrupted` by the signal.
 * @example
 * ```ts
 * const { classifier, head } = vision.transfer(network, { classNames: flowers.classNames })
 * const { model, inputShape, preprocessing } = classifier
 * const trunk = vision.trunkOf(model, inputShape)
 * const { normalize } = preprocessing
 * const features = await vision.computeFeatures(trunk, flowers, 'features.f32', { normalize })
 * await train.fit(head, features, { loss: nn.crossEntropy, optimizer: optim.adam(), epochs: 10 })
 * ```
 */
export async function computeFeatures(
  trunk: Module,
  dataset: Dataset,
  path: string,
  options: ComputeFeaturesOptions,
): Promise<FeatureFile> {
  return (await import('./feature-file.ts')).computeFeatures(trunk, dataset, path, options)
}
