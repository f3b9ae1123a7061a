import type { Checkpoint } from '../train/checkpoint.ts'
import type { RunState } from '../train/run-state.ts'
import type { Classifier } from '../vision/classifier.ts'
import { type NetworkConfig, networkConfigOf, openRun, otherRun } from '../vision/run.ts'
import type { MethodFlags } from './flags.ts'

/** {@link MethodFlags} of a run: null for what was left out. */
export type Methods = { readonly [K in keyof MethodFlags]-?: NonNullable<MethodFlags[K]> | null }

/** Runs of older versions have none of these. */
const methods: Methods = {
  augment: null,
  schedule: null,
  warmup: null,
  weightDecay: null,
  clipNorm: null,
  labelSmoothing: null,
  mixup: null,
  ema: null,
  accumulate: null,
  holdOut: null,
  skipCorrupt: null,
}

/** What `train` was told of its methods. */
export function methodsOf(flags: MethodFlags): Methods {
  const names = Object.keys(methods) as (keyof MethodFlags)[]
  return Object.fromEntries(names.map((name) => [name, flags[name] ?? null])) as unknown as Methods
}

/** What the command line keeps of a run, so that the network can be built again. */
export interface RunConfig extends Methods, NetworkConfig {
  readonly data: string
  readonly optimizer: string
  readonly lr: number
  readonly epochs: number
  readonly batch: number
  readonly seed: number
  readonly patience: number | null
}

/** A trained network, and what is known of its run. */
export interface SavedRun {
  readonly classifier: Classifier
  readonly config: RunConfig
  readonly checkpoint: Checkpoint
}

/**
 * Opens the network of a run folder, and what the command line was told of the run.
 *
 * @throws BrickError `checkpoint` or `file` if the folder holds no whole run of the command line.
 */
export async function openSavedRun(folder: string, which?: 'best' | 'last'): Promise<SavedRun> {
  const { classifier, checkpoint } = await openRun(folder, which)
  return { classifier, checkpoint, config: configOf(checkpoint) }
}

const fields: {
  readonly [K in Exclude<keyof RunConfig, keyof Methods | keyof NetworkConfig>]: (
    value: unknown,
  ) => boolean
} = {
  data: (value) => typeof value === 'string',
  optimizer: (value) => typeof value === 'string',
  lr: Number.isFinite,
  epochs: Number.isSafeInteger,
  batch: Number.isSafeInteger,
  seed: Number.isSafeInteger,
  patience: (value) => value === null || Number.isSafeInteger(value),
}

/** What a run was made with: what the command line was told, or what a program gave `fit`. */
export function setupOf(state: RunState): RunState['config'] {
  const isOurs = Object.entries(fields).every(([name, isValid]) => isValid(state.config[name]))
  return isOurs ? state.config : { ...state.setup, ...state.config }
}

/** The command line's own part of a checkpoint. */
export function configOf(checkpoint: Pick<Checkpoint, 'path' | 'state'>): RunConfig {
  const { path, state } = checkpoint
  const network = networkConfigOf(checkpoint)
  const bad = Object.entries(fields).find(([name, isValid]) => !isValid(state.config[name]))
  if (!bad) return { ...methods, ...state.config, ...network } as unknown as RunConfig
  throw otherRun(path, bad[0], state.config[bad[0]])
}
