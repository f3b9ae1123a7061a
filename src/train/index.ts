/** Training: a loop over data with validation, early stopping and checkpoints. */
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type PassOptions,
} from './evaluate.ts'
export type { EventListener, MetricInfo, TrainEvent } from './events.ts'
export { fit } from './fit.ts'
export {
  type CrossValidation,
  type CrossValidationOptions,
  crossValidate,
  type Fold,
  type FoldOptions,
  type HoldOutOptions,
  holdOut,
  kFold,
} from './folds.ts'
export { type PredictionOptions, predictionGallery } from './gallery.ts'
export type { EpochRecord, Scores, StopReason } from './history.ts'
export type { LayerStatistics, Spread } from './layer-statistics.ts'
export { type LrRangeOptions, type LrRangeResult, lrRangeTest } from './lr-range.ts'
export { cutmix, type Mixing, type MixOptions, mixup } from './mixing.ts'
export type { EarlyStopping, FitOptions, LogKind } from './options.ts'
export { type PredictOptions, predict } from './predict.ts'
export type { Run } from './run.ts'
export type { Json } from './run-state.ts'
export type { LossFunction } from './tally.ts'
