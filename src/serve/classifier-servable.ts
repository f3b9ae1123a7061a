import { basename } from 'node:path'
import { normalizer } from '../data/normalize.ts'
import type { Classifier } from '../vision/classifier.ts'
import { readPixels } from '../vision/preprocessing.ts'
import { servableOf } from './model-servable.ts'
import type { ImageSide, Servable } from './servable.ts'

export interface ClassifierOptions {
  /** Larger images are refused: they come from strangers, and some unpack to gigabytes. Default 2²⁶. */
  readonly maxPixels?: number
}

/**
 * A classifier of images as what a server runs: its own preprocessing for images that come as files.
 *
 * @throws BrickError as the model's operations do.
 * @example
 * ```ts
 * const server = await serve(async (version) =>
 *   servableClassifier(await vision.load('runs/lenet-digits-1'), version),
 * )
 * ```
 */
export function servableClassifier(
  classifier: Classifier,
  version: string,
  { maxPixels = 2 ** 26 }: ClassifierOptions = {},
): Promise<Servable> {
  const { name, model, inputShape, batch } = classifier
  return servableOf(model, {
    // Names are parts of addresses; some networks are called by their path.
    name: basename(name.replace(/\.(?:onnx|safetensors)$/, '')).replaceAll(/[^\w.:-]/g, '_'),
    version,
    inputShape,
    ...(batch === undefined ? {} : { batch }),
    image: imageSideOf(classifier, maxPixels),
  })
}

function imageSideOf(classifier: Classifier, maxPixels: number): ImageSide {
  const { classNames, output, preprocessing, inputShape: shape } = classifier
  const copy = normalizer({ dtype: 'u8', shape }, preprocessing.normalize)
  return {
    classNames,
    output,
    decode: async (bytes) => {
      const pixels = await readPixels(bytes, preprocessing, { maxPixels })
      const data = new Float32Array(pixels.data.length)
      copy(pixels.data, 0, data, 0)
      return { dtype: 'f32', shape, data }
    },
  }
}
