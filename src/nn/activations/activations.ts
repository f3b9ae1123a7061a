import { BrickError } from '../../base/errors.ts'
import { einsum } from '../../tensor/functions.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'

/**
 * Activation functions, element by element unless said otherwise. Gradients at kinks are PyTorch's.
 * A branch that is not taken is computed on a harmless value, so that it cannot make NaN of 0 · ∞.
 */

/**
 * max(0, x). Gradient at 0: 0.
 *
 * @example
 * ```ts
 * nn.relu(tensor([-1, 2])) // [0, 2]
 * ```
 */
export const relu = (x: Tensor): Tensor => x.relu()
/**
 * 1 / (1 + e⁻ˣ).
 *
 * @example
 * ```ts
 * nn.sigmoid(tensor([0])) // [0.5]
 * ```
 */
export const sigmoid = (x: Tensor): Tensor => x.sigmoid()
/** (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ). */
export const tanh = (x: Tensor): Tensor => x.tanh()
/**
 * eˣ / Σ eˣ along a dim.
 *
 * @example
 * ```ts
 * nn.softmax(tensor([1, 1])) // [0.5, 0.5]
 * ```
 */
export const softmax = (x: Tensor, dim = -1): Tensor => x.softmax(dim)
/** x − log Σ eˣ along a dim. */
export const logSoftmax = (x: Tensor, dim = -1): Tensor => x.logSoftmax(dim)

/**
 * x above 0, slope · x below. Gradient at 0: slope.
 *
 * @example
 * ```ts
 * nn.leakyRelu(tensor([-2, 2]), 0.5) // [-1, 2]
 * ```
 */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return where(x.gt(0), x, x.mul(slope))
}

/** x where it is not above 0, else 0. */
const negativePart = (x: Tensor): Tensor => where(x.gt(0), 0, x)

/**
 * x above 0, α·(eˣ − 1) below.
 * Source: Clevert et al., “Fast and accurate deep network learning by exponential linear units”, 2015.
 *
 * @example
 * ```ts
 * nn.elu(tensor([-100, 2])) // [-1, 2]
 * ```
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  return where(x.gt(0), x, negativePart(x).expm1().mul(alpha))
}

/**
 * α·(e^(x/α) − 1) below 0, so that the slope is continuous. Source: Barron, 2017.
 *
 * @example
 * ```ts
 * nn.celu(tensor([-100, 2]), 0.5) // [-0.5, 2]
 * ```
 */
export function celu(x: Tensor, alpha = 1): Tensor {
  return where(x.gt(0), x, negativePart(x).div(alpha).expm1().mul(alpha))
}

const SELU_ALPHA = 1.6732632423543772
const SELU_SCALE = 1.0507009873554805

/** scale · ELU, which keeps mean 0 and variance 1. Source: Klambauer et al., 2017. */
export const selu = (x: Tensor): Tensor => elu(x, SELU_ALPHA).mul(SELU_SCALE)

export interface GeluOptions {
  /** `tanh`: the approximation that GPT-2 uses. */
  readonly approximate?: 'none' | 'tanh'
}

/**
 * x · Φ(x) with Φ the normal distribution: ½ x (1 + erf(x/√2)).
 * Source: Hendrycks and Gimpel, “Gaussian error linear units”, 2016.
 *
 * @example
 * ```ts
 * nn.gelu(tensor([-10, 0, 10])).abs() // [0, 0, 10]
 * ```
 */
export function gelu(x: Tensor, { approximate = 'none' }: GeluOptions = {}): Tensor {
  const inner =
    approximate === 'tanh'
      ? x
          .add(x.mul(x).mul(x).mul(0.044715))
          .mul(Math.sqrt(2 / Math.PI))
          .tanh()
      : x.mul(Math.SQRT1_2).erf()
  return x.mul(0.5).mul(inner.add(1))
}

/**
 * x · sigmoid(x), also called swish. Source: Elfwing et al., 2017.
 *
 * @example
 * ```ts
 * nn.silu(tensor([0, 100])) // [0, 100]
 * ```
 */
export const silu = (x: Tensor): Tensor => x.mul(x.sigmoid())

/**
 * log(1 + e^(βx)) / β: a smooth ReLU; max(0, x) + log(1 + e^−|x|) does not overflow.
 *
 * @example
 * ```ts
 * nn.softplus(tensor([-200, 200])) // [0, 200]
 * ```
 */
export function softplus(x: Tensor, beta = 1): Tensor {
  const y = beta === 1 ? x : x.mul(beta)
  const soft = y.maximum(0).add(y.abs().neg().exp().log1p())
  return beta === 1 ? soft : soft.div(beta)
}

/** log(1 / (1 + e⁻ˣ)). */
export const logSigmoid = (x: Tensor): Tensor => softplus(x.neg()).neg()

/**
 * x / (1 + |x|).
 *
 * @example
 * ```ts
 * nn.softsign(tensor([1, -3])) // [0.5, -0.75]
 * ```
 */
