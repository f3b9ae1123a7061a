import { sizeOf, stridesOf } from '../../base/shape.ts'
import { iota } from '../../tensor/compose/movement.ts'
import { argmax } from '../../tensor/compose/reduce.ts'
import { ones } from '../../tensor/create.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { Op, OpTable } from './op.ts'
import { type Geometry, geometryOf, windowAxes, windowsOf, withCeiling } from './windows.ts'

/** Windows may go off the end in `ceil_mode`. */
function poolGeometry(call: NodeCall, x: Tensor): Geometry {
  const extents = x.shape.slice(2)
  const plain = geometryOf(call, extents, call.ints('kernel_shape') ?? [])
  return call.int('ceil_mode', 0) ? withCeiling(plain, extents) : plain
}

function maxPool(call: NodeCall): Value[] {
  const x = call.tensor(0)
  const whole = poolGeometry(call, x)
  const lowest = x.dtype === 'f32' ? Number.NEGATIVE_INFINITY : call.value(0).type.range![0]
  const input = x.dtype === 'f32' ? x : x.to('i32')
  const view = windowsOf(
    input,
    whole,
    Math.max(lowest, -(2 ** 31)) === lowest ? lowest : -(2 ** 31),
  )
  const out = call.like(0, view.max(windowAxes(whole)))
  if (!call.outputs[1]) return [out]
  return [out, call.int64(maxPositions(call, x, view, whole))]
}

/** The position of each window's first maximum in the whole tensor. */
function maxPositions(call: NodeCall, x: Tensor, view: Tensor, geometry: Geometry): Tensor {
  const { kernel, stride, dilation, before } = geometry
  const extents = x.shape.slice(2)
  const columns = call.int('storage_order', 0) === 1
  const steps = columns ? stridesOf(extents.toReversed()).toReversed() : stridesOf(extents)
  const within = stridesOf(kernel)
  call.limited(sizeOf(kernel), 'elements of a window')
  // How far each element of a window lies behind the window's first.
  const offsets = Int32Array.from({ length: sizeOf(kernel) }, (_, place) =>
    within.reduce((sum, s, i) => {
      const r = Math.floor(place / s) % kernel[i]!
      return sum + r * dilation[i]! * steps[i]!
    }, 0),
  )
  const choice = new Tensor(argmax(view.node, windowAxes(geometry)))
  const chosen = Tensor.of(offsets, [offsets.length], 'i32')
    .indexSelect(0, choice.reshape([-1]))
    .reshape(choice.shape)
  const axis = (i: number) => new Tensor(iota(choice.shape, i))
  const plane = sizeOf(extents)
  const start = steps
    .map((s, i) =>
      axis(i + 2)
        .mul(stride[i]! * s)
        .sub(before[i]! * s),
    )
    .reduce((sum, term) => sum.add(term))
  return start
    .add(chosen)
    .add(axis(0).mul(x.shape[1]! * plane))
    .add(axis(1).mul(plane))
}

function averagePool(call: NodeCall): Value {
  const x = call.tensor(0)
  const whole = poolGeometry(call, x)
  const total = windowsOf(x, whole, 0).sum(windowAxes(whole))
  const isPadded = [...whole.before, ...whole.after].some((n) => n > 0)
  if (!isPadded || call.int('count_include_pad', 0)) {
    return call.like(0, total.mul(1 / sizeOf(whole.kernel)))
  }
  const inside = windowsOf(ones([1, 1, ...x.shape.slice(2)]), whole, 0)
  return call.like(0, total.div(inside.sum(windowAxes(whole))))
}

/** (Σ |x|^p)^(1/p) over windows. */
function lpPool(call: NodeCall): Value {
  const x = call.tensor(0)
  const whole = poolGeometry(call, x)
  const p = call.int('p', 2)
  const powers = windowsOf(x.abs().pow(p), whole, 0).sum(windowAxes(whole))
  return call.like(0, p === 2 ? powers.sqrt() : powers.pow(1 / p))
}

const global = (fold: (x: Tensor, axes: number[], call: NodeCall) => Tensor): Op => ({
  since: 1,
  run: (call) => {
    const x = call.tensor(0)
    const axes = x.shape.map((_, i) => i).slice(2)
    return call.like(0, fold(x, axes, call))
  },
})

export const pooling: OpTable = {
  MaxPool: { since: 1, run: maxPool },
  AveragePool: { since: 1, run: averagePool },
  LpPool: { since: 2, run: lpPool },
  // A quotient: a product could join the difference in a softmax behind it, x − max, in one rounding.
  GlobalAveragePool: global((x, axes) =>
    x.sum(axes, true).div(sizeOf(axes.map((axis) => x.shape[axis]!))),
  ),
  GlobalMaxPool: global((x, axes) => x.max(axes, true)),
  GlobalLpPool: global((x, axes, call) => x.norm(call.int('p', 2), axes, true)),
}
