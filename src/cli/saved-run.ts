import { existsSync } from 'node:fs'
import { BrickError } from '../base/errors.ts'
import { createModel } from '../models/models.ts'
import type { Module } from '../nn/module/module.ts'
import { type Checkpoint, checkpointPath, readCheckpoint } from '../train/checkpoint.ts'
import type { RunState } from '../train/run-state.ts'
import { servedArrays } from '../train/session-state.ts'
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
}

/** What `train` was told of its methods. */
export function methodsOf(flags: MethodFlags): Methods {
  const names = Object.keys(methods) as (keyof MethodFlags)[]
  return Object.fromEntries(names.map((name) => [name, flags[name] ?? null])) as unknown as Methods
}

/** What the command line keeps of a run, so that the network can be built again. */
export interface RunConfig extends Methods {
  readonly model: string
  readonly data: string
  readonly inputShape: readonly number[]
  readonly classNames: readonly string[]
  readonly normalize: {
    readonly scale: number
    readonly mean: readonly number[]
    readonly std: readonly number[]
  } | null
  readonly optimizer: string
  readonly lr: number
  readonly epochs: number
  readonly batch: number
  readonly seed: number
  readonly patience: number | null
}

/** A trained network, and what is known of its run. */
export interface SavedRun {
  readonly model: Module
  readonly config: RunConfig
  readonly checkpoint: Checkpoint
}

/**
 * Builds the network of a run folder with the weights of its best epoch (or its last).
 *
 * @throws BrickError `checkpoint` or `file` if the folder holds no whole run of the command line.
 */
export async function openRun(folder: string, which?: 'best' | 'last'): Promise<SavedRun> {
  const name = which ?? (existsSync(checkpointPath(folder, 'best')) ? 'best' : 'last')
  const checkpoint = await readCheckpoint(folder, name)
  const config = configOf(checkpoint)
  const { inputShape, classNames } = config
  const model = createModel(config.model, { inputShape, classes: classNames.length })
  model.loadStateDict(servedArrays(checkpoint.arrays))
  model.eval()
  return { model, config, checkpoint }
}

const fields: {
  readonly [K in Exclude<keyof RunConfig, keyof Methods>]: (value: unknown) => boolean
} = {
  model: isText,
  data: isText,
  inputShape: Array.isArray,
  classNames: (value) => Array.isArray(value) && value.every(isText),
  normalize: (value) => typeof value === 'object',
  optimizer: isText,
  lr: Number.isFinite,
  epochs: Number.isSafeInteger,
  batch: Number.isSafeInteger,
  seed: Number.isSafeInteger,
  patience: (value) => value === null || Number.isSafeInteger(value),
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

/** What a run was made with: what the command line was told, or what a program gave `fit`. */
export function setupOf(state: RunState): RunState['config'] {
  const isOurs = Object.entries(fields).every(([name, isValid]) => isValid(state.config[name]))
  return isOurs ? state.config : { ...state.setup, ...state.config }
}

/** The command line's own part of a checkpoint. */
export function configOf({ path, state }: Checkpoint): RunConfig {
  const bad = Object.entries(fields).find(([name, isValid]) => !isValid(state.config[name]))
  if (!bad) return { ...state.config, ...methods, ...state.config } as unknown as RunConfig
  throw new BrickError({
    kind: 'checkpoint',
    where: path,
    wanted: `a run of the command line, with '${bad[0]}' in its config`,
    got: JSON.stringify(state.config[bad[0]] ?? null),
    remedy: 'Open runs of your own programs with train.fit and resume.',
  })
}
