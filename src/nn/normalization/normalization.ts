import { BrickError } from '../../base/errors.ts'
import { type Shape, showShape, sizeOf } from '../../base/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** Usual distance of variances from 0. */
const EPS = 1e-5

interface Standardized {
  readonly output: Tensor
  /** Of the dims that were standardised over, at size 1. The variance is biased (÷ n). */
  readonly mean: Tensor
  readonly variance: Tensor
}

/**
 * (x − mean) / √(variance + eps) over some dims. The gradient is written out, since composed from
 * mean and variance it would pass over the data once more:
 * (g − mean(g) − x̂ · mean(g · x̂)) / √(variance + eps).
 */
function standardize(x: Tensor, dims: readonly number[], eps = EPS): Standardized {
  // A state may be assigned before the gradient is asked for: it sees the value of now.
  const input = new Tensor(x.node, x.requiresGrad)
  const mean = input.mean(dims, true)
  const centred = input.sub(mean)
  const variance = centred.square().mean(dims, true)
  const scale = variance.add(eps).rsqrt()
  const standard = centred.mul(scale)
  const output = standard.withHistory([x], (g) => {
    const along = g.mul(standard).mean(dims, true)
    return [g.sub(g.mean(dims, true)).sub(standard.mul(along)).mul(scale)]
  })
  return { output, mean: mean.detach(), variance: variance.detach() }
}

/** One value a channel of x [N, C, …], as [1, C, 1, …]. */
const perChannel = (values: Tensor, rank: number): Tensor =>
  values.reshape([1, -1, ...new Array<number>(rank - 2).fill(1)])

/** All dims but the channels'. */
const besideChannels = (rank: number): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => i !== 1)

function refuse(where: string, shape: Shape, wanted: string, remedy?: string): BrickError {
  const got = showShape(shape)
  return new BrickError({ kind: 'shape', where, got, wanted, ...(remedy ? { remedy } : {}) })
}

export interface AffineOptions {
  /** Factor of each channel (or of each element, in layerNorm). */
  readonly weight?: Tensor | undefined
  /** What is added to each channel (or element). */
  readonly bias?: Tensor | undefined
  /** Added to the variance (default 1e-5). */
  readonly eps?: number
}

function affine(x: Tensor, weight: Tensor | undefined, bias: Tensor | undefined): Tensor {
  const scaled = weight ? x.mul(weight) : x
  return bias ? scaled.add(bias) : scaled
}

const channelwise = (x: Tensor, { weight, bias }: AffineOptions): Tensor =>
  affine(x, weight && perChannel(weight, x.rank), bias && perChannel(bias, x.rank))

/** A batch by its own statistics, and these statistics (without history). */
export interface NormalizedBatch {
  readonly output: Tensor
  /** Of each channel, [C]. */
  readonly mean: Tensor
  /** Of each channel, [C], biased (÷ count). */
  readonly variance: Tensor
  /** Values in each channel. */
  readonly count: number
}

/** {@link batchNorm}, and the statistics that it used. */
export function normalizeBatch(x: Tensor, options: AffineOptions = {}): NormalizedBatch {
  if (x.rank < 2) throw refuse('batchNorm', x.shape, '[N, C, …]')
  const count = x.size / Math.max(1, x.shape[1]!)
  if (count <= 1) {
    throw refuse(
      'batchNorm',
      x.shape,
      'more than one value a channel in training',
      'Use a larger batch, or eval() to use the running statistics.',
    )
  }
  const { output, mean, variance } = standardize(x, besideChannels(x.rank), options.eps)
  return {
    output: channelwise(output, options),
    mean: mean.reshape([-1]),
    variance: variance.reshape([-1]),
    count,
  }
}

/**
 * Each channel of x [N, C, …] standardised by the batch's own mean and variance:
 * y = (x − mean) / √(var + eps) · weight + bias, weight and bias [C].
 *
 * Source: Ioffe and Szegedy, “Batch normalization”, 2015.
 *
 * @throws BrickError `shape` without a channel dim, or for a single value a channel.
 *
 * @example
 * ```ts
 * nn.batchNorm(x, { weight, bias })
 * ```
 */
export function batchNorm(x: Tensor, options: AffineOptions = {}): Tensor {
  return normalizeBatch(x, options).output
}

/**
 * Each channel of x [N, C, …] by a given mean and variance [C], as batch norm does in evaluation:
 * one factor and one summand a channel.
 */
export function batchNormEval(
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  { weight, bias, eps = EPS }: AffineOptions = {},
): Tensor {
  if (x.rank < 2) throw refuse('batchNorm', x.shape, '[N, C, …]')
  const spread = variance.add(eps).rsqrt()
  const scale = weight ? spread.mul(weight) : spread
  const shift = (bias ?? mean.neg().mul(0)).sub(mean.mul(scale))
  return x.mul(perChannel(scale, x.rank)).add(perChannel(shift, x.rank))
}