export const softsign = (x: Tensor): Tensor => x.div(x.abs().add(1))

/**
 * x · tanh(softplus(x)). Source: Misra, “Mish”, 2019.
 *
 * @example
 * ```ts
 * nn.mish(tensor([0, 100])) // [0, 100]
 * ```
 */
export const mish = (x: Tensor): Tensor => x.mul(softplus(x).tanh())

/**
 * Limited to [min, max]; the gradient is 1 strictly inside, 0 elsewhere. Also called ramp.
 *
 * @example
 * ```ts
 * nn.hardtanh(tensor([-3, 0.5])) // [-1, 0.5]
 * ```
 */
export function hardtanh(x: Tensor, min = -1, max = 1): Tensor {
  return where(x.le(min), min, where(x.ge(max), max, x))
}
/** The same as {@link hardtanh}. */
export const ramp = hardtanh
/**
 * min(max(0, x), 6).
 *
 * @example
 * ```ts
 * nn.relu6(tensor([5, 8])) // [5, 6]
 * ```
 */
export const relu6 = (x: Tensor): Tensor => hardtanh(x, 0, 6)
/**
 * min(max(0, x + 3), 6) / 6.
 *
 * @example
 * ```ts
 * nn.hardsigmoid(tensor([0, 3])) // [0.5, 1]
 * ```
 */
export const hardsigmoid = (x: Tensor): Tensor => hardtanh(x.add(3), 0, 6).div(6)
/**
 * x · min(max(0, x + 3), 6) / 6. Source: Howard et al., “Searching for MobileNetV3”, 2019.
 *
 * @example
 * ```ts
 * nn.hardswish(tensor([3, 8])) // [3, 8]
 * ```
 */
export const hardswish = (x: Tensor): Tensor => x.mul(x.add(3).clamp(0, 6)).div(6)

/**
 * The largest of several linear functions: max_p (x · W_pᵀ + b_p), x […, in],
 * weight [pieces, out, in], bias [pieces, out] → […, out].
 * Source: Goodfellow et al., “Maxout networks”, 2013.
 *
 * @throws BrickError `shape` for a weight of other than 3 dims.
 *
 * @example
 * ```ts
 * const weight = tensor([[[1]], [[-1]]])
 * nn.maxout(tensor([[-3], [2]]), weight) // [[3], [2]]
 * ```
 */
export function maxout(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (weight.rank !== 3) {
    throw new BrickError({
      kind: 'shape',
      where: 'maxout',
      got: `a weight [${weight.shape.join(', ')}]`,
      wanted: '[pieces, out, in]',
    })
  }
  const [pieces, out] = weight.shape
  const rows = x.reshape([-1, x.shape.at(-1) ?? 1])
  const each = einsum('ni,poi->pno', rows, weight)
  const shifted = bias ? each.add(bias.reshape([pieces!, 1, out!])) : each
  return shifted.max(0).reshape([...x.shape.slice(0, -1), out!])
}

/**
 * x above 0, weight · x below: one slope for all, or one for each channel of x [N, C, …].
 * Gradient at 0: weight.
 *
 * Source: He et al., “Delving deep into rectifiers”, 2015.
 *
 * @throws BrickError `shape` for a number of slopes that is neither 1 nor the channels'.
 *
 * @example
 * ```ts
 * nn.prelu(tensor([[-2, 2]]), tensor([0.25, 1])) // [[-0.5, 2]]
 * ```
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const channels = x.rank > 1 ? x.shape[1]! : 1
  if (weight.size !== 1 && weight.size !== channels) {
    throw new BrickError({
      kind: 'shape',
      where: 'prelu',
      got: `${weight.size} slopes for [${x.shape.join(', ')}]`,
      wanted: `1 or ${channels}`,
    })
  }
  const slopes = weight.reshape(x.shape.map((_, i) => (i === 1 && weight.size > 1 ? -1 : 1)))
  return where(x.gt(0), x, x.mul(slopes))
}

/**
 * Half of x along a dim, opened and closed by the other half: a · sigmoid(b).
 *
 * Source: Dauphin et al., “Language modeling with gated convolutional networks”, 2016.
 *
 * @throws BrickError `shape` for an odd extent.
 *
 * @example
 * ```ts
 * nn.glu(tensor([2, 0])) // [1]
 * ```
 */
export function glu(x: Tensor, dim = -1): Tensor {
  const axis = dim < 0 ? dim + x.rank : dim
  const extent = x.shape[axis] ?? 0
  if (extent === 0 || extent % 2) {
    const got = `[${x.shape.join(', ')}]`
    throw new BrickError({
      kind: 'shape',
      where: 'glu',
      got,
      wanted: `an even extent in dim ${dim}`,
    })
  }
  const part = (from: number, to: number) =>
    x.slice(...x.shape.map((n, i): [number, number] => (i === axis ? [from, to] : [0, n])))
  return part(0, extent / 2).mul(part(extent / 2, extent).sigmoid())
}
