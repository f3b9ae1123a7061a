import type { EpochRecord, StopReason } from './history.ts'

/** What became of a training run. */
export interface Run {
  /** One record for each epoch, those before a resume included. */
  readonly history: readonly EpochRecord[]
  /** The epoch with the best monitored value; undefined if no epoch was completed. */
  readonly best: { readonly epoch: number; readonly value: number } | undefined
  /** Whether the model now has the weights of the best epoch instead of the last one's. */
  readonly restoredBest: boolean
  readonly stoppedBy: StopReason
  /** Time that all epochs took. */
  readonly seconds: number
  /** Where the checkpoints are, if an `out` folder was given. */
  readonly folder: string | undefined
}
