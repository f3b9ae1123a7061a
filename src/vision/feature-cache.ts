import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { cacheFolder } from '../base/folders.ts'
import { readSafetensors, writeSafetensors } from '../files/tensor-file.ts'
import type { Classifier } from './classifier.ts'
import type { FeatureOptions } from './features.ts'

/** Bytes that the cache may hold; the oldest files go first. */
const MOST = 2 ** 30

/**
 * Feature vectors of files: those that were computed before, if neither network, layer nor files
 * have changed, or new ones, which are kept in the user's cache folder.
 */
export async function cachedFeatures(
  network: Classifier,
  files: readonly string[],
  options: FeatureOptions,
  compute: () => Promise<ArrayView<'f32'>>,
  most = MOST,
): Promise<ArrayView<'f32'>> {
  const folder = join(cacheFolder(), 'features')
  const path = join(folder, `${await keyOf(network, files, options)}.safetensors`)
  if (existsSync(path)) {
    const { tensors } = await readSafetensors(path)
    const kept = tensors.get('features')
    if (kept?.shape[0] === files.length) return kept as ArrayView<'f32'>
  }
  const features = await compute()
  await writeSafetensors(path, [['features', features]])
  await removeOldest(folder, most)
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

/** Removes the files that were written first until the rest holds no more than so many bytes. */
async function removeOldest(folder: string, most: number): Promise<void> {
  const names = await readdir(folder)
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      // Another process may have removed it.
      const { size = 0, mtimeMs = 0 } = (await stat(path).catch(() => undefined)) ?? {}
      return { path, size, mtimeMs }
    }),
  )
  let total = 0
  for (const { path, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    total += size
    if (total > most) await rm(path, { force: true })
  }
}
