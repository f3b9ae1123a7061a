import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { fileError } from '../files/errors.ts'
import { checkpointPath, holdsRun, readRunState } from '../train/checkpoint.ts'
import type { EpochRecord } from '../train/history.ts'
import type { RunState } from '../train/run-state.ts'
import { commandPrefix } from './command-prefix.ts'

/** A run of a list. */
export interface ListedRun {
  readonly folder: string
  readonly name: string
  readonly state: RunState
  /** Scores of the best epoch: of the validation set, if there is one. */
  readonly best: EpochRecord | undefined
  readonly loss: number
  readonly accuracy: number
  readonly seconds: number
  /** When its last checkpoint was written. */
  readonly written: Date
}

/** A folder whose run can't be read, and why. */
export interface DamagedRun {
  readonly folder: string
  readonly error: BrickError
}

/** Columns that runs can be sorted by, best first. */
const orders: Readonly<Record<string, (a: ListedRun, b: ListedRun) => number>> = {
  name: (a, b) => a.folder.localeCompare(b.folder, 'en', { numeric: true }),
  loss: (a, b) => last(a.loss) - last(b.loss),
  accuracy: (a, b) => last(-a.accuracy) - last(-b.accuracy),
  time: (a, b) => a.seconds - b.seconds,
  date: (a, b) => b.written.getTime() - a.written.getTime(),
}

/** NaN goes to the end. */
const last = (value: number): number => (Number.isNaN(value) ? Infinity : value)

/** Names for `--sort`. */
export const sortNames: readonly string[] = Object.keys(orders)

/** Runs, sorted. */
export function sorted(runs: readonly ListedRun[], by = 'name'): ListedRun[] {
  return [...runs].sort((a, b) => orders[by]!(a, b) || orders['name']!(a, b))
}

/**
 * The runs in a folder, or the one that it is.
 *
 * @throws BrickError `checkpoint` if there is no such folder or it holds no run.
 */
export async function runsIn(folder: string): Promise<(ListedRun | DamagedRun)[]> {
  if (holdsRun(folder)) return [await listed(folder)]
  if (!existsSync(folder)) throw noRuns(folder, 'no such folder')
  if (!(await stat(folder)).isDirectory()) throw noRuns(folder, 'a file')
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw fileError('read', folder, error)
  })
  const inside = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))
  const found = await Promise.all(inside.filter(holdsRun).map(listed))
  if (found.length > 0) return found
  throw noRuns(folder, 'none')
}

function noRuns(folder: string, got: string): BrickError {
  return new BrickError({
    kind: 'checkpoint',
    where: folder,
    wanted: 'a folder with runs',
    got,
    remedy: `Train something first: ${commandPrefix()} train lenet`,
  })
}

/** The run of a folder, read without its weights. */
async function listed(folder: string): Promise<ListedRun | DamagedRun> {
  try {
    return await listedRun(folder)
  } catch (error) {
    if (error instanceof BrickError) return { folder, error }
    throw error
  }
}

/** @throws BrickError `checkpoint` or `file`. */
async function listedRun(folder: string): Promise<ListedRun> {
  const state = await readRunState(folder, 'last')
  const { history, best, seconds } = state
  const record = history[(best?.epoch ?? history.length) - 1]
  const scores = record?.validation ?? record?.train
  return {
    folder,
    name: basename(resolve(folder)),
    state,
    best: record,
    // JSON turns NaN into null.
    loss: scores?.loss ?? Number.NaN,
    accuracy: scores?.metrics['accuracy'] ?? Number.NaN,
    seconds: history.reduce((sum, epoch) => sum + epoch.seconds, seconds),
    written: (await stat(checkpointPath(folder, 'last'))).mtime,
  }
}
