import * as contraction from './compose/contraction.ts'
import * as movement from './compose/movement.ts'
import { type Tensor, withHistoryOf } from './tensor.ts'

/** Functions of several tensors. Names and arguments follow torch and torch.nn.functional. */

/** Tensors one after the other along a dim. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  return withHistoryOf(
    movement.concat(
      tensors.map((t) => t.node),
      dim,
    ),
    tensors,
  )
}

/** Tensors side by side along a new dim. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return cat(
    tensors.map((t) => t.unsqueeze(dim)),
    dim,
  )
}

/** Einstein summation: `einsum('bij,bjk->bik', a, b)`. */
export function einsum(equation: string, ...tensors: Tensor[]): Tensor {
  return withHistoryOf(
    contraction.einsum(
      equation,
      tensors.map((t) => t.node),
    ),
    tensors,
  )
}

/** x · weightᵀ + bias: x […, in], weight [out, in], bias [out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const product = x.matmul(weight.transpose())
  return bias ? product.add(bias) : product
}

const convolve =
  (d: number) =>
  (
    x: Tensor,
    weight: Tensor,
    bias?: Tensor,
    options: contraction.ConvolutionOptions = {},
  ): Tensor =>
    withHistoryOf(contraction.convolution(d, x.node, weight.node, bias?.node, options), [
      x,
      weight,
      bias,
    ])

/** Cross-correlation: x [N, C, L], weight [K, C/groups, R] → [N, K, O]. */
export const conv1d = convolve(1)
/** Cross-correlation: x [N, C, H, W], weight [K, C/groups, R, S] → [N, K, O, P]. */
export const conv2d = convolve(2)
/** Cross-correlation: x [N, C, D, H, W], weight [K, C/groups, Q, R, S]. */
export const conv3d = convolve(3)

const transposed =
  (d: number) =>
  (x: Tensor, weight: Tensor, bias?: Tensor, options: contraction.TransposedOptions = {}): Tensor =>
    withHistoryOf(contraction.convolutionTransposed(d, x.node, weight.node, bias?.node, options), [
      x,
      weight,
      bias,
    ])

export const convTranspose1d = transposed(1)
export const convTranspose2d = transposed(2)
export const convTranspose3d = transposed(3)

const pool =
  (d: number, kind: typeof contraction.maxPool) =>
  (x: Tensor, kernel: contraction.Pair, options: contraction.PoolOptions = {}): Tensor =>
    withHistoryOf(kind(d, x.node, kernel, options), [x])

export const maxPool1d = pool(1, contraction.maxPool)
export const maxPool2d = pool(2, contraction.maxPool)
export const maxPool3d = pool(3, contraction.maxPool)
export const avgPool1d = pool(1, contraction.avgPool)
export const avgPool2d = pool(2, contraction.avgPool)
export const avgPool3d = pool(3, contraction.avgPool)
