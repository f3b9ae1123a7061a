import { BrickError } from '../base/errors.ts'
import type { DataPosition } from '../data/dataloader.ts'
import { aNumber, anObject, aText, listOf, mapOf, maybe, objectOf } from '../files/json-shape.ts'
import type { ScheduleState } from '../optim/schedules/schedule.ts'
import type { Best, EpochRecord } from './history.ts'
import type { TallyState } from './tally.ts'

/** Raised when older programs could misread a checkpoint. Format 1 has no schedules and groups. */
export const FORMAT = 2
const READABLE: readonly unknown[] = [1, FORMAT]

/** Anything that JSON can say. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

/** Where a run stands: with the arrays beside it, all that is needed to go on bit for bit. */
export interface RunState {
  readonly format: number
  readonly versions: { readonly brickwork: string; readonly node: string }
  /** What the run was started with; for people, and for the CLI to build the model again. */
  readonly config: { readonly [key: string]: Json | undefined }
  /** What `fit` was called with, options that were left out included. */
  readonly setup?: { readonly [key: string]: Json | undefined }
  /** Where the data goes on. */
  readonly position: DataPosition
  readonly data: {
    readonly name: string
    readonly length: number
    readonly batchSize: number
    readonly shuffle: boolean
  }
  /** The key of the default random generator: seed and draws. */
  readonly generator: readonly number[]
  readonly optimizer: {
    readonly name: string
    /** The learning rate that the first group began with, and the present one. */
    readonly initialLr: number
    readonly lr: number
    /** Those of all groups. */
    readonly initialLrs?: readonly number[]
    readonly lrs?: readonly number[]
  }
  readonly schedule?: ScheduleState | null
  /** What else must be the same for the run to go on exactly. */
  readonly options?: {
    readonly scheduleEvery: string
    readonly accumulate: number
    readonly ema: number | null
    readonly mix: string | null
  }
  readonly history: readonly EpochRecord[]
  readonly best: Best | null
  /** Sums of the epoch that was interrupted. */
  readonly tally: TallyState
  /** Time spent in that epoch so far. */
  readonly seconds: number
  /** Steps of all epochs. */
  readonly batches?: number
}

/** Indented, as `last.json` shows it. */
export function showRunState(state: RunState): string {
  return `${JSON.stringify(state, undefined, 2)}\n`
}

const scores = objectOf({ loss: maybe(aNumber), metrics: mapOf(maybe(aNumber)) })

/** What a state must have, so that nothing that reads it fails later. */
const shape = objectOf({
  format: aNumber,
  versions: objectOf({ brickwork: aText, node: aText }),
  config: anObject,
  setup: maybe(anObject),
  position: objectOf({ seed: aNumber, epoch: aNumber, batch: aNumber }),
  data: objectOf({ name: aText, length: aNumber, batchSize: aNumber }),
  generator: listOf(aNumber),
  optimizer: objectOf({
    name: aText,
    initialLr: aNumber,
    lr: aNumber,
    initialLrs: maybe(listOf(aNumber)),
    lrs: maybe(listOf(aNumber)),
  }),
  schedule: maybe(objectOf({ name: aText, step: aNumber })),
  options: maybe(anObject),
  history: listOf(
    objectOf({
      epoch: aNumber,
      train: scores,
      validation: maybe(scores),
      lr: maybe(aNumber),
      seconds: aNumber,
      loading: maybe(aNumber),
    }),
  ),
  best: maybe(objectOf({ epoch: aNumber, value: maybe(aNumber), waited: aNumber })),
  tally: objectOf({
    examples: aNumber,
    loss: maybe(aNumber),
    sums: listOf(listOf(maybe(aNumber))),
  }),
  seconds: aNumber,
  batches: maybe(aNumber),
})

/**
 * Reads the state from its JSON.
 *
 * @throws BrickError `checkpoint` that names what is missing, or another format's number.
 */
export function parseRunState(text: string, where: string): RunState {
  const value = parse(text, where)
  const bad = shape(value, '')
  if (bad) throw damaged(where, `the run's state with ${bad}`, 'another')
  if (!READABLE.includes(value['format'])) {
    throw new BrickError({
      kind: 'checkpoint',
      where,
      wanted: `format ${READABLE.join(' or ')}`,
      got: `format ${value['format']}`,
      remedy: 'Use the version of Brickwork that wrote the checkpoint.',
    })
  }
  return value as unknown as RunState
}

function parse(text: string, where: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeOf(value) === 'object') return value as Record<string, unknown>
    throw damaged(where, "the run's state as an object", typeOf(value))
  } catch (error) {
    if (error instanceof BrickError) throw error
    throw damaged(where, "the run's state in JSON", (error as Error).message)
  }
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return value === null ? 'nothing' : value === undefined ? 'nothing' : typeof value
}

function damaged(where: string, wanted: string, got: string): BrickError {
  const remedy = 'Take an older checkpoint, or train again.'
  return new BrickError({ kind: 'checkpoint', where, wanted, got, remedy })
}
