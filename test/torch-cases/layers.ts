import { nn, type Tensor, tensor } from '../../src/index.ts'

/** A layer called with options, or a function alone. */
interface Call {
  readonly layer?: nn.AnyModule
  readonly run: (...inputs: never[]) => Tensor | readonly Tensor[]
}

/** A call of a layer, whose states are the case's. */
const call = <M extends nn.AnyModule>(
  layer: M,
  run: (layer: M, ...inputs: Tensor[]) => Tensor | readonly Tensor[],
): Call => ({ layer, run: (...inputs: Tensor[]) => run(layer, ...inputs) })

const plain = (run: (...inputs: Tensor[]) => Tensor | readonly Tensor[]): Call => ({ run })

const conv = (paddingMode: 'zeros' | 'reflect' | 'replicate' | 'circular') => () =>
  new nn.Conv2d(2, 3, [3, 4], { padding: 'same', dilation: [2, 1], paddingMode })
const indexed = { stride: 2, padding: 1, returnIndices: true } as const
const tracking = { affine: true, trackRunningStats: true }
const small = { dimFeedforward: 8, dropout: 0 }
const encoderLayer = () => new nn.TransformerEncoderLayer(6, 2, small)
const decoderLayer = () => new nn.TransformerDecoderLayer(6, 2, small)
const attention =
  (options: nn.AttentionOptions = {}) =>
  () =>
    plain((q, k, v, mask) => nn.scaledDotProductAttention(q!, k!, v!, { mask, ...options }))
const mha =
  (options: nn.MultiheadOptions, how: (mask?: Tensor, more?: Tensor) => nn.AttentionCall) => () =>
    call(new nn.MultiheadAttention(6, 2, options), (m, a, b, mask, more) =>
      m.forward(a!, b!, b!, how(mask, more)),
    )
const classWeights = () => tensor([0.5, 1, 2])

