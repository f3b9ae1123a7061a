/** Optimisers and schedules: what changes parameters by their gradients, and how fast. */
export * from './adagrad.ts'
export {
  Adam,
  type AdamOptions,
  AdamW,
  adam,
  adamw,
  type MomentOptions,
} from './adam.ts'
export * from './adam-relatives.ts'
export * from './clip.ts'
export { EMA, type EmaOptions } from './ema.ts'
export * from './gradient-descent.ts'
export {
  type CommonOptions,
  Group,
  type ParameterGroup,
  type ParameterList,
  type Parameters,
} from './groups.ts'
export * from './lamb.ts'
export * from './lion.ts'
export { type Gradients, Optimizer, type OptimizerFactory } from './optimizer.ts'
export * from './rmsprop.ts'
export * from './schedules/compose.ts'
export {
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
  cosineAnnealingLR,
  cosineAnnealingWarmRestarts,
} from './schedules/cosine.ts'
export {
  ExponentialLR,
  type ExponentialLROptions,
  exponentialLR,
  LambdaLR,
  lambdaLR,
  MultiStepLR,
  type MultiStepLROptions,
  multiStepLR,
  PolynomialLR,
  type PolynomialLROptions,
  polynomialLR,
  StepLR,
  type StepLROptions,
  stepLR,
} from './schedules/decay.ts'
export * from './schedules/one-cycle.ts'
export * from './schedules/plateau.ts'
export * from './schedules/schedule.ts'
export * from './schedules/warmup.ts'
export * from './sgd.ts'
