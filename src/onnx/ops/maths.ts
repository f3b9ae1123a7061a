import { Tensor, where } from '../../tensor/tensor.ts'

/** Functions that the operators need and tensors do not have. All have gradients. */

/** To the nearest whole number; of two that are as near, to the even one. Its gradient is 0. */
export function round(x: Tensor): Tensor {
  const below = x.floor()
  const rest = x.sub(below)
  const odd = below.sub(below.mul(0.5).floor().mul(2))
  const tie = below.add(odd)
  return where(rest.gt(0.5), below.add(1), where(rest.lt(0.5), below, tie))
}

/** Without what stands behind the point. */
export const truncate = (x: Tensor): Tensor => where(x.lt(0), x.neg().floor().neg(), x.floor())

/** −1, 0 or 1; NaN stays NaN. */
export function sign(x: Tensor): Tensor {
  if (x.dtype !== 'f32') return x.gt(0).to('i32').sub(x.lt(0).to('i32'))
  return where(x.ne(x), x, x.sign())
}

/** Of integers, towards zero. */
export function quotient(a: Tensor, b: Tensor): Tensor {
  const [x, y] = [a.to('i32'), b.to('i32')]
  const near = x.div(y).to('i32')
  // Single precision rounds: it may be one too far from zero, or one short.
  const rest = x.sub(near.mul(y))
  const step = where(rest.lt(0).ne(y.lt(0)), -1, 1)
  const far = rest.ne(0).logicalAnd(rest.lt(0).ne(x.lt(0)))
  const short = rest.abs().ge(y.abs()).logicalAnd(y.ne(0))
  return near.add(where(far.logicalOr(short), step, 0))
}

const ATAN = [
  0.0028662257, -0.0161657367, 0.0429096138, -0.07528964, 0.1065626393, -0.1420889944, 0.1999355085,
  -0.3333314528, 1,
]

/** Source: Abramowitz and Stegun 4.4.49, |error| ≤ 2·10⁻⁸, and π/2 − atan(1/x) beyond 1. */
export function atan(x: Tensor): Tensor {
  const input = new Tensor(x.node, x.requiresGrad)
  const size = x.detach().abs()
  const large = size.gt(1)
  const small = where(large, size.reciprocal(), size)
  const square = small.square()
  const [first, ...others] = ATAN as [number, ...number[]]
  const series = others.reduce((sum, c) => sum.mul(square).add(c), square.mul(0).add(first))
  const near = series.mul(small)
  const angle = where(large, near.neg().add(Math.PI / 2), near)
  const signed = where(x.detach().lt(0), angle.neg(), angle)
  const value = where(input.ne(input), input, signed).detach()
  return value.withHistory([x], (g) => [g.div(input.square().add(1))])
}

export const asin = (x: Tensor): Tensor => atan(x.div(x.square().neg().add(1).sqrt()))

export const acos = (x: Tensor): Tensor => atan(x.neg().add(1).div(x.add(1)).sqrt()).mul(2)

/** (eˣ − e⁻ˣ)/2, exact near 0. */
export const sinh = (x: Tensor): Tensor => x.expm1().sub(x.neg().expm1()).mul(0.5)

/** log(x + √(x² + 1)), of the size of x, so that nothing cancels. */
export function asinh(x: Tensor): Tensor {
  const size = x.abs()
  const square = size.square()
  const root = square.add(1).sqrt()
  return where(x.lt(0), -1, 1)
    .to('f32')
    .mul(size.add(square.div(root.add(1))).log1p())
}

export function elu(x: Tensor, alpha: number): Tensor {
  const below = where(x.gt(0), 0, x)
  return where(x.gt(0), x, below.expm1().mul(alpha))
}

/** log(1 + eˣ), without overflow. */
export const softplus = (x: Tensor): Tensor => x.maximum(0).add(x.abs().neg().exp().log1p())

/** x · Φ(x), or its approximation by tanh. */
export function gelu(x: Tensor, byTanh: boolean): Tensor {
  const inner = byTanh
    ? x
        .add(x.square().mul(x).mul(0.044715))
        .mul(Math.sqrt(2 / Math.PI))
        .tanh()
    : x.mul(Math.SQRT1_2).erf()
  return x.mul(0.5).mul(inner.add(1))
}
