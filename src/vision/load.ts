import { existsSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { ArchiveOptions } from '../data/archive.ts'
import { modelNames } from '../models/models.ts'
import type { Classifier } from './classifier.ts'
import { type NetworkFacts, withFacts } from './facts.ts'
import { fromHub, hubWeights } from './from-hub.ts'
import { fromOnnx } from './from-onnx.ts'
import { fromWeights, isSelfDescribing } from './from-weights.ts'
import { isPretrained, pretrained, pretrainedNames } from './pretrained.ts'
import { checkpointIn, openRun } from './run.ts'

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
 * Class names, preprocessing and size that are given stand above what the source says of them.
 *
 * @throws BrickError `unknown` for what is none of these, `argument` for an option of another kind of
 * source; as files and downloads do.
 * @example
 * ```ts
 * const network = await vision.load('squeezenet1_1')
 * ```
 */
export async function load(
  source: string,
  options: LoadClassifierOptions = {},
): Promise<Classifier> {
  const kind = await kindOf(source, options)
  if (kind === undefined) throw unknownSource(source)
  for (const [option, { of, wanted }] of Object.entries(onlyOf)) {
    const value = options[option as keyof typeof onlyOf]
    if (value !== undefined && !of.includes(kind)) throw misplaced(option, value, source, wanted)
  }
  return openers[kind](source, options)
}

type Opener = (source: string, options: LoadClassifierOptions) => Promise<Classifier>

/** How each kind of source is opened. */
const openers = {
  weights: (source, options) => fromWeights(source, options.weights!, options),
  run: async (source, options) =>
    withFacts((await openRun(source, options.checkpoint)).classifier, options),
  pretrained: async (source, options) => withFacts(await pretrained(source, options), options),
  torchvision: (source, options) => fromHub(hubWeights[source]!, options),
  hub: fromHub,
  onnx: fromOnnx,
  exported: (source, options) => fromWeights(undefined, source, options),
} as const satisfies Readonly<Record<string, Opener>>
type Kind = keyof typeof openers

async function kindOf(
  source: string,
  { weights }: LoadClassifierOptions,
): Promise<Kind | undefined> {
  if (weights !== undefined) return 'weights'
  if (checkpointIn(source)) return 'run'
  if (isPretrained(source)) return 'pretrained'
  if (Object.hasOwn(hubWeights, source)) return 'torchvision'
  if (existsSync(join(source, 'config.json'))) return 'hub'
  if (existsSync(source) && extname(source) === '.onnx') return 'onnx'
  if (await isSelfDescribing(source)) return 'exported'
  return !existsSync(source) && /^[\w.-]+\/[\w.-]+$/.test(source) ? 'hub' : undefined
}

/** Options that mean nothing elsewhere. */
const onlyOf: Readonly<
  Record<'checkpoint' | 'revision', { readonly of: readonly Kind[]; readonly wanted: string }>
> = {
  checkpoint: { of: ['run'], wanted: 'the folder of a run, which has several' },
  revision: { of: ['hub', 'torchvision'], wanted: 'a repository of the hub' },
}

function misplaced(option: string, value: string, source: string, wanted: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `${option} '${value}'`,
    wanted,
    got: `'${source}'`,
    remedy: `Leave ${option} out.`,
  })
}

function unknownSource(source: string): BrickError {
  const names = [...pretrainedNames, ...Object.keys(hubWeights)]
  const near = nearest(source, names)
  const isOfTheZoo = modelNames.includes(source)
  const remedy = isOfTheZoo
    ? 'No published weights of it are known: name a file of weights, too (--weights).'
    : statSync(source, { throwIfNoEntry: false })?.isFile()
      ? `If it holds weights, name their network, too: --model resnet18 --weights ${source}.`
      : near && `Did you mean '${near}'?`
  return new BrickError({
    kind: 'unknown',
    where: 'model',
    got: `'${source}', ${isOfTheZoo ? 'a network without weights' : whatIs(source)}`,
    wanted: `the folder of a run, an ONNX file, a repository of the hub (owner/name), or a network with weights: ${pretrainedNames.join(', ')}, resnet18 … resnet152, vgg11 … vgg19_bn`,
    ...(remedy ? { remedy } : {}),
  })
}

function whatIs(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return 'no such folder, file or network'
  return found.isDirectory() ? 'a folder without a run' : 'a file of another kind'
}
