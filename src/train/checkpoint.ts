import { existsSync } from 'node:fs'
import { appendFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { writeAtomically } from '../files/atomic.ts'
import { fileError } from '../files/errors.ts'
import { makeFolder } from '../files/folders.ts'
import { readMetadata, readSafetensors, writeSafetensors } from '../files/tensor-file.ts'
import { parseRunState, type RunState, showRunState } from './run-state.ts'

/** The two checkpoints of a run folder. */
export type CheckpointName = 'last' | 'best'

/** A checkpoint's arrays by name, and where the run stood. */
export interface Checkpoint {
  readonly path: string
  readonly arrays: ReadonlyMap<string, ArrayView>
  readonly state: RunState
}

/** Under this key of the safetensors file's metadata lies the run's state. */
const KEY = 'brickwork'

/** Whether a file with this metadata is a checkpoint of a run. */
export const isCheckpoint = (metadata: Readonly<Record<string, string>>): boolean => KEY in metadata

export const checkpointPath = (folder: string, name: CheckpointName): string =>
  join(folder, `${name}.safetensors`)

/**
 * Makes the folder and writes into it, so that a folder that can't be written is known before the
 * first epoch and not after it.
 *
 * @throws BrickError `file`.
 */
export async function prepareFolder(folder: string): Promise<void> {
  const probe = join(folder, `.probe-${process.pid}`)
  try {
    await makeFolder(folder)
    await appendFile(probe, '')
    await rm(probe)
  } catch (error) {
    throw fileError('write', folder, error)
  }
}

/** Whether a folder holds a run. */
export function holdsRun(folder: string): boolean {
  return existsSync(checkpointPath(folder, 'last'))
}

/**
 * Writes a checkpoint: weights, optimiser state and the run's state in one file that appears
 * whole or not at all, so the three always belong together. The JSON beside it is for people.
 *
 * @throws BrickError `file` (disk full, no permission, …): the old checkpoint is untouched.
 */
export async function writeCheckpoint(
  folder: string,
  name: CheckpointName,
  arrays: Iterable<readonly [string, ArrayView]>,
  state: RunState,
): Promise<string> {
  const path = checkpointPath(folder, name)
  await writeSafetensors(path, arrays, { [KEY]: JSON.stringify(state) })
  if (name === 'last') await writeReadable(folder, state)
  return path
}

/** `last.json`, `config.json` and `metrics.jsonl`: what the checkpoint says, for people and tools. */
async function writeReadable(folder: string, state: RunState): Promise<void> {
  const lines = state.history.map((record) => `${JSON.stringify(record)}\n`).join('')
  await writeText(join(folder, 'metrics.jsonl'), lines)
  await writeText(join(folder, 'last.json'), showRunState(state))
}

/** @throws BrickError `file`. */
export async function writeConfig(folder: string, config: RunState['config']): Promise<void> {
  await writeText(join(folder, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`)
}

function writeText(path: string, text: string): Promise<void> {
  return writeAtomically(path, new TextEncoder().encode(text))
}

async function whatIs(path: string, name: CheckpointName): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return 'no such folder'
  return found.isDirectory() ? `a folder without ${name}.safetensors` : 'a file'
}

/**
 * Reads a checkpoint of a run folder.
 *
 * @throws BrickError `checkpoint` if the folder holds none or the file is another program's,
 * `file` if it is damaged.
 * @example
 * ```ts
 * const { arrays, state } = await readCheckpoint('runs/lenet-digits-1', 'best')
 * ```
 */
export async function readCheckpoint(folder: string, name: CheckpointName): Promise<Checkpoint> {
  const path = await pathIn(folder, name)
  const { tensors, metadata } = await readSafetensors(path)
  return { path, arrays: tensors, state: stateIn(metadata, path) }
}

/**
 * Reads where a run stands, without its arrays.
 *
 * @throws BrickError as {@link readCheckpoint}.
 */
export async function readRunState(folder: string, name: CheckpointName): Promise<RunState> {
  const path = await pathIn(folder, name)
  return stateIn(await readMetadata(path), path)
}

async function pathIn(folder: string, name: CheckpointName): Promise<string> {
  const path = checkpointPath(folder, name)
  if (!existsSync(path)) {
    throw new BrickError({
      kind: 'checkpoint',
      where: folder,
      wanted: 'the folder of a run',
      got: await whatIs(folder, name),
      remedy: 'Name a folder that a training run wrote, such as runs/lenet-digits-1.',
    })
  }
  return path
}

function stateIn(metadata: Readonly<Record<string, string>>, path: string): RunState {
  const text = metadata[KEY]
  if (text === undefined) {
    throw new BrickError({
      kind: 'checkpoint',
      where: path,
      wanted: 'a checkpoint of a run',
      got: 'weights without the state of a run',
      remedy: 'Load plain weights with model.loadStateDict.',
    })
  }
  return parseRunState(text, path)
}
