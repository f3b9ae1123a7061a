import { readFile } from 'node:fs/promises'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { generator } from '../tensor/random.ts'
import {
  type Checkpoint,
  holdsRun,
  prepareFolder,
  readCheckpoint,
  writeCheckpoint,
  writeConfig,
} from './checkpoint.ts'
import type { EventListener } from './events.ts'
import { FORMAT, type RunState } from './run-state.ts'
import type { Session } from './session.ts'
import { type Arrays, modelArrays, optimizerArrays } from './session-state.ts'

/** Keeps a session's checkpoints in a folder. */
export interface Keeper {
  /** Writes `last` (and `best`). The checkpoints that are there survive a failure. */
  save(arrays: Arrays, isBest: boolean, tell: EventListener): Promise<void>
  /** The best epoch's weights, if they were saved. */
  bestArrays(): Promise<ReadonlyMap<string, ArrayView> | undefined>
}

/**
 * Prepares a run's folder, and with `resume` puts the session where its last checkpoint stands.
 *
 * @throws BrickError `file` for a folder that can't be written, `checkpoint` if there is nothing
 * to resume, or another run, or a run that would be overwritten.
 */
export async function openKeeper(session: Session, folder: string): Promise<Keeper> {
  const { resume = false, config = {} } = session.settings
  if (!resume && holdsRun(folder)) {
    throw new BrickError({
      kind: 'checkpoint',
      where: folder,
      wanted: 'a folder without a run',
      got: 'a run, which would be overwritten',
      remedy: 'Choose another folder, or go on with that run by resume: true (--resume).',
    })
  }
  if (resume) await resumeFrom(session, await readCheckpoint(folder, 'last'))
  await prepareFolder(folder)
  await writeConfig(folder, config)
  const versions = { brickwork: await packageVersion(), node: process.versions.node }
  return {
    async save(arrays, isBest, tell) {
      const state = await stateOf(session, versions)
      // `best` first: if `last` then can't be written, resuming finds that epoch once more.
      if (isBest) await writeCheckpoint(folder, 'best', arrays, state)
      const path = await writeCheckpoint(folder, 'last', arrays, state)
      await tell({ type: 'checkpoint', path })
    },
    bestArrays: async () => modelArrays((await readCheckpoint(folder, 'best')).arrays),
  }
}

async function stateOf(session: Session, versions: RunState['versions']): Promise<RunState> {
  const { settings, loader, optimizer, initialLr, history, best, tally, seconds } = session
  const { dataset, batchSize, shuffle, position } = loader
  return {
    format: FORMAT,
    versions,
    config: settings.config ?? {},
    position,
    data: { name: dataset.name, length: dataset.length ?? 0, batchSize, shuffle },
    generator: Array.from(await generator.key.data()),
    optimizer: { name: optimizer.constructor.name, initialLr, lr: optimizer.lr },
    history,
    best: best ?? null,
    tally: tally.state,
    seconds,
  }
}

async function resumeFrom(session: Session, { path, arrays, state }: Checkpoint): Promise<void> {
  checkSame(session, state, path)
  const { model, optimizer } = session
  try {
    model.loadStateDict(modelArrays(arrays))
    optimizer.loadStateDict(optimizerArrays(arrays))
    if (state.optimizer.initialLr === session.initialLr) optimizer.lr = state.optimizer.lr
    session.loader.restore(state.position)
    session.tally.state = state.tally
    await generator.key.load(Int32Array.from(state.generator))
  } catch (error) {
    if (error instanceof BrickError && error.kind === 'checkpoint') throw error.within(path)
    throw new BrickError({
      kind: 'checkpoint',
      where: path,
      wanted: 'a checkpoint of this run',
      got: (error as Error).message,
      remedy: 'Resume with the model and the options that the run was started with.',
      cause: error,
    })
  }
  session.history = [...state.history]
  session.best = state.best ?? undefined
  session.seconds = state.seconds
}

/** What must be the same for a run to go on exactly. */
function checkSame(session: Session, state: RunState, path: string): void {
  const { loader, optimizer } = session
  const { dataset, batchSize, shuffle } = loader
  const pairs: readonly (readonly [what: string, now: unknown, then: unknown])[] = [
    ['optimiser', optimizer.constructor.name, state.optimizer.name],
    ['dataset', dataset.name, state.data.name],
    ['number of examples', dataset.length ?? 0, state.data.length],
    ['batchSize', batchSize, state.data.batchSize],
    ['shuffle', shuffle, state.data.shuffle],
  ]
  const other = pairs.find(([, now, then]) => now !== then)
  if (!other) return
  const [what, now, then] = other
  throw new BrickError({
    kind: 'checkpoint',
    where: path,
    wanted: `the ${what} of the checkpoint, ${then}`,
    got: `${now}`,
    remedy: 'Resume with the options that the run was started with, or begin a new run.',
  })
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
