/**
 * Brickwork: deep learning in TypeScript, from the first perceptron to pretrained ImageNet
 * networks, at the machine's speed.
 */
export type { DType, TypedArray } from './base/dtype.ts'
export { BrickError } from './base/errors.ts'
export type { Shape } from './base/shape.ts'
export * as data from './data/index.ts'
export * as hub from './hub/index.ts'
export * as models from './models/models.ts'
export * as nn from './nn/index.ts'
export * as onnx from './onnx/onnx.ts'
export * as optim from './optim/index.ts'
export * as plot from './plot/index.ts'
export * as standalone from './standalone/index.ts'
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
} from './tensor/adaptive-pool.ts'
export { checkpoint } from './tensor/checkpoint.ts'
export { backendNames, createBackend } from './tensor/choose.ts'
export { compile } from './tensor/compile.ts'
export { type ConvolveOptions, convolve } from './tensor/convolve.ts'
export { arange, eye, full, linspace, oneHot, ones, rand, randn, zeros } from './tensor/create.ts'
export { type EmbeddingOptions, embedding } from './tensor/embedding.ts'
export { currentBackend, settle, useBackend } from './tensor/engine.ts'
export * from './tensor/functions.ts'
export { noGrad } from './tensor/grad-mode.ts'
export { customGradient, grad } from './tensor/gradients.ts'
export { type InterpolateOptions, interpolate } from './tensor/interpolate.ts'
export {
  maxPool1dWithIndices,
  maxPool2dWithIndices,
  maxPool3dWithIndices,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  type UnpoolOptions,
} from './tensor/max-unpool.ts'
export { profile } from './tensor/profile.ts'
export { Generator, generator, manualSeed } from './tensor/random.ts'
export { type Scanned, type ScanOptions, type ScanRound, scan } from './tensor/scan.ts'
export { Tensor, type TensorLike, tensor, variable, where } from './tensor/tensor.ts'
export * as train from './train/index.ts'
export * as metrics from './train/metrics.ts'
export * as vision from './vision/index.ts'
export * as weights from './weights/index.ts'
