import { type Tensor, where } from '../../tensor/tensor.ts'
import type { ElementType } from '../file/element-types.ts'
import { typeOf } from '../file/host-array.ts'
import type { NodeCall } from '../run/call.ts'
import { bitwise, wrapped } from '../run/fitted.ts'
import { Value } from '../run/value.ts'
import * as maths from './maths.ts'
import type { Op, OpTable } from './op.ts'
import { roundedTo } from './rounding.ts'

/**
 * The second operand. Before version 7 it is laid along the axis that `axis` names, if `broadcast` says
 * so; since then shapes are aligned right.
 */
function second(call: NodeCall): Tensor {
  const [a, b] = [call.value(0), call.tensor(1)]
  const axis = call.opset < 7 ? call.integer('axis') : undefined
  if (axis === undefined || !call.int('broadcast', 0)) return b
  const behind = a.rank - call.axis(axis, a.rank) - b.rank
  return b.reshape([...b.shape, ...new Array<number>(Math.max(0, behind)).fill(1)])
}

/** One result for each element, of the input's type. */
const unary = (f: (x: Tensor, call: NodeCall) => Tensor, since = 1): Op => ({
  since,
  run: (call) => call.wrapped(0, f(call.tensor(0), call)),
})

const binary = (f: (a: Tensor, b: Tensor, call: NodeCall) => Tensor, since = 1): Op => ({
  since,
  run: (call) => call.wrapped(0, f(call.tensor(0), second(call), call)),
})

const comparison = (f: (a: Tensor, b: Tensor) => Tensor, since = 1): Op => ({
  since,
  run: (call) => call.truth(f(call.tensor(0), second(call))),
})

const variadic = (f: (a: Tensor, b: Tensor) => Tensor): Op => ({
  since: 1,
  run: (call) => call.wrapped(0, call.tensors().reduce(f)),
})

const isFloat = ({ dtype }: Tensor): boolean => dtype === 'f32'

/** Integers are divided towards zero. */
function divide(a: Tensor, b: Tensor): Tensor {
  return isFloat(a) ? a.div(b) : maths.quotient(a, b)
}

function modulo(a: Tensor, b: Tensor, call: NodeCall): Tensor {
  const towardsZero = call.int('fmod', 0) === 1
  if (isFloat(a)) return a.sub(b.mul(maths.truncate(a.div(b))))
  const rest = a.to('i32').sub(b.to('i32').mul(maths.quotient(a, b)))
  if (towardsZero) return rest
  // The remainder has the divisor's sign.
  const turned = rest.ne(0).logicalAnd(rest.lt(0).ne(b.lt(0)))
  return where(turned, rest.add(b), rest)
}

function power(a: Tensor, b: Tensor, call: NodeCall): Tensor {
  const { host } = call.value(1)
  // A known exponent is part of the program: squares become products.
  const exponent = host?.data.length === 1 ? host.data[0] : undefined
  if (isFloat(a) && exponent === 0.5 && b.rank <= a.rank) return a.sqrt()
  if (isFloat(a)) return a.pow(exponent !== undefined && b.rank <= a.rank ? exponent : b)
  return maths.round(a.to('f32').pow(b))
}

/** 11 and later give the limits as inputs, before they are attributes. */
function clip(call: NodeCall): Value {
  const x = call.tensor(0)
  const limit = (i: number, name: string) =>
    call.opset >= 11 ? call.optional(i)?.tensor : call.has(name) ? call.float(name, 0) : undefined
  const [low, high] = [limit(1, 'min'), limit(2, 'max')]
  let out = x
  if (low !== undefined) out = where(out.lt(low), low, out)
  if (high !== undefined) out = where(out.gt(high), high, out)
  return call.like(0, out)
}

function cast(value: Value, type: ElementType, saturate: boolean): Value {
  const { tensor } = value
  if (type.dtype === 'bool') return Value.of(type, tensor.ne(0))
  if (value.host && type.dtype === 'i32' && value.type.dtype !== 'f32' && type.bits >= 32) {
    return Value.constant({ ...value.host, type })
  }
  if (!type.range)
    return Value.of(type, roundedTo(type, tensor.to('f32'), saturate && type.bits === 8))
  // Four bits are so few that floats are limited to them; wider integers wrap around.
  const limited = type.bits === 4 && tensor.dtype === 'f32' ? tensor.clamp(...type.range) : tensor
  return Value.of(type, wrapped(type, limited))
}

/** x where it is above 0; slope · x elsewhere. */
const rectified = (x: Tensor, slope: number | Tensor): Tensor => where(x.lt(0), x.mul(slope), x)

