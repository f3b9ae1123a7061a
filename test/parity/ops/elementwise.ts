import { type Tensor, where } from '../../../src/index.ts'
import type { Row, Rows } from '../rows.ts'

const unary =
  (fn: (x: Tensor) => Tensor): Row =>
  (inputs) =>
    fn(inputs.get('x'))

const binary =
  (fn: (a: Tensor, b: Tensor) => Tensor): Row =>
  (inputs) =>
    fn(inputs.get('a'), inputs.get('b'))

/** An op whose cases note that it takes |x| + shift, to stay in its domain. */
const positive =
  (shift: number, fn: (x: Tensor) => Tensor): Row =>
  (inputs, args) => {
    const x = inputs.get('x')
    return fn(args.noted ? x.abs().add(shift) : x)
  }

export const elementwise: Rows = {
  add: binary((a, b) => a.add(b)),
  sub: binary((a, b) => a.sub(b)),
  mul: binary((a, b) => a.mul(b)),
  div: (inputs, args) => {
    const b = inputs.get('b')
    return inputs.get('a').div(args.noted ? b.abs().add(0.5) : b)
  },
  pow: (inputs, args) => {
    const a = inputs.get('a')
    return (args.noted ? a.abs().add(0.1) : a).pow(inputs.get('b'))
  },
  maximum: binary((a, b) => a.maximum(b)),
  minimum: binary((a, b) => a.minimum(b)),
  exp: unary((x) => x.exp()),
  expm1: unary((x) => x.expm1()),
  log: positive(0.1, (x) => x.log()),
  log1p: positive(0, (x) => x.log1p()),
  sqrt: positive(0.1, (x) => x.sqrt()),
  rsqrt: positive(0.1, (x) => x.rsqrt()),
  reciprocal: positive(0.1, (x) => x.reciprocal()),
  sin: unary((x) => x.sin()),
  cos: unary((x) => x.cos()),
  erf: unary((x) => x.erf()),
  abs: unary((x) => x.abs()),
  neg: unary((x) => x.neg()),
  square: unary((x) => x.square()),
  floor: unary((x) => x.floor()),
  sign: unary((x) => x.sign()),
  clamp: (inputs, args) => {
    const limit = (name: string, noted: number) =>
      args.noted || args.has(name) ? args.number(name, noted) : undefined
    return inputs.get('x').clamp(limit('min', -0.5), limit('max', 0.7))
  },
  where: (inputs) => where(inputs.get('c'), inputs.get('a'), inputs.get('b')),
}
