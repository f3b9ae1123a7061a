import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import type { Dataset } from '../data/dataset.ts'
import { drawGallery, type GalleryImage, type GalleryOptions } from '../plot/gallery.ts'

export interface PredictionOptions extends GalleryOptions {
  /** Wrong and right predictions, at most so many of each. Default 20. */
  readonly each?: number
}

/**
 * A PNG with wrong and right predictions: images of a dataset of classes, and the class that has
 * the highest score. In Node.
 *
 * @param scores [n, classes], in the dataset's order: what `train.predict` gives.
 * @throws BrickError `shape` for scores of other examples, `argument` without labels, `shape` for examples that are no images
 * [1 or 3, height, width].
 * @example
 * ```ts
 * const scores = await train.predict(model, test)
 * const png = await train.predictionGallery(test, scores, { each: 10 })
 * ```
 */
export async function predictionGallery(
  dataset: Dataset,
  scores: ArrayView<'f32'>,
  { each = 20, ...options }: PredictionOptions = {},
): Promise<Uint8Array> {
  const { length, classNames } = dataset
  const labels = labelsOf(dataset)
  const predicted = highestScores(dataset, scores)
  const nameOf = (label: number) => classNames?.[label] ?? `${label}`
  const section = async (what: string, isRight: boolean) => {
    const rows = [...predicted.keys()].filter((i) => (labels[i] === predicted[i]) === isRight)
    const images = rows.slice(0, each).map(async (i): Promise<GalleryImage> => {
      const [label, guess] = [nameOf(labels[i]!), nameOf(predicted[i]!)]
      const { input } = await dataset.get(i)
      return { image: input, label, predicted: guess }
    })
    return { title: `${what}: ${rows.length} of ${length}`, images: await Promise.all(images) }
  }
  return drawGallery([await section('wrong', false), await section('right', true)], options)
}

/** @throws BrickError `argument` for a dataset that knows no labels. */
function labelsOf(dataset: Dataset): ArrayLike<number> {
  const labels = dataset.labels()
  if (labels) return labels
  throw new BrickError({
    kind: 'argument',
    where: `train.predictionGallery: ${dataset.name}`,
    wanted: 'a dataset of classes, with labels()',
    got: 'one without labels',
  })
}

/** For each example of a dataset the class with the highest score. */
export function highestScores(
  { name, length }: Dataset,
  { shape, data }: ArrayView<'f32'>,
): Int32Array {
  const [examples, classes] = shape
  if (shape.length !== 2 || examples !== length) {
    throw new BrickError({
      kind: 'shape',
      where: 'train.predictionGallery: scores',
      wanted: `[${length}, classes] for the examples of ${name}`,
      got: showShape(shape),
      remedy: 'Pass what train.predict gives for this dataset.',
    })
  }
  return Int32Array.from({ length }, (_, i) => {
    const row = data.subarray(i * classes!, (i + 1) * classes!)
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)))
  })
}
