import { existsSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { ArchiveOptions } from '../data/archive.ts'
import { modelNames } from '../models/models.ts'
import type { Classifier } from './classifier.ts'
import type { NetworkFacts } from './facts.ts'
import { fromHub, hubWeights } from './from-hub.ts'
import { fromOnnx } from './from-onnx.ts'
import { fromWeights, isSelfDescribing } from './from-weights.ts'
import { isPretrained, pretrained, pretrainedNames } from './pretrained.ts'
import { openRun } from './run.ts'

export interface LoadClassifierOptions extends ArchiveOptions, NetworkFacts {
  /** Of a run: the weights of its best epoch (default) or its last. */
  readonly checkpoint?: 'best' | 'last'
  /** A file of weights for a network of the zoo. */
  readonly weights?: string
  /** Of a repository of the hub: a branch, tag or commit. */
  readonly revision?: string
}

/**
 * A network with its weights, ready to classify images:
 *
 * - the folder of a run;
 * - a network of the zoo with published ImageNet weights: `squeezenet1_1`, `resnet18`;
 * - a network of the zoo with `weights` from a file;
 * - a repository of the hub, or a folder like one: `timm/resnet18.a1_in1k`;
 * - an ONNX file; a safetensors file that `brickwork export` wrote.
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
  const { weights } = options
  if (weights !== undefined) return fromWeights(source, weights, options)
  if (isRun(source)) return (await openRun(source, options.checkpoint)).classifier
  if (isPretrained(source)) return pretrained(source, options)
  if (Object.hasOwn(hubWeights, source)) return fromHub(hubWeights[source]!, options)
  if (existsSync(join(source, 'config.json'))) return fromHub(source, options)
  if (existsSync(source) && extname(source) === '.onnx') return fromOnnx(source, options)
  if (await isSelfDescribing(source)) return fromWeights(undefined, source, options)
  if (!existsSync(source) && /^[\w.-]+\/[\w.-]+$/.test(source)) return fromHub(source, options)
  throw unknownSource(source)
}

function unknownSource(source: string): BrickError {
  const names = [...pretrainedNames, ...Object.keys(hubWeights)]
  const near = nearest(source, names)
  const isOfTheZoo = modelNames.includes(source)
  const remedy = isOfTheZoo
    ? 'No published weights of it are known: name a file of weights, too (--weights).'
    : near && `Did you mean '${near}'?`
  return new BrickError({
    kind: 'unknown',
    where: 'model',
    got: `'${source}', ${isOfTheZoo ? 'a network without weights' : whatIs(source)}`,
    wanted: `the folder of a run, an ONNX file, a repository of the hub (owner/name), or a network with weights: ${names.join(', ')}`,
    ...(remedy ? { remedy } : {}),
  })
}

function whatIs(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return 'no such folder, file or network'
  return found.isDirectory() ? 'a folder without a run' : 'a file of another kind'
}

const isRun = (folder: string): boolean =>
  ['best', 'last'].some((name) => existsSync(join(folder, `${name}.safetensors`)))
