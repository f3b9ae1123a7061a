/** Training: a loop over data with validation, early stopping and checkpoints. */
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type PredictOptions,
  predict,
} from './evaluate.ts'
export type { EventListener, MetricInfo, TrainEvent } from './events.ts'
export { fit } from './fit.ts'
export type { EpochRecord, Scores, StopReason } from './history.ts'
export type { EarlyStopping, FitOptions } from './options.ts'
export type { Run } from './run.ts'
export type { Json } from './run-state.ts'
export type { LossFunction } from './tally.ts'
