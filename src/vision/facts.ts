import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { fileError } from '../files/errors.ts'
import { Classifier } from './classifier.ts'
import {
  isPreprocessing,
  type Preprocessing,
  type PresetName,
  preset,
  presetNames,
  resized,
} from './preprocessing.ts'

/** What a file of weights does not say of its network. */
export interface NetworkFacts {
  /** The classes' names in their order, or a file with a name in each line. Default: ImageNet's for 1000 classes, else numbers. */
  readonly classNames?: readonly string[] | string
  /** How images are prepared: a preset's name, a JSON file, or the preprocessing itself. */
  readonly preprocessing?: PresetName | Preprocessing | string
  /** Pixels of an image's sides. */
  readonly size?: number
}

/** The names of so many classes. */
export async function classNamesFor(
  classes: number,
  given: NetworkFacts['classNames'],
): Promise<{ classNames: readonly string[]; classIds?: readonly string[] }> {
  if (given !== undefined) {
    const classNames = typeof given === 'string' ? await linesOf(given) : given
    if (classNames.length === classes) return { classNames }
    throw new BrickError({
      kind: 'argument',
      where: typeof given === 'string' ? given : 'classNames',
      wanted: `the names of ${classes} classes, one in each line`,
      got: `${classNames.length}`,
    })
  }
  if (classes !== 1000) return { classNames: Array.from({ length: classes }, (_, i) => `${i}`) }
  const { imagenetClasses } = await import('./imagenet.ts')
  const { names, ids } = await imagenetClasses()
  return { classNames: names, classIds: ids }
}

async function linesOf(path: string): Promise<string[]> {
  const text = await textOf(path)
  return text.trim().split(/\r?\n/)
}

/** The preprocessing that is meant, at the size that is asked for. */
export async function preprocessingFor(
  { preprocessing, size }: NetworkFacts,
  usual: Preprocessing,
): Promise<Preprocessing> {
  const meant = await preprocessingOf(preprocessing, usual)
  return size === undefined ? meant : resized(meant, size)
}

async function preprocessingOf(
  given: NetworkFacts['preprocessing'],
  usual: Preprocessing,
): Promise<Preprocessing> {
  if (given === undefined) return usual
  if (typeof given !== 'string') return given
  const known = preset(given, usual)
  if (known) return known
  if (!given.endsWith('.json') && !existsSync(given)) throw unknownPreset(given)
  let value: unknown
  try {
    value = JSON.parse(await textOf(given))
  } catch (error) {
    if (error instanceof BrickError) throw error
    value = (error as Error).message
  }
  if (isPreprocessing(value)) return value
  throw new BrickError({
    kind: 'file',
    where: given,
    wanted:
      'a preset, or JSON with size, channels, resize, interpolation, normalize { mean, std } and ink',
    got: typeof value === 'string' ? value : JSON.stringify(value).slice(0, 60),
  })
}

function unknownPreset(given: string): BrickError {
  const near = nearest(given, presetNames)
  return new BrickError({
    kind: 'unknown',
    where: 'preprocessing',
    wanted: `${presetNames.join(', ')}, or a JSON file`,
    got: `'${given}'`,
    ...(near === undefined ? {} : { remedy: `Did you mean '${near}'?` }),
  })
}

const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error) => {
    throw fileError('read', path, error)
  })

/** A network, of which what is given is true instead of what it says itself. */
export async function withFacts(network: Classifier, given: NetworkFacts): Promise<Classifier> {
  const { classNames } = network
  return new Classifier({
    ...network,
    preprocessing: await preprocessingFor(given, network.preprocessing),
    ...(given.classNames === undefined
      ? {}
      : { ...(await classNamesFor(classNames.length, given.classNames)), classIds: undefined }),
  })
}

/** What a file says of its network, in the metadata of safetensors and ONNX. */
export function factsOf(network: Classifier): Record<string, string> {
  const { architecture, classNames, preprocessing } = network
  return {
    ...(architecture === undefined ? {} : { architecture }),
    classNames: JSON.stringify(classNames),
    preprocessing: JSON.stringify(preprocessing),
  }
}

/** What a file's metadata say of its network; what is not there, or damaged, is undefined. */
export function factsIn(metadata: Readonly<Record<string, string>>): {
  readonly architecture: string | undefined
  readonly classNames: readonly string[] | undefined
  readonly preprocessing: Preprocessing | undefined
} {
  const classNames = parsed(metadata['classNames'])
  const preprocessing = parsed(metadata['preprocessing'])
  const areNames = Array.isArray(classNames) && classNames.every((name) => typeof name === 'string')
  return {
    architecture: metadata['architecture'],
    classNames: areNames ? (classNames as readonly string[]) : undefined,
    preprocessing: isPreprocessing(preprocessing) ? preprocessing : undefined,
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