export const elementwise: OpTable = {
  Abs: unary((x) => (x.dtype === 'u8' ? x : x.abs())),
  Neg: unary((x) => x.neg()),
  Ceil: unary((x) => x.neg().floor().neg()),
  Floor: unary((x) => x.floor()),
  Round: unary(maths.round, 11),
  Sign: unary(maths.sign, 9),
  Sqrt: unary((x) => x.sqrt()),
  Reciprocal: unary((x) => x.reciprocal()),
  Exp: unary((x) => x.exp()),
  Log: unary((x) => x.log()),
  Erf: unary((x) => x.erf(), 9),
  Sin: unary((x) => x.sin(), 7),
  Cos: unary((x) => x.cos(), 7),
  Tan: unary((x) => x.sin().div(x.cos()), 7),
  Asin: unary(maths.asin, 7),
  Acos: unary(maths.acos, 7),
  Atan: unary(maths.atan, 7),
  Sinh: unary(maths.sinh, 9),
  Cosh: unary((x) => x.exp().add(x.neg().exp()).mul(0.5), 9),
  Asinh: unary(maths.asinh, 9),
  Acosh: unary((x) => x.add(x.square().sub(1).sqrt()).log(), 9),
  Atanh: unary((x) => x.log1p().sub(x.neg().log1p()).mul(0.5), 9),
  Tanh: unary((x) => x.tanh()),
  Identity: { since: 1, run: (call) => [call.inputs[0]] },

  Add: binary((a, b) => a.add(b)),
  Sub: binary((a, b) => a.sub(b)),
  Mul: binary((a, b) => a.mul(b)),
  Div: binary(divide),
  Mod: binary(modulo, 10),
  Pow: { ...binary(power), host: [1] },
  Max: variadic((a, b) => a.maximum(b)),
  Min: variadic((a, b) => a.minimum(b)),
  Sum: variadic((a, b) => a.add(b)),
  Mean: {
    since: 1,
    run: (call) =>
      call.like(
        0,
        call
          .tensors()
          .reduce((a, b) => a.add(b))
          .mul(1 / call.inputs.length),
      ),
  },

  Equal: comparison((a, b) => a.eq(b)),
  Greater: comparison((a, b) => a.gt(b)),
  GreaterOrEqual: comparison((a, b) => a.ge(b), 12),
  Less: comparison((a, b) => a.lt(b)),
  LessOrEqual: comparison((a, b) => a.le(b), 12),
  And: comparison((a, b) => a.logicalAnd(b)),
  Or: comparison((a, b) => a.logicalOr(b)),
  Xor: comparison((a, b) => a.ne(b)),
  Not: { since: 1, run: (call) => call.truth(call.tensor(0).logicalNot()) },
  IsNaN: { since: 9, run: (call) => call.truth(call.tensor(0).isNaN()) },
  IsInf: {
    since: 10,
    run: (call) => {
      const x = call.tensor(0)
      const positive = x.eq(Number.POSITIVE_INFINITY)
      const negative = x.eq(Number.NEGATIVE_INFINITY)
      const [up, down] = [call.int('detect_positive', 1), call.int('detect_negative', 1)]
      if (up && down) return call.truth(positive.logicalOr(negative))
      return call.truth(up ? positive : down ? negative : x.ne(x).logicalAnd(x.eq(x)))
    },
  },
  BitwiseAnd: binary((a, b) => bitwise('and', a.to('i32'), b.to('i32')), 18),
  BitwiseOr: binary((a, b) => bitwise('or', a.to('i32'), b.to('i32')), 18),
  BitwiseXor: binary((a, b) => bitwise('xor', a.to('i32'), b.to('i32')), 18),
  BitwiseNot: unary((x) => x.to('i32').mul(-1).sub(1), 18),
  BitShift: binary(
    (a, b, call) =>
      bitwise(call.text('direction', '') === 'LEFT' ? 'shl' : 'shr', a.to('i32'), b.to('i32')),
    11,
  ),
  Where: {
    since: 9,
    run: (call) => call.like(1, where(call.tensor(0), call.tensor(1), call.tensor(2))),
  },
  Clip: { since: 1, host: [1, 2], run: clip },
  Cast: {
    since: 6,
    run: (call) =>
      cast(call.value(0), typeOf(call.int('to', 0), 'Cast'), call.int('saturate', 1) === 1),
  },
  CastLike: {
    since: 15,
    run: (call) => cast(call.value(0), call.value(1).type, call.int('saturate', 1) === 1),
  },

  Relu: unary((x) => (isFloat(x) ? x.relu() : x.maximum(0))),
  LeakyRelu: unary((x, call) => rectified(x, call.float('alpha', 0.01))),
  PRelu: {
    since: 1,
    run: (call) => {
      const [x, slope] = [call.tensor(0), call.tensor(1)]
      // Before version 7 a slope for each channel has one dim.
      const perChannel = call.opset < 7 && slope.rank === 1 && slope.size > 1
      const shape = [-1, ...new Array<number>(Math.max(0, x.rank - 2)).fill(1)]
      return call.like(0, rectified(x, perChannel ? slope.reshape(shape) : slope))
    },
  },
  ThresholdedRelu: unary((x, call) => where(x.gt(call.float('alpha', 1)), x, 0), 10),
  Elu: unary((x, call) => maths.elu(x, call.float('alpha', 1))),
  Celu: unary((x, call) => {
    const alpha = call.float('alpha', 1)
    return maths.elu(x.div(alpha), 1).mul(alpha)
  }, 12),
  Selu: unary((x, call) =>
    maths
      .elu(x, call.float('alpha', 1.6732632423543772))
      .mul(call.float('gamma', 1.0507009873554805)),
  ),
  Sigmoid: unary((x) => x.sigmoid()),
  HardSigmoid: unary((x, call) =>
    x.mul(call.float('alpha', 0.2)).add(call.float('beta', 0.5)).clamp(0, 1),
  ),
  HardSwish: unary((x) => x.mul(x.div(6).add(0.5).clamp(0, 1)), 14),
  Softplus: unary(maths.softplus, 1),
  Softsign: unary((x) => x.div(x.abs().add(1)), 1),
  Mish: unary((x) => x.mul(maths.softplus(x).tanh()), 18),
  Gelu: unary((x, call) => maths.gelu(x, call.text('approximate', 'none') === 'tanh'), 20),
  Shrink: unary((x, call) => {
    const [bias, lambd] = [call.float('bias', 0), call.float('lambd', 0.5)]
    return where(x.lt(-lambd), x.add(bias), where(x.gt(lambd), x.sub(bias), 0))
  }, 9),
}
