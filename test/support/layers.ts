import { nn, type Tensor, tensor } from '../../src/index.ts'
import { called, type Given, integers, layer, type Samples, within } from './sample.ts'

const lines = [2, 2, 6]
const planes = [1, 2, 4, 4]
const volumes = [1, 2, 3, 4, 3]
const same = { padding: 'same', paddingMode: 'reflect' } as const
const small = { dimFeedforward: 4, dropout: 0.25 }
const encoder = () => new nn.TransformerEncoderLayer(4, 2, small)
const decoder = () => new nn.TransformerDecoderLayer(4, 2, small)
const maxima = { padding: 1, returnIndices: true } as const
const where = (shape: readonly number[], ...at: readonly number[]) => integers(...at).reshape(shape)

/** A layer for 1, 2 and 3 spatial dims. */
function each(
  name: string,
  makes: readonly (() => Parameters<typeof layer>[0] extends () => infer M ? M : never)[],
): Samples {
  const inputs: readonly Given[] = [lines, planes, volumes]
  return Object.fromEntries(makes.map((make, i) => [`${name}${i + 1}d`, layer(make, inputs[i]!)]))
}

/** One sample for each layer that nn exports. */
export const layers: Samples = {
  // linear
  Linear: layer(() => new nn.Linear(3, 4), [2, 3]),
  Bilinear: layer(() => new nn.Bilinear(3, 2, 2), [2, 3], [2, 2]),
  Identity: layer(() => new nn.Identity(), [2, 3]),
  Embedding: layer(() => new nn.Embedding(5, 3), integers(1, 4, 1)),
  Maxout: layer(() => new nn.Maxout(3, 2, 3), [2, 3]),
  // convolution
  ...each('Conv', [
    () => new nn.Conv1d(2, 4, 3, { ...same, groups: 2 }),
    () => new nn.Conv2d(2, 3, 3, same),
    () => new nn.Conv3d(2, 2, 2, { stride: 2, padding: 1 }),
  ]),
  ...each('ConvTranspose', [
    () => new nn.ConvTranspose1d(2, 4, 3, { stride: 2, outputPadding: 1, groups: 2 }),
    () => new nn.ConvTranspose2d(2, 3, 3, { stride: 2, padding: 1 }),
    () => new nn.ConvTranspose3d(2, 2, 2),
  ]),
  FixedFilter2d: layer(() => new nn.FixedFilter2d(nn.sobelFilters(), { channels: 2 }), planes),
  Sobel: layer(() => new nn.Sobel({ channels: 2 }), planes),
  GaussianBlur: layer(() => new nn.GaussianBlur(3, 1, { channels: 2 }), planes),
  Gabor: layer(() => new nn.Gabor(3, { channels: 2 }), planes),
  // pooling
  ...each('MaxPool', [
    () => new nn.MaxPool1d(2),
    () => new nn.MaxPool2d(3, maxima) as never,
    () => new nn.MaxPool3d(2),
  ]),
  ...each('AvgPool', [
    () => new nn.AvgPool1d(2),
    () => new nn.AvgPool2d(3, { stride: 2, padding: 1 }),
    () => new nn.AvgPool3d(2),
  ]),
  ...each('AdaptiveAvgPool', [
    () => new nn.AdaptiveAvgPool1d(4),
    () => new nn.AdaptiveAvgPool2d(3),
    () => new nn.AdaptiveAvgPool3d(2),
  ]),
  ...each('AdaptiveMaxPool', [
    () => new nn.AdaptiveMaxPool1d(4),
    () => new nn.AdaptiveMaxPool2d(3),
    () => new nn.AdaptiveMaxPool3d(2),
  ]),
  GlobalAvgPool: layer(() => new nn.GlobalAvgPool(), planes),
  GlobalMaxPool: layer(() => new nn.GlobalMaxPool(), planes),
  MaxUnpool1d: layer(() => new nn.MaxUnpool1d(2), [1, 1, 2], where([1, 1, 2], 1, 2)),
  MaxUnpool2d: layer(() => new nn.MaxUnpool2d(2), [1, 1, 1, 2], where([1, 1, 1, 2], 4, 3)),
  MaxUnpool3d: layer(() => new nn.MaxUnpool3d(2), [1, 1, 1, 1, 2], where([1, 1, 1, 1, 2], 5, 3)),
  // padding
  ...each('ConstantPad', [
    () => new nn.ConstantPad1d(1, 0.5),
    () => new nn.ConstantPad2d(1, 0.5),
    () => new nn.ConstantPad3d(1, 0.5),
  ]),
  ...each('ZeroPad', [
    () => new nn.ZeroPad1d(1),
    () => new nn.ZeroPad2d([1, 2, 0, 1]),
    () => new nn.ZeroPad3d(1),
  ]),
  ...each('ReflectionPad', [
    () => new nn.ReflectionPad1d(2),
    () => new nn.ReflectionPad2d(2),
    () => new nn.ReflectionPad3d(1),
  ]),
  ...each('ReplicationPad', [
    () => new nn.ReplicationPad1d(2),
    () => new nn.ReplicationPad2d(2),
    () => new nn.ReplicationPad3d(1),
  ]),
  ...each('CircularPad', [
    () => new nn.CircularPad1d(2),
    () => new nn.CircularPad2d(2),
    () => new nn.CircularPad3d(1),
  ]),
  // normalisation
  ...each('BatchNorm', [
    () => new nn.BatchNorm1d(2),
    () => new nn.BatchNorm2d(2),
    () => new nn.BatchNorm3d(2),
  ]),
  ...each('InstanceNorm', [
    () => new nn.InstanceNorm1d(2, { affine: true }),
    () => new nn.InstanceNorm2d(2, { trackRunningStats: true }),
    () => new nn.InstanceNorm3d(2),
  ]),
  LayerNorm: layer(() => new nn.LayerNorm([2, 3]), [2, 2, 3]),
  GroupNorm: layer(() => new nn.GroupNorm(2, 4), [2, 4, 3]),
  RMSNorm: layer(() => new nn.RMSNorm(4), [2, 4]),
  LocalResponseNorm: layer(() => new nn.LocalResponseNorm(3), [1, 4, 2, 2]),
  // noise
  Dropout: layer(() => new nn.Dropout(), [4, 5]),
  ...each('Dropout', [
    () => new nn.Dropout1d(),
    () => new nn.Dropout2d(),
    () => new nn.Dropout3d(),
  ]),
  AlphaDropout: layer(() => new nn.AlphaDropout(), [4, 5]),
  GaussianNoise: layer(() => new nn.GaussianNoise(), [4, 5]),
  StochasticDepth: layer(() => new nn.StochasticDepth(0.5), [4, 5]),
  DropPath: layer(() => new nn.DropPath(0.5, 'batch'), [4, 5]),
  // activations
  ReLU: layer(() => new nn.ReLU(), [3, 4]),
  ReLU6: layer(() => new nn.ReLU6(), within(-9, 9, 3, 4)),
  LeakyReLU: layer(() => new nn.LeakyReLU(), [3, 4]),
  PReLU: layer(() => new nn.PReLU(4), [3, 4]),
  ELU: layer(() => new nn.ELU(), [3, 4]),
  SELU: layer(() => new nn.SELU(), [3, 4]),
  CELU: layer(() => new nn.CELU(), [3, 4]),
  GELU: layer(() => new nn.GELU(), [3, 4]),
  SiLU: layer(() => new nn.SiLU(), [3, 4]),
  Mish: layer(() => new nn.Mish(), [3, 4]),
  Sigmoid: layer(() => new nn.Sigmoid(), [3, 4]),
  LogSigmoid: layer(() => new nn.LogSigmoid(), [3, 4]),
  Hardsigmoid: layer(() => new nn.Hardsigmoid(), within(-5, 5, 3, 4)),
  Hardswish: layer(() => new nn.Hardswish(), within(-5, 5, 3, 4)),
  Tanh: layer(() => new nn.Tanh(), [3, 4]),
  Hardtanh: layer(() => new nn.Hardtanh(), [3, 4]),
  Ramp: layer(() => new nn.Ramp(0, 1), [3, 4]),
  Softplus: layer(() => new nn.Softplus(2), [3, 4]),
  Softsign: layer(() => new nn.Softsign(), [3, 4]),
  Softmax: layer(() => new nn.Softmax(), [3, 4]),
  LogSoftmax: layer(() => new nn.LogSoftmax(), [3, 4]),
  GLU: layer(() => new nn.GLU(), [3, 4]),
  // shapes
  Flatten: layer(() => new nn.Flatten(), planes),
  Unflatten: layer(() => new nn.Unflatten(1, [2, 3]), [2, 6]),
  Upsample: layer(() => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }), planes),
  PixelShuffle: layer(() => new nn.PixelShuffle(2), [1, 4, 2, 3]),
  PixelUnshuffle: layer(() => new nn.PixelUnshuffle(2), planes),
  // attention
  MultiheadAttention: layer(() => new nn.MultiheadAttention(4, 2), [3, 2, 4], [2, 2, 4], [2, 2, 4]),
  TransformerEncoderLayer: layer(encoder, [3, 2, 4]),
  TransformerDecoderLayer: layer(decoder, [3, 2, 4], [2, 2, 4]),
  TransformerEncoder: layer(() => new nn.TransformerEncoder(encoder, 2), [3, 1, 4]),
  TransformerDecoder: layer(() => new nn.TransformerDecoder(decoder, 1), [3, 1, 4], [2, 1, 4]),
  SinusoidalPositionalEncoding: layer(() => new nn.SinusoidalPositionalEncoding(5, 4), [3, 4]),
  LearnedPositionalEncoding: layer(() => new nn.LearnedPositionalEncoding(5, 4), [3, 4]),
  // recurrence
  RNN: layer(() => new nn.RNN(2, 3, { bidirectional: true }), [3, 2, 2]),
  GRU: layer(() => new nn.GRU(2, 3, { numLayers: 2 }), [3, 2, 2]),
  LSTM: layer(() => new nn.LSTM(2, 3), [3, 2, 2]),
  RNNCell: layer(() => new nn.RNNCell(2, 3), [2, 2], [2, 3]),
  GRUCell: layer(() => new nn.GRUCell(2, 3), [2, 2], [2, 3]),
  LSTMCell: called(
    () => new nn.LSTMCell(2, 3),
    (cell, x, h, c) => cell.forward(x!, [h!, c!]),
    [2, 2],
    [2, 3],
    [2, 3],
  ),
  // containers
  Sequential: layer(() => new nn.Sequential(new nn.Linear(3, 3), new nn.Tanh()), [2, 3]),
  Residual: layer(() => new nn.Residual(new nn.Linear(3, 3)), [2, 3]),
  Parallel: layer(() => new nn.Parallel([new nn.Linear(3, 2), new nn.Tanh()]), [2, 3]),
  Concat: layer(() => new nn.Concat([new nn.Linear(3, 2), new nn.Tanh()]), [2, 3]),
  ModuleList: called(
    () => new nn.ModuleList([new nn.Linear(3, 3)]),
    (list, x) => list.at(0).forward(x!),
    [2, 3],
  ),
  ModuleDict: called(
    () => new nn.ModuleDict({ a: new nn.Linear(3, 3) }),
    (map, x) => map.at('a').forward(x!),
    [2, 3],
  ),
  MultiTask: layer(
    () => new nn.MultiTask(new nn.Linear(3, 2), { a: new nn.Tanh(), b: new nn.Linear(2, 1) }),
    [2, 3],
  ),
  // parametrisations
  weightNorm: layer(() => nn.weightNorm(new nn.Linear(3, 2)), [2, 3]),
  // In evaluation: in training the power iteration depends on the weight, its gradient does not.
  spectralNorm: layer(() => nn.spectralNorm(new nn.Linear(3, 2)).eval(), [2, 3]),
  removeParametrization: layer(
    () => nn.removeParametrization(nn.weightNorm(new nn.Linear(3, 2))),
    [2, 3],
  ),
}

