import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { ArchiveOptions } from '../data/archive.ts'
import type { Classifier } from './classifier.ts'
import { isPretrained, pretrained, pretrainedNames } from './pretrained.ts'
import { openRun } from './run.ts'

export interface LoadClassifierOptions extends ArchiveOptions {
  /** Of a run: the weights of its best epoch (default) or its last. */
  readonly checkpoint?: 'best' | 'last'
}

/**
 * A network with its weights, ready to classify images: a run folder, or a network of the zoo with
 * published ImageNet weights (`squeezenet1_1`).
 *
 * @throws BrickError `unknown` for what is none of these; as files and downloads do.
 * @example
 * ```ts
 * const network = await vision.load('squeezenet1_1')
 * ```
 */
export async function load(
  source: string,
  options: LoadClassifierOptions = {},
): Promise<Classifier> {
  if (isRun(source)) return (await openRun(source, options.checkpoint)).classifier
  if (isPretrained(source)) return pretrained(source, options)
  const near = nearest(source, pretrainedNames)
  throw new BrickError({
    kind: 'unknown',
    where: 'model',
    got: `'${source}', ${whatIs(source)}`,
    wanted: `the folder of a run, or a network with weights: ${pretrainedNames.join(', ')}`,
    ...(near === undefined ? {} : { remedy: `Did you mean '${near}'?` }),
  })
}

function whatIs(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return 'no such folder or network'
  return found.isDirectory() ? 'a folder without a run' : 'a file'
}

const isRun = (folder: string): boolean =>
  ['best', 'last'].some((name) => existsSync(join(folder, `${name}.safetensors`)))