/**
 * Each example standardised over its last dims, `shape`: weight and bias have that shape too.
 *
 * Source: Ba et al., “Layer normalization”, 2016.
 *
 * @throws BrickError `shape` if x does not end in `shape`.
 */
export function layerNorm(x: Tensor, shape: Shape, options: AffineOptions = {}): Tensor {
  const dims = lastDims('layerNorm', x, shape)
  return affine(standardize(x, dims, options.eps).output, options.weight, options.bias)
}

/**
 * Each example of x [N, C, …] standardised over groups of channels; weight and bias [C].
 *
 * Source: Wu and He, “Group normalization”, 2018.
 *
 * @throws BrickError `shape` if the groups do not divide the channels.
 */
export function groupNorm(x: Tensor, groups: number, options: AffineOptions = {}): Tensor {
  const [n, c = 0] = x.shape
  if (x.rank < 2 || c % groups !== 0) {
    throw refuse('groupNorm', x.shape, `[N, C, …] with C divisible by ${groups} groups`)
  }
  const grouped = x.reshape([n!, groups, sizeOf(x.shape.slice(1)) / groups])
  return channelwise(standardize(grouped, [2], options.eps).output.reshape(x.shape), options)
}

/**
 * Each channel of each example of x [N, C, …] standardised alone; weight and bias [C].
 *
 * Source: Ulyanov et al., “Instance normalization”, 2016.
 */
export function instanceNorm(x: Tensor, options: AffineOptions = {}): Tensor {
  return normalizeInstances(x, options).output
}

/** {@link instanceNorm}, and the statistics that it used, averaged over the batch. */
export function normalizeInstances(x: Tensor, options: AffineOptions = {}): NormalizedBatch {
  if (x.rank < 3) throw refuse('instanceNorm', x.shape, '[N, C, …] with spatial dims')
  const count = sizeOf(x.shape.slice(2))
  if (count <= 1) {
    throw refuse('instanceNorm', x.shape, 'more than one value a channel of each example')
  }
  const dims = Array.from({ length: x.rank - 2 }, (_, i) => i + 2)
  const { output, mean, variance } = standardize(x, dims, options.eps)
  const perChannel = (values: Tensor) => values.reshape(x.shape.slice(0, 2)).mean(0)
  return {
    output: channelwise(output, options),
    mean: perChannel(mean),
    variance: perChannel(variance),
    count,
  }
}

/** The machine epsilon of f32, RMSNorm's usual eps. */
const EPSILON = 2 ** -23

/**
 * Each example divided by the root of its mean square over the last dims, `shape`:
 * y = x / √(mean(x²) + eps) · weight, weight of that shape; eps is 2⁻²³ unless given.
 *
 * Source: Zhang and Sennrich, “Root mean square layer normalization”, 2019.
 *
 * @throws BrickError `shape` if x does not end in `shape`.
 *
 * @example
 * ```ts
 * nn.rmsNorm(x, [3]).shape // [2, 8, 3]
 * ```
 */
export function rmsNorm(
  x: Tensor,
  shape: Shape,
  { weight, eps = EPSILON }: Omit<AffineOptions, 'bias'> = {},
): Tensor {
  const dims = lastDims('rmsNorm', x, shape)
  const scale = x.square().mean(dims, true).add(eps).rsqrt()
  return affine(x.mul(scale), weight, undefined)
}

/** The dims that `shape` stands for at the end of x's. */
function lastDims(name: string, x: Tensor, shape: Shape): number[] {
  const first = x.rank - shape.length
  if (first < 0 || shape.some((extent, i) => x.shape[first + i] !== extent)) {
    throw refuse(name, x.shape, `a shape that ends in ${showShape(shape)}`)
  }
  return shape.map((_, i) => first + i)
}

export interface LocalResponseOptions {
  readonly alpha?: number
  readonly beta?: number
  readonly k?: number
}

/**
 * x / (k + alpha · mean of x² over `size` neighbouring channels)^beta; missing neighbours are 0.
 *
 * Source: Krizhevsky et al., “ImageNet classification with deep convolutional neural networks”,
 * 2012 (AlexNet has size 5, k 2).
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseOptions = {},
): Tensor {
  if (x.rank < 3) throw refuse('localResponseNorm', x.shape, '[N, C, …] with spatial dims')
  const before = Math.floor(size / 2)
  const beside = x.shape.map(
    (_, i) => (i === 1 ? [before, size - 1 - before] : [0, 0]) as [number, number],
  )
  const squares = x.square().pad(beside)
  const channels = x.shape[1]!
  let sum = squares.slice([], [0, channels])
  for (let i = 1; i < size; i++) sum = sum.add(squares.slice([], [i, i + channels]))
  return x.div(
    sum
      .mul(alpha / size)
      .add(k)
      .pow(beta),
  )
}
