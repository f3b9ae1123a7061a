import type { Metric } from './metrics.ts'

/** Mean loss and metrics over a dataset. */
export interface Scores {
  readonly loss: number
  readonly metrics: Readonly<Record<string, number>>
}

/** One epoch of a run. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number
  /** While the weights were changing, averaged over the epoch's examples. */
  readonly train: Scores
  /** After the epoch, if there is a validation set. */
  readonly validation?: Scores
  /** The learning rate of the epoch's last step, of the optimiser's first group. */
  readonly lr?: number
  /** Time that the epoch took, validation included. */
  readonly seconds: number
  /** Of these, the time in which steps waited for their batches. */
  readonly loading?: number
}

/** Why a run ended. */
export type StopReason = 'epochs' | 'early-stopping' | 'aborted'

/** What the choice of the best epoch is based on: `loss` or a metric's name. */
export function monitored({ train, validation }: EpochRecord, monitor: string): number {
  const scores = validation ?? train
  return monitor === 'loss' ? scores.loss : (scores.metrics[monitor] ?? Number.NaN)
}

/** The best epoch so far and how long there was none better: JSON in the checkpoint. */
export interface Best {
  readonly epoch: number
  readonly value: number
  /** Epochs without an improvement of more than `minDelta` over `reference`. */
  readonly waited: number
  /** What early stopping compares with: the value of its last improvement. */
  readonly reference: number
}

/**
 * Takes an epoch into account; `isBest` if it is better than all before. A value of NaN, as some
 * metrics have without a positive example, is never better, and any number is better than it.
 */
export function follow(
  best: Best | undefined,
  record: EpochRecord,
  monitor: string,
  goal: Metric['goal'],
  minDelta: number,
): { best: Best; isBest: boolean } {
  const value = monitored(record, monitor)
  const { epoch } = record
  if (!best) return { best: { epoch, value, waited: 0, reference: value }, isBest: true }
  const gain = (over: number | null) => {
    // JSON has no NaN: in a checkpoint it is null.
    if (over === null || Number.isNaN(over)) return Number.isNaN(value) ? 0 : Infinity
    return goal === 'max' ? value - over : over - value
  }
  const isBest = gain(best.value) > 0
  const isImproved = gain(best.reference) > minDelta
  return {
    best: {
      epoch: isBest ? epoch : best.epoch,
      value: isBest ? value : best.value,
      waited: isImproved ? 0 : best.waited + 1,
      reference: isImproved ? value : best.reference,
    },
    isBest,
  }
}
