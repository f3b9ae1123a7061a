import { existsSync } from 'node:fs'
import { BrickError } from '../base/errors.ts'
import { createModel } from '../models/models.ts'
import {
  type Checkpoint,
  type CheckpointName,
  checkpointPath,
  readCheckpoint,
} from '../train/checkpoint.ts'
import { servedArrays } from '../train/session-state.ts'
import { Classifier } from './classifier.ts'
import { inputShapeOf, isPreprocessing, type Preprocessing } from './preprocessing.ts'

/** What a run's config says of its network, so that it can be built again. */
export interface NetworkConfig {
  /** Its name in the zoo. */
  readonly model: string
  readonly classNames: readonly string[]
  readonly preprocessing: Preprocessing
}

/** A trained network, and the checkpoint that it comes from. */
export interface OpenedRun {
  readonly classifier: Classifier
  readonly checkpoint: Checkpoint
}

/**
 * Builds the network of a run folder with the weights of its best epoch (or its last).
 *
 * @throws BrickError `checkpoint` or `file` if the folder holds no whole run of images.
 */
export async function openRun(folder: string, which?: CheckpointName): Promise<OpenedRun> {
  const checkpoint = await readCheckpoint(folder, checkpointIn(folder, which) ?? 'last')
  const { model: kind, classNames, preprocessing } = networkConfigOf(checkpoint)
  const sizes = { inputShape: inputShapeOf(preprocessing), classes: classNames.length }
  const model = createModel(kind, sizes)
  model.loadStateDict(servedArrays(checkpoint.arrays))
  const parts = { name: kind, architecture: kind, model, classNames, preprocessing }
  return { classifier: new Classifier(parts), checkpoint }
}

/** Which checkpoint of a folder stands for its run: its best, else its last. Undefined for other folders. */
export function checkpointIn(folder: string, which?: CheckpointName): CheckpointName | undefined {
  const names = (['best', 'last'] as const).filter((name) =>
    existsSync(checkpointPath(folder, name)),
  )
  return names.length === 0 ? undefined : (which ?? names[0])
}

/** @throws BrickError `checkpoint` for a run that says too little of its network. */
export function networkConfigOf({
  path,
  state,
}: Pick<Checkpoint, 'path' | 'state'>): NetworkConfig {
  const bad = Object.entries(checks).find(([name, isValid]) => !isValid(state.config[name]))
  if (!bad) return state.config as unknown as NetworkConfig
  throw otherRun(path, bad[0], state.config[bad[0]])
}

const checks: { readonly [K in keyof NetworkConfig]: (value: unknown) => boolean } = {
  model: (value) => typeof value === 'string',
  classNames: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
  preprocessing: isPreprocessing,
}

/** A run whose config lacks what the command line writes. */
export function otherRun(path: string, name: string, value: unknown): BrickError {
  return new BrickError({
    kind: 'checkpoint',
    where: path,
    wanted: `a run of the command line, with '${name}' in its config`,
    got: JSON.stringify(value ?? null),
    remedy: 'Open runs of your own programs with train.fit and resume.',
  })
}
