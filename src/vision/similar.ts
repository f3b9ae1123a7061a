import { resolve } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { imagesIn } from '../data/readers/image-folder.ts'
import type { Classifier } from './classifier.ts'
import { cachedFeatures } from './feature-cache.ts'
import type { FeatureOptions } from './features.ts'
import { type Metric, neighbourIndex } from './neighbours.ts'

export interface SimilarOptions extends FeatureOptions {
  readonly metric?: Metric
  /** Images to find (default 12). */
  readonly top?: number
  /** Is told when features must be computed, and of how many images. */
  readonly onCompute?: (images: number) => void
}

/** An image of a folder, and how far its features are from the query's. */
export interface SimilarImage {
  readonly path: string
  readonly distance: number
}

/**
 * The images of a folder (and the folders in it) that a network finds most similar to another one: by
 * the distance of their feature vectors. The folder's vectors are kept in the user's cache folder
 * until network, layer or images change.
 *
 * @throws BrickError `file` for images that are missing or damaged, or a folder without any.
 */
export async function similarImages(
  network: Classifier,
  query: string,
  folder: string,
  { metric = 'cosine', top = 12, onCompute, onProgress, ...features }: SimilarOptions = {},
): Promise<SimilarImage[]> {
  const files = await imagesIn(folder)
  if (files.length === 0) {
    const parts = { kind: 'file', where: folder, wanted: 'images', got: 'none' } as const
    throw new BrickError({ ...parts, remedy: 'Check the path.' })
  }
  const own = await network.features([query], features)
  const all = await featuresOfFiles(network, files, features, { onCompute, onProgress })
  const index = await neighbourIndex(all, { metric })
  return index
    .nearest(own.data, top + 1)
    .map(({ index, distance }) => ({ path: files[index]!, distance }))
    .filter(({ path }) => resolve(path) !== resolve(query))
    .slice(0, top)
}

/** Feature vectors of files, as they were computed before if nothing has changed. */
function featuresOfFiles(
  network: Classifier,
  files: readonly string[],
  options: FeatureOptions,
  { onCompute, onProgress }: { [K in 'onCompute' | 'onProgress']: SimilarOptions[K] | undefined },
): Promise<ArrayView<'f32'>> {
  return cachedFeatures(network, files, options, () => {
    onCompute?.(files.length)
    const told = onProgress === undefined ? {} : { onProgress }
    return network.features(files, { ...options, ...told })
  })
}