const classes = integers(2, 0)
const signs: Tensor = tensor([1, -1, -1, 1, 1, -1]).reshape([2, 3])
const shares: Tensor = tensor([0.1, 0.9, 0.5, 0.3, 0.6, 0.7]).reshape([2, 3])
const [rows, targets] = [[2, 3], within(-3, -2.1, 2, 3)] as const

/** One sample for each class that ends in Loss. */
export const lossLayers: Samples = {
  CrossEntropyLoss: layer(() => new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }), rows, classes),
  NLLLoss: layer(() => new nn.NLLLoss(), rows, classes),
  MSELoss: layer(() => new nn.MSELoss(), rows, targets),
  SquareLoss: layer(() => new nn.SquareLoss(), rows, targets),
  L1Loss: layer(() => new nn.L1Loss(), rows, targets),
  HuberLoss: layer(() => new nn.HuberLoss({ delta: 0.5 }), rows, targets),
  SmoothL1Loss: layer(() => new nn.SmoothL1Loss({ beta: 2 }), rows, targets),
  BCELoss: layer(() => new nn.BCELoss(), within(0.1, 0.9, 2, 3), shares),
  BCEWithLogitsLoss: layer(() => new nn.BCEWithLogitsLoss(), rows, shares),
  SoftMarginLoss: layer(() => new nn.SoftMarginLoss(), rows, signs),
  HingeLoss: layer(() => new nn.HingeLoss(), rows, signs),
  SquaredHingeLoss: layer(() => new nn.SquaredHingeLoss(), rows, signs),
  KLDivLoss: layer(() => new nn.KLDivLoss({ reduction: 'batchmean' }), rows, shares),
  MultiMarginLoss: layer(() => new nn.MultiMarginLoss(), rows, classes),
  MaxMarginLoss: layer(() => new nn.MaxMarginLoss(), rows, classes),
  FocalLoss: layer(() => new nn.FocalLoss(), rows, shares),
  FocalCrossEntropyLoss: layer(() => new nn.FocalCrossEntropyLoss(), rows, classes),
  InfoNCELoss: layer(() => new nn.InfoNCELoss({ temperature: 0.5 }), rows, [2, 3]),
  CosineEmbeddingLoss: layer(() => new nn.CosineEmbeddingLoss(), rows, [2, 3], tensor([1, -1])),
  ContrastiveLoss: layer(() => new nn.ContrastiveLoss({ margin: 5 }), rows, [2, 3], tensor([1, 0])),
  TripletMarginLoss: layer(() => new nn.TripletMarginLoss({ margin: 4 }), rows, [2, 3], [2, 3]),
  CTCLoss: layer(() => new nn.CTCLoss(), [4, 2, 3], integers(1, 2, 2, 1).reshape([2, 2])),
  NegativeSamplingLoss: layer(() => new nn.NegativeSamplingLoss(), rows, [2, 3], [2, 2, 3]),
}

/** What nn exports besides, with the reason why it has no row. */
export const noLayers: Readonly<Record<string, string>> = {
  Module: 'the base class',
  Convolution: 'the base class of Conv1d, Conv2d, Conv3d',
  TransposedConvolution: 'the base class of ConvTranspose1d, ConvTranspose2d, ConvTranspose3d',
  Parametrization: 'the base class of what weightNorm and spectralNorm make',
  parameter: 'makes a state',
}
