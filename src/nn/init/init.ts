import { BrickError } from '../../base/errors.ts'
import { type Shape, showShape, sizeOf } from '../../base/shape.ts'
import { full } from '../../tensor/create.ts'
import { type HostGenerator, hostGenerator } from '../../tensor/host-random.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { drawn } from './drawn.ts'
import { refuseZeros } from './init-zeros.ts'

export { skip } from './drawn.ts'
export * from './init-special.ts'

/**
 * Initial values of weights. They are drawn on the host from the seed that `manualSeed` sets, so a
 * seed gives the same weights on every backend.
 *
 * @example
 * ```ts
 * for (const m of model.modules()) {
 *   if (m instanceof nn.Conv2d) m.weight.assign(nn.init.kaimingNormal(m.weight.shape))
 * }
 * ```
 */
export type Initializer = (shape: Shape) => Tensor

/** What follows the layer; it decides the gain. */
export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu'

/** Which fan keeps its variance: the forward values' (`fanIn`) or the gradients' (`fanOut`). */
export type FanMode = 'fanIn' | 'fanOut'

export interface KaimingOptions {
  readonly mode?: FanMode
  readonly nonlinearity?: Nonlinearity
  /** Slope of leakyRelu below 0. */
  readonly a?: number
  readonly generator?: HostGenerator
}

/**
 * U[low, high).
 *
 * @throws BrickError `argument` for a weight of nothing but 0.
 */
export function uniform(shape: Shape, low = 0, high = 1, generator = hostGenerator): Tensor {
  refuseZeros('uniform', shape, low === 0 && high === 0, 'U[0, 0)')
  return drawn(shape, () => generator.uniform(shape, low, high))
}

/**
 * N(mean, std²).
 *
 * @throws BrickError `argument` for a weight of nothing but 0.
 */
export function normal(shape: Shape, mean = 0, std = 1, generator = hostGenerator): Tensor {
  refuseZeros('normal', shape, mean === 0 && std === 0, 'N(0, 0)')
  return drawn(shape, () => generator.normal(shape, mean, std))
}

/**
 * `value` everywhere.
 *
 * @throws BrickError `argument` for a weight (2 dims or more) of 0: {@link zeros} gives that.
 */
export function constant(shape: Shape, value: number): Tensor {
  refuseZeros('constant', shape, value === 0, 'the constant 0')
  return full(shape, value)
}
/** 0 everywhere: for biases, or for weights that are meant to begin without effect. */
export const zeros = (shape: Shape): Tensor => full(shape, 0)
export const ones = (shape: Shape): Tensor => full(shape, 1)

/**
 * How many inputs feed each output of a weight, and how many outputs each input feeds:
 * [out, in, …kernel] → in · |kernel| and out · |kernel|.
 *
 * @throws BrickError `shape` for fewer than two dims.
 */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  const [out, input, ...kernel] = shape
  if (out === undefined || input === undefined) {
    throw new BrickError({
      kind: 'shape',
      where: 'init',
      got: showShape(shape),
      wanted: 'a weight of at least 2 dims, [out, in, …kernel]',
      remedy: 'Use zeros, ones, uniform or normal for biases and scales.',
    })
  }
  const reach = sizeOf(kernel)
  return { fanIn: input * reach, fanOut: out * reach }
}

/**
 * The factor by which a nonlinearity shrinks the standard deviation, as PyTorch's
 * `calculate_gain` has it: 1 for linear and sigmoid, 5/3 for tanh, √2 for ReLU, √(2 / (1 + a²))
 * for leaky ReLU, 3/4 for SELU.
 */
export function gain(nonlinearity: Nonlinearity, a = 0.01): number {
  const gains: { readonly [N in Nonlinearity]: number } = {
    linear: 1,
    sigmoid: 1,
    tanh: 5 / 3,
    relu: Math.SQRT2,
    leakyRelu: Math.sqrt(2 / (1 + a * a)),
    selu: 0.75,
  }
  const found = gains[nonlinearity]
  if (found !== undefined) return found
  throw new BrickError({
    kind: 'unknown',
    where: 'init.gain',
    got: `'${nonlinearity}'`,
    wanted: Object.keys(gains).join(', '),
  })
}

function kaimingStd(
  shape: Shape,
  { mode = 'fanIn', nonlinearity = 'leakyRelu', a = 0 }: KaimingOptions,
) {
  const { [mode]: fan } = fans(shape)
  return gain(nonlinearity, a) / Math.sqrt(Math.max(1, fan))
}

/**
 * U(−b, b) with b = gain · √(3 / fan), which keeps the variance through rectifiers.
 *
 * Source: He et al., “Delving deep into rectifiers”, 2015.
 *
 * @example
 * ```ts
 * nn.init.kaimingUniform([20, 1, 5, 5], { nonlinearity: 'relu' })
 * ```
 */
export function kaimingUniform(shape: Shape, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(shape, options)
  return uniform(shape, -bound, bound, options.generator)
}

/** N(0, gain² / fan). Source: He et al., “Delving deep into rectifiers”, 2015. */
export function kaimingNormal(shape: Shape, options: KaimingOptions = {}): Tensor {
  return normal(shape, 0, kaimingStd(shape, options), options.generator)
}

/**
 * U(−b, b) with b = gain · √(6 / (fanIn + fanOut)), which suits symmetric activations.
 *
 * Source: Glorot and Bengio, “Understanding the difficulty of training deep feedforward neural
 * networks”, 2010.
 */
export function xavierUniform(shape: Shape, gain = 1, generator = hostGenerator): Tensor {
  const { fanIn, fanOut } = fans(shape)
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut))
  return uniform(shape, -bound, bound, generator)
}

/** N(0, gain² · 2 / (fanIn + fanOut)). Source: Glorot and Bengio, 2010. */
export function xavierNormal(shape: Shape, gain = 1, generator = hostGenerator): Tensor {
  const { fanIn, fanOut } = fans(shape)
  return normal(shape, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), generator)
}

/** How Linear and convolutions begin, in PyTorch too: U(±1/√fanIn), weight and bias alike. */
export function layerDefaults(
  shape: Shape,
  bias: boolean,
  outputs = shape[0]!,
): { weight: Tensor; bias: Tensor | undefined } {
  const weight = kaimingUniform(shape, { a: Math.sqrt(5) })
  const bound = 1 / Math.sqrt(Math.max(1, fans(shape).fanIn))
  return { weight, bias: bias ? uniform([outputs], -bound, bound) : undefined }
}
