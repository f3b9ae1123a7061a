import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { checkWhole } from '../data/check.ts'
import type { ImageSource } from '../data/readers/image.ts'
import type { Module } from '../nn/module/module.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { predict } from '../train/predict.ts'
import { type FeatureOptions, featuresOf } from './features.ts'
import { ImageFiles } from './image-files.ts'
import { inputShapeOf, type Preprocessing } from './preprocessing.ts'

/** A class that an image may show. */
export interface Guess {
  readonly name: string
  /** The class's number. */
  readonly label: number
  readonly probability: number
}

export interface ClassifierParts {
  /** As messages and reports name it: `squeezenet1_1`. */
  readonly name: string
  /** Its name in the zoo, if it is a network of the zoo. */
  readonly architecture?: string | undefined
  /** Images [n, channels, height, width] → scores of the classes [n, classes, …]. */
  readonly model: Module
  readonly classNames: readonly string[]
  /** Other names of the classes, such as WordNet's numbers for ImageNet's: n02111889. */
  readonly classIds?: readonly string[] | undefined
  readonly preprocessing: Preprocessing
  /** What the model returns: scores (default), whose softmax are probabilities, or these. */
  readonly output?: 'scores' | 'probabilities'
  /** Images that the model takes at once, if it takes no other number. */
  readonly batch?: number | undefined
}

export interface ClassifyOptions {
  /** Classes an image, the likeliest first (default 5). */
  readonly top?: number
}

/** Beyond so many images, they are computed in batches of that size; fewer go one by one. */
const BATCH = 16

/** A network that says what images show: with its weights, the names of its classes and its preprocessing. */
export class Classifier {
  readonly name: string
  readonly architecture: string | undefined
  readonly model: Module
  readonly classNames: readonly string[]
  readonly classIds: readonly string[] | undefined
  readonly preprocessing: Preprocessing
  readonly output: 'scores' | 'probabilities'
  readonly batch: number | undefined

  constructor(parts: ClassifierParts) {
    this.name = parts.name
    this.architecture = parts.architecture
    this.model = parts.model
    this.classNames = parts.classNames
    this.classIds = parts.classIds
    this.preprocessing = parts.preprocessing
    this.output = parts.output ?? 'scores'
    this.batch = parts.batch
    this.model.eval()
  }

  /** The shape of one input: [channels, height, width]. */
  get inputShape(): readonly [number, number, number] {
    return inputShapeOf(this.preprocessing)
  }

  /** The probabilities [n, classes] of what the model returned. */
  probabilitiesOf(output: Tensor): Tensor {
    const flat = output.flatten(1)
    return this.output === 'scores' ? flat.softmax(-1) : flat
  }

  /**
   * What images show.
   *
   * @param images Files, or their contents.
   * @returns For each image its likeliest classes.
   * @throws BrickError `file` for an image that is missing or damaged, `argument` for what is none.
   * @example
   * ```ts
   * const network = await vision.load('squeezenet1_1')
   * const [guesses] = await network.classify(['samoyed.jpg'])
   * guesses[0].name // 'Samoyed, Samoyede'
   * ```
   */
  async classify(
    images: readonly ImageSource[],
    options: ClassifyOptions = {},
  ): Promise<Guess[][]> {
    const { top = 5 } = options
    checkWhole('classify', 'top', top, 1)
    if (images.length === 0) return []
    const { shape, data } = await this.probabilities(images)
    const [, classes = 0] = shape
    return images.map((_, i) => this.guesses(data.subarray(i * classes, (i + 1) * classes), top))
  }

  /** Probabilities [n, classes] of images. */
  async probabilities(images: readonly ImageSource[]): Promise<ArrayView<'f32'>> {
    const found = await predict(this.model, this.filesOf(images), {
      normalize: this.preprocessing.normalize,
      batchSize: this.batch ?? batchFor(images.length),
      output: (scores) => this.probabilitiesOf(scores),
    })
    if (found.shape[1] !== this.classNames.length) throw this.otherClasses(found.shape[1])
    return firstRows(found, images.length)
  }

  /**
   * Feature vectors [n, features] of images: what a layer makes of them (by default what the last
   * one with weights gets), averaged over the places of the image.
   *
   * @throws BrickError `file` for an image, `argument` for a layer that the model does not have.
   */
  async features(
    images: readonly ImageSource[],
    options: FeatureOptions = {},
  ): Promise<ArrayView<'f32'>> {
    const found = await featuresOf(this.model, this.filesOf(images), {
      ...options,
      inputShape: this.inputShape,
      normalize: this.preprocessing.normalize,
      batchSize: this.batch ?? batchFor(images.length),
    })
    return firstRows(found, images.length)
  }

  /** The likeliest of the classes. */
  guesses(probabilities: ArrayLike<number>, top = 5): Guess[] {
    const all = Array.from(probabilities, (probability, label) => ({
      name: this.classNames[label]!,
      label,
      probability,
    }))
    return all.sort((a, b) => b.probability - a.probability).slice(0, top)
  }

  /** The images; with the last one repeated, where the model takes them by so many only. */
  private filesOf(images: readonly ImageSource[]): ImageFiles {
    if (!Array.isArray(images)) {
      const wanted = 'a list of images'
      const remedy = 'Put a single one into a list, too: [image].'
      throw new BrickError({ kind: 'argument', where: this.name, wanted, got: `${images}`, remedy })
    }
    const rest = this.batch ? -images.length % this.batch : 0
    const filling = rest ? new Array<ImageSource>(this.batch! + rest).fill(images.at(-1)!) : []
    return new ImageFiles([...images, ...filling], this.preprocessing)
  }

  private otherClasses(got: number | undefined): BrickError {
    return new BrickError({
      kind: 'shape',
      where: this.name,
      wanted: `scores of ${this.classNames.length} classes, as many as there are names`,
      got: `${got}`,
      remedy: 'Give the names of all classes, in their order.',
    })
  }
}

/** One program for few images, another for many. */
const batchFor = (images: number): number => (images < BATCH ? 1 : BATCH)

function firstRows({ dtype, shape, data }: ArrayView<'f32'>, n: number): ArrayView<'f32'> {
  const [rows = 0, ...row] = shape
  return { dtype, shape: [n, ...row], data: data.subarray(0, (data.length / rows) * n) }
}
