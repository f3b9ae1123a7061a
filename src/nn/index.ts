/** Layers, activation functions, normalisations, losses and initialisers. */
export * from './activations/activation-layers.ts'
export * from './activations/activations.ts'
export * from './activations/learned-activations.ts'
export * from './attention/multihead-attention.ts'
export * from './attention/positional-encoding.ts'
export {
  type AttentionOptions,
  scaledDotProductAttention,
} from './attention/scaled-dot-product-attention.ts'
export * from './attention/transformer.ts'
export * from './attention/transformer-layer.ts'
export * from './containers/module-list.ts'
export * from './containers/multi-task.ts'
export * from './containers/parallel.ts'
export * from './containers/residual.ts'
export * from './containers/sequential.ts'
export * from './convolution/conv.ts'
export * from './convolution/conv-transpose.ts'
export * from './convolution/filters.ts'
export * from './convolution/fixed-filters.ts'
export {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  gaussianNoise,
} from './dropout/dropout.ts'
export * from './dropout/dropout-layers.ts'
export * from './dropout/stochastic-depth.ts'
export * as init from './init/init.ts'
export * from './linear/bilinear.ts'
export * from './linear/embedding.ts'
export * from './linear/linear.ts'
export * from './losses/contrastive-losses.ts'
export * from './losses/cross-entropy.ts'
export * from './losses/ctc.ts'
export * from './losses/elbo.ts'
export * from './losses/embedding-loss-layers.ts'
export * from './losses/focal-loss.ts'
export * from './losses/loss-layers.ts'
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
} from './losses/losses.ts'
export * from './losses/margin-losses.ts'
export type { Reduction, ReductionOptions } from './losses/reduction.ts'
export { mapState, type StateMapping, type StateRule } from './module/mapping.ts'
export { type AnyModule, Module } from './module/module.ts'
export { parameter } from './module/parameter.ts'
export type { LoadOptions, LoadReport } from './module/state.ts'
export type { GivenState, StateDict, StateValue } from './module/state-dict.ts'
export * from './normalization/batchnorm.ts'
export * from './normalization/instance-norm.ts'
export * from './normalization/norm-layers.ts'
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
} from './normalization/normalization.ts'
export { Parametrization, removeParametrization } from './parametrizations/parametrize.ts'
export * from './parametrizations/spectral-norm.ts'
export * from './parametrizations/weight-norm.ts'
export * from './pooling/adaptive-pool.ts'
export * from './pooling/global-pool.ts'
export * from './pooling/pool.ts'
export * from './pooling/unpool.ts'
export * from './recurrent/recurrent.ts'
export * from './recurrent/recurrent-cell-layers.ts'
export * from './shape/flatten.ts'
export * from './shape/pad.ts'
export * from './shape/resize.ts'
