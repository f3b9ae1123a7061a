import { statSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { nearest } from '../../base/nearest.ts'
import { backendNames } from '../../tensor/choose.ts'
import { presetNames } from '../../vision/preprocessing.ts'
import { pretrainedNames } from '../../vision/pretrained.ts'
import { datasetNames } from '../datasets.ts'
import { type Output, processOutput } from '../output.ts'

/** Exit codes: done, failed, wrong usage. */
export const DONE = 0
export const FAILED = 1
export const USAGE = 2

/** Is told a command's exit code. */
export type Done = (code: number) => void

/** Options that all commands have. */
export interface Common {
  readonly json?: boolean
  readonly verbose?: boolean
}

export const imagesHelp = `what to learn: ${datasetNames.join(', ')}, or a folder of images`

/** What a network to be used can be. */
export const modelHelp = `a run folder, an ONNX file, a repository of the hub (owner/name), a network with published weights (${pretrainedNames.join(', ')}, resnet18, …), or any of the zoo with --weights`

/** Options of commands that use a network: what its name does not say. */
export function network(command: Command): Command {
  return command
    .addOption(checkpointOption())
    .option('--weights <file>', 'weights for a network of the zoo: safetensors, .pth, …')
    .option('--size <pixels>', "sides of the images (default: the network's)", whole(1))
    .option(
      '--preprocessing <name>',
      `of weights that do not say it: ${presetNames.join(', ')}, or a JSON file`,
    )
    .option('--classes <file>', "the classes' names, one in each line")
    .option('--revision <name>', "a repository's branch, tag or commit")
}

/** Adds them. */
export function common(command: Command): Command {
  return command
    .option('--backend <name>', `where to compute: ${backendNames.join(', ')}`, known(backendNames))
    .option('--threads <n>', 'threads to use', whole(1))
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
}

export function checkpointOption(): Option {
  return new Option('--checkpoint <name>', 'which weights').choices(['best', 'last'])
}

export const outputFor = ({ json = false }: Common): Output => processOutput({ json })

/** A whole number from `least`. */
export const whole = (least: number) => (text: string) => {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new InvalidArgumentError(`Expected a whole number from ${least}.`)
}

export function positive(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Expected a number above 0.')
}

export function natural(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Expected a number from 0.')
}

export function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value < 1) return value
  throw new InvalidArgumentError('Expected a number from 0, below 1.')
}

/** One of these names. */
export const known = (names: readonly string[]) => (text: string) => {
  if (names.includes(text)) return text
  const near = nearest(text, names)
  const hint = near === undefined ? '' : ` Did you mean '${near}'?`
  throw new InvalidArgumentError(`Expected ${names.join(', ')}.${hint}`)
}

/** A picture to be written. */
export function png(text: string): string {
  if (text.toLowerCase().endsWith('.png')) return text
  throw new InvalidArgumentError('Expected a file whose name ends with .png.')
}

/** A dataset's name, or a folder. */
export function images(text: string): string {
  const isThere = statSync(text, { throwIfNoEntry: false })?.isDirectory()
  if (isThere || datasetNames.includes(text)) return text
  const near = nearest(text, datasetNames)
  const hint = near === undefined ? ' There is no such folder.' : ` Did you mean '${near}'?`
  throw new InvalidArgumentError(
    `Expected ${datasetNames.join(', ')}, or a folder of images.${hint}`,
  )
}