/** What computes each case of layers.json, by its name. */
export const callables: Readonly<Record<string, () => nn.AnyModule | Call>> = {
  Embedding: () => new nn.Embedding(6, 3, { paddingIdx: 2 }),
  Bilinear: () => new nn.Bilinear(3, 4, 2),
  ConvTranspose1d: () =>
    new nn.ConvTranspose1d(4, 6, 3, { stride: 3, padding: 1, outputPadding: 2, groups: 2 }),
  ConvTranspose2d: () =>
    new nn.ConvTranspose2d(2, 3, [3, 2], {
      stride: [2, 1],
      padding: 1,
      outputPadding: [1, 0],
      dilation: [1, 2],
    }),
  ConvTranspose3d: () => new nn.ConvTranspose3d(2, 2, 2, { stride: 2, bias: false }),
  'Conv2d zeros': conv('zeros'),
  'Conv2d reflect': conv('reflect'),
  'Conv2d replicate': conv('replicate'),
  'Conv2d circular': conv('circular'),
  'Conv1d circular': () =>
    new nn.Conv1d(2, 2, 3, { stride: 2, padding: 2, paddingMode: 'circular' }),
  'Conv3d replicate': () => new nn.Conv3d(1, 2, 2, { padding: 1, paddingMode: 'replicate' }),
  ReflectionPad2d: () => new nn.ReflectionPad2d([1, 2, 0, 1]),
  ReplicationPad3d: () => new nn.ReplicationPad3d([1, 0, 2, 1, 0, 3]),
  CircularPad1d: () => new nn.CircularPad1d([2, 3]),
  ConstantPad2d: () => new nn.ConstantPad2d([1, -1, 2, 0], 0.5),
  ZeroPad2d: () => new nn.ZeroPad2d(1),
  AdaptiveAvgPool1d: () => new nn.AdaptiveAvgPool1d(3),
  AdaptiveAvgPool3d: () => new nn.AdaptiveAvgPool3d([1, 2, 3]),
  AdaptiveMaxPool1d: () => new nn.AdaptiveMaxPool1d(3),
  AdaptiveMaxPool2d: () => new nn.AdaptiveMaxPool2d([3, 2]),
  'AdaptiveMaxPool2d ties': () => new nn.AdaptiveMaxPool2d([2, 2]),
  AdaptiveMaxPool3d: () => new nn.AdaptiveMaxPool3d([2, 1, 3]),
  'MaxPool1d indices': () => new nn.MaxPool1d(3, indexed),
  'MaxPool2d indices': () => new nn.MaxPool2d(3, indexed),
  'MaxPool3d indices': () => new nn.MaxPool3d(3, indexed),
  'MaxPool2d dilated': () => new nn.MaxPool2d(2, { stride: 1, dilation: 2, returnIndices: true }),
  MaxUnpool2d: () => new nn.MaxUnpool2d(2),
  BatchNorm3d: () => new nn.BatchNorm3d(2),
  InstanceNorm1d: () => new nn.InstanceNorm1d(3),
  InstanceNorm2d: () => new nn.InstanceNorm2d(2, tracking),
  InstanceNorm3d: () => new nn.InstanceNorm3d(2, { affine: true }),
  'InstanceNorm2d eval': () => new nn.InstanceNorm2d(2, { trackRunningStats: true }).eval(),
  LayerNorm: () => new nn.LayerNorm([3, 4]),
  'LayerNorm no bias': () => new nn.LayerNorm(4, { bias: false }),
  GroupNorm: () => new nn.GroupNorm(2, 4),
  RMSNorm: () => new nn.RMSNorm(4),
  LocalResponseNorm: () => new nn.LocalResponseNorm(3, { alpha: 0.5, k: 2 }),
  PReLU: () => new nn.PReLU(3),
  'PReLU one': () => new nn.PReLU(),
  SELU: () => new nn.SELU(),
  CELU: () => new nn.CELU(0.7),
  Mish: () => new nn.Mish(),
  Hardswish: () => new nn.Hardswish(),
  Hardsigmoid: () => new nn.Hardsigmoid(),
  ReLU6: () => new nn.ReLU6(),
  Softsign: () => new nn.Softsign(),
  LogSigmoid: () => new nn.LogSigmoid(),
  GLU: () => new nn.GLU(1),
  Unflatten: () => new nn.Unflatten(1, [2, 3]),
  'Upsample nearest': () => new nn.Upsample({ scaleFactor: 2 }),
  'Upsample bilinear': () => new nn.Upsample({ size: [5, 7], mode: 'bilinear' }),
  PixelShuffle: () => new nn.PixelShuffle(2),
  PixelUnshuffle: () => new nn.PixelUnshuffle(3),

  weightNorm: () => nn.weightNorm(new nn.Linear(3, 4)),
  'weightNorm conv': () => nn.weightNorm(new nn.Conv1d(2, 3, 2), 'weight', 1),
  'weightNorm whole': () => nn.weightNorm(new nn.Linear(3, 4), 'weight', null),
  spectralNorm: () => nn.spectralNorm(new nn.Linear(3, 4)),
  'spectralNorm eval': () => nn.spectralNorm(new nn.Linear(3, 4)).eval(),
  'spectralNorm transposed': () => nn.spectralNorm(new nn.ConvTranspose1d(2, 3, 2)),

  attention: attention(),
  'attention causal': attention({ causal: true }),
  'attention bool': attention({ scale: 0.3 }),
  'attention float': attention(),
  'attention all masked': attention(),
  MHA: () => new nn.MultiheadAttention(6, 2),
  'MHA batch first': () =>
    call(new nn.MultiheadAttention(6, 3, { batchFirst: true }), (m, a, b) =>
      m.forward(a!, b!, b!, { averageAttnWeights: false }),
    ),
  'MHA padding': mha({}, (keyPaddingMask) => ({ keyPaddingMask })),
  'MHA mask': mha({ bias: false }, (attnMask) => ({ attnMask })),
  'MHA masks': mha({}, (keyPaddingMask, attnMask) => ({ keyPaddingMask, attnMask })),
  'MHA sizes': () => new nn.MultiheadAttention(6, 2, { kdim: 3, vdim: 4 }),
  'MHA extra keys': mha({ addBiasKv: true, addZeroAttn: true }, (keyPaddingMask) => ({
    keyPaddingMask,
  })),
  'MHA single': () => new nn.MultiheadAttention(6, 2),
  'encoder layer': encoderLayer,
  'encoder layer, norm first': () =>
    new nn.TransformerEncoderLayer(6, 2, {
      ...small,
      activation: 'gelu',
      normFirst: true,
      batchFirst: true,
    }),
  'encoder layer, masked': () =>
    call(encoderLayer(), (m, x, attnMask, keyPaddingMask) =>
      m.forward(x!, { attnMask, keyPaddingMask }),
    ),
  'decoder layer': () =>
    call(decoderLayer(), (m, x, memory, attnMask) =>
      m.forward(x!, memory!, { self: { attnMask } }),
    ),
  'decoder layer, norm first': () =>
    call(
      new nn.TransformerDecoderLayer(6, 2, { ...small, normFirst: true }),
      (m, x, memory, keyPaddingMask) => m.forward(x!, memory!, { memory: { keyPaddingMask } }),
    ),
  encoder: () => new nn.TransformerEncoder(encoderLayer, 2, new nn.LayerNorm(6)),
  decoder: () => new nn.TransformerDecoder(decoderLayer, 2),

  'cross entropy per pixel': () => new nn.CrossEntropyLoss(),
  'cross entropy per pixel, weights': () =>
    new nn.CrossEntropyLoss({ weight: classWeights(), labelSmoothing: 0.1 }),
  'cross entropy per pixel, none': () =>
    new nn.CrossEntropyLoss({ weight: classWeights(), labelSmoothing: 0.1, reduction: 'none' }),
  'cross entropy per pixel, ignored': () =>
    new nn.CrossEntropyLoss({ ignoreIndex: 2, reduction: 'sum' }),
  'cross entropy per pixel, soft': () =>
    new nn.CrossEntropyLoss({ weight: classWeights(), labelSmoothing: 0.2 }),
  'cross entropy per pixel, soft sum': () => new nn.CrossEntropyLoss({ reduction: 'sum' }),
  KLDivLoss: () => new nn.KLDivLoss({ reduction: 'batchmean' }),
  SoftMarginLoss: () => new nn.SoftMarginLoss(),
  MultiMarginLoss: () => new nn.MultiMarginLoss({ p: 2, margin: 0.7 }),
  CosineEmbeddingLoss: () => new nn.CosineEmbeddingLoss({ margin: 0.2 }),
  TripletMarginLoss: () => new nn.TripletMarginLoss({ margin: 0.8, p: 3 }),
  focal: () => new nn.FocalLoss({ gamma: 2.5, alpha: 0.3 }),
  'focal classes': () => new nn.FocalCrossEntropyLoss(),
  infoNce: () =>
    plain((a, b, negatives) => nn.infoNce(a!, b!, { negatives: negatives!, temperature: 0.2 })),
  negativeSampling: () => new nn.NegativeSamplingLoss(),
  squaredHinge: () => new nn.SquaredHingeLoss(),
  gaussianKl: () => plain((mean, logVar) => nn.gaussianKl(mean!, logVar!)),
  gaussianLogLikelihood: () =>
    plain((x, mean, logVar) => nn.gaussianLogLikelihood(x!, mean!, logVar!)),
  bernoulliLogLikelihood: () => plain((x, logits) => nn.bernoulliLogLikelihood(x!, logits!)),
}
