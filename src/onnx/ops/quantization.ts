import type { Tensor } from '../../tensor/tensor.ts'
import { type ElementType, typeNamed } from '../file/element-types.ts'
import { typeOf } from '../file/host-array.ts'
import type { NodeCall } from '../run/call.ts'
import { Value } from '../run/value.ts'
import { convolved } from './convolution.ts'
import * as maths from './maths.ts'
import type { OpTable } from './op.ts'
import { roundedTo } from './rounding.ts'

/** Limited to a type's range: quantised numbers do not wrap around. */
const saturated = (type: ElementType, x: Tensor): Value =>
  Value.of(type, x.clamp(type.range![0], type.range![1]))

/** A scale or zero point so that it stands beside x: one for all, one each along an axis, or blocks. */
function beside(call: NodeCall, x: Tensor, value: Tensor, axisDefault = 1): Tensor {
  if (value.size === 1) return value.reshape([])
  const axis = call.axis(call.int('axis', axisDefault), x.rank)
  const block = call.int('block_size', 0)
  if (block > 0) {
    const wide = value.unsqueeze(axis + 1)
    const spread = wide.expand(wide.shape.with(axis + 1, block))
    const all = spread.reshape(value.shape.with(axis, value.shape[axis]! * block))
    return all.slice(...x.shape.map((n) => [0, n] as const))
  }
  return value.reshape(x.shape.map((_, i) => (i === axis ? value.size : 1)))
}

function quantize(call: NodeCall): Value {
  const x = call.tensor(0).to('f32')
  const zero = call.optional(2)
  const asked = call.int('output_dtype', 0)
  const type = zero?.type ?? (asked ? typeOf(asked, 'QuantizeLinear') : typeNamed('uint8'))
  const quotient = x.div(beside(call, x, call.tensor(1).to('f32')))
  if (!type.range) {
    return Value.of(type, roundedTo(type, quotient, call.int('saturate', 1) === 1))
  }
  const scaled = maths.round(quotient)
  return saturated(type, zero ? scaled.add(beside(call, x, zero.tensor.to('f32'))) : scaled)
}

function dequantize(call: NodeCall): Value {
  const x = call.tensor(0).to('f32')
  const zero = call.optional(2)
  const from = zero ? x.sub(beside(call, x, zero.tensor.to('f32'))) : x
  return call.like(1, from.mul(beside(call, x, call.tensor(1))))
}

function dynamicQuantize(call: NodeCall): Value[] {
  const x = call.tensor(0)
  const low = x.min().minimum(0)
  const high = x.max().maximum(0)
  const scale = high.sub(low).div(255)
  const zero = maths.round(low.neg().div(scale)).clamp(0, 255)
  const type = typeNamed('uint8')
  const y = saturated(type, maths.round(x.div(scale)).add(zero))
  return [y, call.like(0, scale), Value.of(type, zero)]
}

/** Less the zero point, which is one for all or one a row (or column) of a matrix. */
function centred(
  call: NodeCall,
  i: number,
  zero: number,
  side: 'rows' | 'columns' | 'first',
): Tensor {
  const x = call.tensor(i).to('f32')
  const point = call.optional(zero)?.tensor.to('f32')
  if (!point) return x
  if (point.size === 1) return x.sub(point.reshape([]))
  const axis = side === 'first' ? 0 : x.rank - (side === 'rows' ? 2 : 1)
  if (point.rank > 1) return x.sub(point)
  return x.sub(point.reshape(x.shape.map((_, k) => (k === axis ? point.size : 1))))
}

function quantizedProduct(call: NodeCall): Value {
  const product = centred(call, 0, 2, 'rows').matmul(centred(call, 3, 5, 'columns'))
  const scale = column(call.tensor(1), product).mul(row(call.tensor(4)))
  const zero = call.value(7)
  const scaled = product.mul(scale).div(call.tensor(6))
  return saturated(zero.type, maths.round(scaled).add(zero.tensor.to('f32')))
}

/** A scale of each row of the left matrix. */
const column = (scale: Tensor, product: Tensor): Tensor =>
  scale.rank === 1 && scale.size > 1 && scale.size === product.shape.at(-2)
    ? scale.unsqueeze(1)
    : scale
const row = (scale: Tensor): Tensor => scale

function quantizedConvolution(call: NodeCall): Value {
  const x = centred(call, 0, 2, 'rows')
  const weight = centred(call, 3, 5, 'first')
  const scale = call.tensor(1).mul(call.tensor(4))
  const bias = call.optional(8)?.tensor.to('f32')
  const out = convolved(call, x, weight, bias)
  const channels = (s: Tensor) =>
    s.size === 1 ? s.reshape([]) : s.reshape([1, -1, ...x.shape.slice(2).map(() => 1)])
  const zero = call.value(7)
  const scaled = out.mul(channels(scale)).div(call.tensor(6))
  return saturated(zero.type, maths.round(scaled).add(zero.tensor.to('f32')))
}

export const quantization: OpTable = {
  QuantizeLinear: { since: 10, fixed: [1], run: quantize },
  DequantizeLinear: { since: 10, fixed: [1], run: dequantize },
  DynamicQuantizeLinear: { since: 11, run: dynamicQuantize },
  QLinearMatMul: { since: 10, fixed: [1, 4, 6], run: quantizedProduct },
  QLinearConv: { since: 10, fixed: [1, 4, 6], run: quantizedConvolution },
  MatMulInteger: {
    since: 10,
    run: (call) =>
      call.of('int32', centred(call, 0, 2, 'rows').matmul(centred(call, 1, 3, 'columns'))),
  },
  ConvInteger: {
    since: 10,
    run: (call) =>
      call.of('int32', convolved(call, centred(call, 0, 2, 'rows'), centred(call, 1, 3, 'first'))),
  },
}
