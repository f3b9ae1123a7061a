import type { EpochRecord } from './history.ts'
import type { LayerStatistics } from './layer-statistics.ts'
import type { Metric } from './metrics.ts'
import type { Run } from './run.ts'

/** A metric as reports show it. */
export type MetricInfo = Pick<Metric<unknown>, 'name' | 'goal' | 'unit'>

/** What happens during a run, as `onEvent` is told. */
export type TrainEvent =
  | {
      readonly type: 'start'
      /** Epochs in all, and those that an earlier part of this run has done. */
      readonly epochs: number
      readonly done: number
      /** Steps of one epoch; 0 if the dataset doesn't know its length. */
      readonly steps: number
      readonly metrics: readonly MetricInfo[]
      readonly hasValidation: boolean
      /** Whether the learning rate changes. */
      readonly hasSchedule: boolean
      /** Whether examples are read while they are learnt: how long steps wait for them is shown. */
      readonly isStreamed: boolean
      readonly folder: string | undefined
    }
  | {
      readonly type: 'step'
      readonly epoch: number
      /** From 1, within the epoch. */
      readonly step: number
      readonly steps: number
      /** Mean loss of the step's batch. */
      readonly loss: number
      /** Learning rate of the first group. */
      readonly lr: number
    }
  | ({
      readonly type: 'statistics'
      readonly epoch: number
      /** From 1, within the epoch. */
      readonly step: number
      readonly steps: number
    } & LayerStatistics)
  | {
      readonly type: 'epoch'
      readonly epochs: number
      readonly record: EpochRecord
      readonly isBest: boolean
    }
  | { readonly type: 'checkpoint'; readonly path: string }
  | { readonly type: 'end'; readonly run: Run }
  /** What `train.fit` is about to throw. */
  | { readonly type: 'error'; readonly error: unknown }

/** Is told of events in order; what it returns is waited for. */
export type EventListener = (event: TrainEvent) => void | Promise<void>
