/** Layers, activation functions, normalisations, losses and initialisers. */
export * from './activation-layers.ts'
export * from './activations.ts'
export * from './adaptive-pool.ts'
export * from './batchnorm.ts'
export * from './bilinear.ts'
export * from './contrastive-losses.ts'
export * from './conv.ts'
export * from './conv-transpose.ts'
export * from './cross-entropy.ts'
export * from './ctc.ts'
export {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  gaussianNoise,
} from './dropout.ts'
export * from './dropout-layers.ts'
export * from './elbo.ts'
export * from './embedding.ts'
export * from './embedding-loss-layers.ts'
export * from './filters.ts'
export * from './fixed-filters.ts'
export * from './flatten.ts'
export * from './focal-loss.ts'
export * from './global-pool.ts'
export * as init from './init.ts'
export * from './instance-norm.ts'
export * from './learned-activations.ts'
export * from './linear.ts'
export * from './loss-layers.ts'
export {
  bce,
  bceWithLogits,
  hinge,
  huber,
  type KlDivOptions,
  klDiv,
  type MarginOptions,
  mae,
  mse,
  smoothL1,
  softMargin,
  squaredHinge,
  squareLoss,
} from './losses.ts'
export * from './margin-losses.ts'
export { type AnyModule, Module } from './module.ts'
export * from './module-list.ts'
export * from './multi-task.ts'
export * from './multihead-attention.ts'
export * from './norm-layers.ts'
export {
  type AffineOptions,
  batchNorm,
  batchNormEval,
  groupNorm,
  instanceNorm,
  type LocalResponseOptions,
  layerNorm,
  localResponseNorm,
  type NormalizedBatch,
  normalizeBatch,
  rmsNorm,
} from './normalization.ts'
export * from './pad.ts'
export * from './parallel.ts'
export { parameter } from './parameter.ts'
export { Parametrization, removeParametrization } from './parametrize.ts'
export * from './pool.ts'
export * from './positional-encoding.ts'
export * from './recurrent.ts'
export * from './recurrent-cell-layers.ts'
export type { Reduction, ReductionOptions } from './reduction.ts'
export * from './residual.ts'
export * from './resize.ts'
export { type AttentionOptions, scaledDotProductAttention } from './scaled-dot-product-attention.ts'
export * from './sequential.ts'
export * from './spectral-norm.ts'
export type { GivenState, LoadOptions, LoadReport, StateDict, StateValue } from './state.ts'
export * from './stochastic-depth.ts'
export * from './transformer.ts'
export * from './transformer-layer.ts'
export * from './unpool.ts'
export * from './weight-norm.ts'
