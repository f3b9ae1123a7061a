import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { fileError } from '../files/errors.ts'
import { readAll } from '../files/open-tensors.ts'
import { parseIndex } from '../files/shards.ts'
import type { ModelSizes } from '../models/model.ts'
import { createModel } from '../models/models.ts'
import { skip } from '../nn/init/init.ts'
import type { Module } from '../nn/module/module.ts'
import { openWeights } from '../weights/formats.ts'
import { architectureOf } from './architectures.ts'
import { type Preprocessing, parseConfig } from './config.ts'
import type { HubOptions } from './options.ts'
import { openSnapshot } from './snapshot.ts'

export interface PretrainedOptions extends HubOptions {
  /** The file of the weights. Default the first that there is of model.safetensors, its index, pytorch_model.bin. */
  readonly file?: string
}

/** A published network with its weights, in evaluation mode, and what is known of it. */
export interface Pretrained {
  readonly model: Module
  /** The zoo's name of the network. */
  readonly name: string
  readonly classes: number
  readonly classNames: readonly string[] | undefined
  readonly preprocessing: Preprocessing
  /** The files that were used, by their names in the repository. */
  readonly files: Readonly<Record<string, string>>
  /** The commit of the repository; undefined for a local folder. */
  readonly commit: string | undefined
  readonly source: 'hub' | 'cache' | 'folder'
}

const CONFIG = 'config.json'
const INDEX = 'model.safetensors.index.json'
const candidates = ['model.safetensors', INDEX, 'pytorch_model.bin', 'pytorch_model.bin.index.json']

/** Gives paths of files by name, as far as they are there. */
type Get = (names: readonly string[]) => Promise<Map<string, string>>

/** See `hub.fromPretrained`. */
export async function loadPretrained(
  name: string,
  options: PretrainedOptions = {},
): Promise<Pretrained> {
  const local = await localFolder(name, options)
  if (local)
    return assemble(name, getIn(local.folder), local.file, { commit: undefined, source: 'folder' })
  const { commit, source, get } = await openSnapshot(name, options)
  return assemble(name, get, options.file, { commit, source })
}

async function assemble(
  where: string,
  get: Get,
  file: string | undefined,
  origin: Pick<Pretrained, 'commit' | 'source'>,
): Promise<Pretrained> {
  const files = await get([CONFIG, file ?? candidates[0]!])
  const configPath = files.get(CONFIG)
  if (configPath === undefined) throw lacking(where, [CONFIG])
  const config = parseConfig(await textOf(configPath), `${where}: ${CONFIG}`)
  const { model: name, mapping } = architectureOf(config.architecture, `${where}: ${CONFIG}`)
  const path = await weightsOf(where, get, files, file)
  const { classes, classNames, preprocessing } = config
  const { tensors } = await readAll(await openWeights(path))
  const sizes = { inputShape: preprocessing.inputShape, classes }
  const model = blankModel(`${where}: ${CONFIG}`, name, sizes, tensors)
  model.loadStateDict(tensors, { mapping })
  model.eval()
  return {
    model,
    name,
    classes,
    classNames,
    preprocessing,
    files: Object.fromEntries(files),
    ...origin,
  }
}

/** Elements that a network may have beyond its file, so that an error can list what they are. */
const SLACK = 2 ** 24

/**
 * The network before its weights are loaded: none are drawn, and none of sizes that are far from
 * those of the weights, whatever the configuration says.
 */
function blankModel(
  where: string,
  name: string,
  sizes: ModelSizes,
  tensors: ReadonlyMap<string, ArrayView>,
): Module {
  const most = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)
  try {
    return skip(() => createModel(name, sizes), 2 * most + SLACK)
  } catch (error) {
    throw error instanceof BrickError ? error.within(where) : error
  }
}

/** The path of the weights; whatever was fetched for them is added to `files`. */
async function weightsOf(
  where: string,
  get: Get,
  files: Map<string, string>,
  file: string | undefined,
): Promise<string> {
  for (const name of file === undefined ? candidates : [file]) {
    const path = files.get(name) ?? (await get([name])).get(name)
    if (path === undefined) continue
    files.set(name, path)
    if (name.endsWith('.index.json')) await fetchShards(where, get, files, path)
    return path
  }
  throw lacking(where, file === undefined ? candidates : [file])
}

async function fetchShards(
  where: string,
  get: Get,
  files: Map<string, string>,
  index: string,
): Promise<void> {
  const names = [...new Set(parseIndex(await textOf(index), `${where}: ${INDEX}`).values())]
  const shards = await get(names)
  const lost = names.filter((name) => !shards.has(name))
  if (lost.length > 0) throw lacking(where, lost)
  for (const [name, path] of shards) files.set(name, path)
}

const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error) => {
    throw fileError('read', path, error)
  })

const getIn =
  (folder: string): Get =>
  async (names) => {
    const found = new Map<string, string>()
    for (const name of names) {
      const path = join(folder, name)
      if ((await stat(path).catch(() => undefined))?.isFile()) found.set(name, path)
    }
    return found
  }

/** The folder (and file in it) that a name stands for, if it is no name of a repository. */
async function localFolder(
  name: string,
  { file }: PretrainedOptions,
): Promise<{ folder: string; file: string | undefined } | undefined> {
  const found = await stat(name).catch(() => undefined)
  if (found?.isDirectory()) return { folder: name, file }
  if (found) return { folder: dirname(name), file: file ?? basename(name) }
  if (isAbsolute(name) || /^\.\.?([/\\]|$)/.test(name)) {
    throw fileError('read', name, { code: 'ENOENT' })
  }
  return undefined
}

function lacking(where: string, names: readonly string[]): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted: names.length === 1 ? names[0]! : `one of ${names.join(', ')}`,
    got: 'none',
    remedy:
      'Name another repository, folder or { file }; offline, it must have been downloaded before.',
  })
}
