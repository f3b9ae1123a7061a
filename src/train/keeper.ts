import { readFile } from 'node:fs/promises'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { loadState } from '../nn/module/state.ts'
import { DEFAULT_DECAY } from '../optim/ema.ts'
import { RateSchedule } from '../optim/schedules/schedule.ts'
import { generator } from '../tensor/random.ts'
import {
  type Checkpoint,
  holdsRun,
  prepareFolder,
  readCheckpoint,
  writeCheckpoint,
  writeConfig,
} from './checkpoint.ts'
import type { EventListener, TrainEvent } from './events.ts'
import { openLogs } from './logs/logs.ts'
import { FORMAT, type RunState } from './run-state.ts'
import type { Session } from './session.ts'
import { type Arrays, arraysOf, modelArrays, servedArrays } from './session-state.ts'
import { setupOf } from './setup.ts'

/** Keeps a session's checkpoints in a folder. */
export interface Keeper {
  /** Writes `last` (and `best`). The checkpoints that are there survive a failure. */
  save(arrays: Arrays, isBest: boolean, tell: EventListener): Promise<void>
  /** Takes what happens into the logs. */
  hear(event: TrainEvent): void
  /** Draws the curves. */
  end(): Promise<void>
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
  await writeConfig(folder, { ...setupOf(session), ...config })
  const versions = { brickwork: await packageVersion(), node: process.versions.node }
  const logs = await openLogs(session, folder, versions.brickwork)
  return {
    async save(arrays, isBest, tell) {
      const state = await stateOf(session, versions)
      // Logs first: what they say of an epoch that is then made again is said again.
      await logs.save(arrays)
      // `best` first: if `last` then can't be written, resuming finds that epoch once more.
      if (isBest) await writeCheckpoint(folder, 'best', arrays, state)
      const path = await writeCheckpoint(folder, 'last', arrays, state)
      await tell({ type: 'checkpoint', path })
    },
    hear: (event) => logs.hear(event),
    end: () => logs.end(),
    bestArrays: async () => servedArrays((await readCheckpoint(folder, 'best')).arrays),
  }
}

/** What format 1, which has no such options, was trained with. */
const usual: Readonly<Record<string, unknown>> = { scheduleEvery: 'epoch', accumulate: 1 }

async function stateOf(session: Session, versions: RunState['versions']): Promise<RunState> {
  const { settings, loader, optimizer, initialLrs, history, best, tally, seconds } = session
  const lrs = optimizer.groups.map(({ lr }) => lr)
  const { dataset, batchSize, shuffle, position } = loader
  return {
    format: FORMAT,
    versions,
    config: settings.config ?? {},
    setup: setupOf(session),
    position,
    data: { name: dataset.name, length: dataset.length ?? 0, batchSize, shuffle },
    generator: Array.from(await generator.key.data()),
    optimizer: {
      name: optimizer.constructor.name,
      initialLr: initialLrs[0]!,
      lr: lrs[0]!,
      initialLrs,
      lrs,
    },
    schedule: session.schedule?.stateDict() ?? null,
    options: optionsOf(session),
    history,
    best: best ?? null,
    tally: tally.state,
    seconds,
    batches: session.batches,
  }
}

async function resumeFrom(session: Session, { path, arrays, state }: Checkpoint): Promise<void> {
  checkSame(session, state, path)
  const { model, optimizer } = session
  try {
    model.loadStateDict(modelArrays(arrays))
    optimizer.loadStateDict(arraysOf(arrays, 'optimizer'))
    loadState(session.emaStates, arraysOf(arrays, 'ema'), 'EMA')
    loadState(session.accumulated, arraysOf(arrays, 'accumulated'), 'accumulated gradients')
    restoreRates(session, state)
    session.loader.restore(state.position)
    session.tally.state = state.tally
    await generator.key.load(Int32Array.from(state.generator))
    await session.resumed()
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
  session.batches = state.batches ?? batchesOf(session)
}

/** Format 1 did not count them, and had no loaders of unknown length. */
const batchesOf = ({ loader }: Session): number =>
  loader.position.epoch * (loader.length || 0) + loader.position.batch

/** The rates go on where they stood; one that the optimiser is now made with otherwise prevails. */
function restoreRates({ optimizer, schedule, initialLrs }: Session, state: RunState): void {
  const { initialLr, lr, initialLrs: then = [initialLr], lrs = [lr] } = state.optimizer
  if (schedule && state.schedule) schedule.loadStateDict(state.schedule)
  if (schedule instanceof RateSchedule) return
  optimizer.groups.forEach((group, i) => {
    const isSame = then[i] === initialLrs[i]
    group.lr = isSame ? (lrs[i] ?? group.lr) : initialLrs[i]!
  })
}

/** Options that the run's state depends on, besides those that it holds anyway. */
function optionsOf({ settings }: Session): NonNullable<RunState['options']> {
  const { scheduleEvery, accumulate, ema, mix } = settings
  const decay = ema ? (ema.decay ?? DEFAULT_DECAY) : null
  return { scheduleEvery, accumulate, ema: decay, mix: mix?.name ?? null }
}

/** What must be the same for a run to go on exactly. */
function checkSame(session: Session, state: RunState, path: string): void {
  const { loader, optimizer, schedule } = session
  const { dataset, batchSize, shuffle } = loader
  const pairs: readonly (readonly [what: string, now: unknown, then: unknown])[] = [
    ['optimiser', optimizer.constructor.name, state.optimizer.name],
    ['dataset', dataset.name, state.data.name],
    ['number of examples', dataset.length ?? 0, state.data.length],
    ['batchSize', batchSize, state.data.batchSize],
    ['shuffle', shuffle, state.data.shuffle],
    ['schedule', schedule?.constructor.name ?? 'none', state.schedule?.name ?? 'none'],
    ...Object.entries(optionsOf(session)).map(([name, now]) => {
      const then = state.options?.[name as keyof RunState['options']] ?? usual[name] ?? null
      return [name, now, then] as const
    }),
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
