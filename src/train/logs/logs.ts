import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { writeAtomically } from '../../files/atomic.ts'
import type { TrainEvent } from '../events.ts'
import type { Session } from '../session.ts'
import { type Arrays, modelArrays } from '../session-state.ts'
import { csvOf } from './csv.ts'
import { runLine, writeCurves } from './curves.ts'
import { environment } from './environment.ts'
import { TensorBoardLog } from './tensorboard.ts'

/** A run's logs beside its checkpoints. */
export interface Logs {
  hear(event: TrainEvent): void
  /**
   * Writes what is new.
   *
   * @throws BrickError `file`.
   */
  save(arrays: Arrays): Promise<void>
  /** @throws BrickError `file`. */
  end(): Promise<void>
}

const writeText = (path: string, text: string): Promise<void> =>
  writeAtomically(path, new TextEncoder().encode(text))

/**
 * Notes where this part of the run takes place, and opens the logs that the options name. The
 * session stands where the run goes on.
 *
 * @throws BrickError `file`.
 */
export async function openLogs(session: Session, folder: string, version: string): Promise<Logs> {
  const { logs = ['csv', 'tensorboard'], config = {} } = session.settings
  await noteEnvironment(folder, version)
  // Steps that were heard of; a step's statistics follow it.
  let step = session.batches
  const board = logs.includes('tensorboard') ? new TensorBoardLog(folder, step) : undefined
  let logged = session.epoch
  return {
    hear(event) {
      if (event.type === 'step') board?.scalar(++step, 'loss/step', event.loss)
      if (event.type === 'statistics') board?.statistics(step, event)
    },
    async save(arrays) {
      const { history, epoch } = session
      if (logged < epoch) board?.epoch(step, history[epoch - 1]!, parametersIn(session, arrays))
      logged = epoch
      await board?.flush()
      if (logs.includes('csv')) await writeText(join(folder, 'metrics.csv'), csvOf(history))
    },
    async end() {
      await board?.flush()
      const label = basename(resolve(folder))
      await writeCurves(folder, { label, history: session.history }, subtitleOf(config, session))
    },
  }
}

/** The arrays of parameters; running statistics make dull histograms. */
function parametersIn({ model }: Session, arrays: Arrays): Arrays {
  const names = new Set(Object.keys(model.namedParameters()))
  return new Map([...modelArrays(arrays)].filter(([name]) => names.has(name)))
}

function subtitleOf(config: Readonly<Record<string, unknown>>, session: Session): string {
  const { model, loader, optimizer, initialLrs } = session
  const { dataset, batchSize } = loader
  const name = typeof config['model'] === 'string' ? config['model'] : model.constructor.name
  return runLine(name, dataset.name, optimizer.constructor.name, initialLrs, batchSize)
}

/** Adds this part of the run to `environment.json`. */
async function noteEnvironment(folder: string, version: string): Promise<void> {
  const path = join(folder, 'environment.json')
  const parts = [...(await partsIn(path)), await environment(version)]
  await writeText(path, `${JSON.stringify(parts, undefined, 2)}\n`)
}

/** What is known of earlier parts; a damaged file is for people only, and begins anew. */
async function partsIn(path: string): Promise<unknown[]> {
  if (!existsSync(path)) return []
  try {
    const parts: unknown = JSON.parse(await readFile(path, 'utf8'))
    return Array.isArray(parts) ? parts : []
  } catch {
    return []
  }
}
