import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { cacheFolder } from '../base/folders.ts'
import { imagesIn } from '../data/readers/image-folder.ts'
import { readSafetensors, writeSafetensors } from '../files/tensor-file.ts'
import type { Classifier } from './classifier.ts'
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
async function featuresOfFiles(
  network: Classifier,
  files: readonly string[],
  options: FeatureOptions,
  { onCompute, onProgress }: { [K in 'onCompute' | 'onProgress']: SimilarOptions[K] | undefined },
): Promise<ArrayView<'f32'>> {
  const name = `${await keyOf(network, files, options)}.safetensors`
  const path = join(cacheFolder(), 'features', name)
  if (existsSync(path)) {
    const { tensors } = await readSafetensors(path)
    const kept = tensors.get('features')
    if (kept?.shape[0] === files.length) return kept as ArrayView<'f32'>
  }
  onCompute?.(files.length)
  const told = onProgress === undefined ? {} : { onProgress }
  const features = await network.features(files, { ...options, ...told })
  await writeSafetensors(path, [['features', features]])
  return features
}

/** Says of which weights, layer and files features are. */
async function keyOf(
  { name, model, preprocessing }: Classifier,
  files: readonly string[],
  options: FeatureOptions,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([name, preprocessing, options]))
  for (const [key, state] of Object.entries(model.stateDict())) {
    const { buffer, byteOffset, byteLength } = await state.data()
    hash.update(key).update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  for (const file of files) {
    const { size, mtimeMs } = await stat(file)
    hash.update(JSON.stringify([resolve(file), size, mtimeMs]))
  }
  return hash.digest('hex').slice(0, 32)
}
