import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { fileError } from './errors.ts'
import { type OpenTensors, unknownName } from './open-tensors.ts'
import { RandomAccess } from './random-access.ts'
import { openSafetensors } from './tensor-file.ts'

/** More than any index that there is. */
const MAX_INDEX = 2 ** 27

/**
 * Opens a checkpoint in several files by its index (`model.safetensors.index.json`): JSON with a
 * `weight_map` that says of each array in which file beside it it lies.
 *
 * @param openShard Opens one of the files; default as safetensors.
 * @throws BrickError `file` if the index is malformed, or a file or an array that it names is not
 * there.
 * @example
 * ```ts
 * const file = await openShards('llm/model.safetensors.index.json')
 * const embedding = await file.read('model.embed_tokens.weight')
 * await file.close()
 * ```
 */
export async function openShards(
  path: string,
  openShard: (path: string) => Promise<OpenTensors> = openSafetensors,
): Promise<OpenTensors> {
  const places = parseIndex(await readIndex(path), path)
  const shards = new Map<string, OpenTensors>()
  const close = async () => {
    for (const shard of shards.values()) await shard.close()
  }
  try {
    for (const name of new Set(places.values())) {
      const shard = join(dirname(path), name)
      await stat(shard).catch((error) => {
        throw fileError('read', shard, error).within(path)
      })
      shards.set(name, await openShard(shard))
    }
    checkPlaces(places, shards, path)
  } catch (error) {
    await close()
    throw error
  }
  const names = [...places.keys()]
  const shardOf = (name: string): OpenTensors => {
    const place = places.get(name)
    return place === undefined ? unknownName({ path, names }, name) : shards.get(place)!
  }
  return {
    path,
    names,
    metadata: Object.assign({}, ...[...shards.values()].map(({ metadata }) => metadata)),
    info: (name) => shardOf(name).info(name),
    read: async (name): Promise<ArrayView> => shardOf(name).read(name),
    close,
  }
}

async function readIndex(path: string): Promise<string> {
  const file = await RandomAccess.open(path)
  try {
    if (file.size > MAX_INDEX) throw malformed(path, `at most ${MAX_INDEX} bytes`, `${file.size}`)
    return new TextDecoder().decode(await file.read(0, file.size))
  } finally {
    await file.close()
  }
}

/** The file names of an index, with `weight_map` in the index's order. */
export function parseIndex(text: string, path: string): Map<string, string> {
  let index: unknown
  try {
    index = JSON.parse(text)
  } catch (error) {
    throw malformed(path, 'JSON', (error as Error).message)
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw malformed(path, 'a weight_map: file names by name', text.slice(0, 60))
  }
  const places = Object.entries(map)
  const bad = places.find(([, file]) => !isPlainName(file))
  if (bad) throw malformed(path, `a file beside it for ${bad[0]}`, JSON.stringify(bad[1]) ?? 'none')
  return new Map(places)
}

/** A name without folders, so that an index can't reach out of its own. */
function isPlainName(file: unknown): boolean {
  return typeof file === 'string' && /^[^/\\:\0]+$/.test(file) && file !== '.' && file !== '..'
}

function checkPlaces(
  places: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, OpenTensors>,
  path: string,
): void {
  const there = new Map([...shards].map(([file, { names }]) => [file, new Set(names)]))
  const lost = [...places].filter(([name, file]) => !there.get(file)?.has(name))
  if (lost.length === 0) return
  const list = lost.map(([name, file]) => `  ${name} in ${file}\n`).join('')
  throw malformed(path, 'files that hold what the index says', `files without\n${list}`)
}

function malformed(where: string, wanted: string, got: string): BrickError {
  const remedy = 'The checkpoint is not whole: write or download it again.'
  return new BrickError({ kind: 'file', where, wanted, got, remedy })
}
