import { sizeOf } from '../../base/shape.ts'
import { full } from '../../tensor/create.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import * as maths from './maths.ts'
import type { Op, OpTable } from './op.ts'

type Fold = (x: Tensor, axes: number[]) => Tensor

/** Folds along axes, which are an attribute before a version and an input from it on. */
const reduction = (fold: Fold, axesInput = 18): Op => ({
  since: 1,
  host: [1],
  run: (call) => {
    const x = call.tensor(0)
    const given = call.axes(axesInput)
    const none = !given || given.length === 0
    if (none && call.int('noop_with_empty_axes', 0)) return call.like(0, fold(x, []))
    const axes = none ? x.shape.map((_, i) => i) : given.map((a) => call.axis(a, x.rank))
    const keep = call.int('keepdims', 1)
    const shape = x.shape.flatMap((n, i) => (!axes.includes(i) ? [n] : keep ? [1] : []))
    return call.like(0, fold(x, axes).reshape(shape))
  },
})

const sum: Fold = (x, axes) => x.sum(axes)
/** Integers of no elements are not choosable; floats are ∓∞. */
const extremum =
  (choose: (x: Tensor, axes: number[]) => Tensor, empty: number): Fold =>
  (x, axes) => {
    if (!axes.some((axis) => x.shape[axis] === 0)) return choose(x, axes)
    return full(
      x.shape.filter((_, i) => !axes.includes(i)),
      x.dtype === 'f32'
        ? empty
        : x.dtype === 'bool'
          ? Number(empty > 0)
          : Math.sign(empty) * (2 ** 31 - 1),
      x.dtype === 'f32' ? 'f32' : 'i32',
    )
  }
const real =
  (fold: Fold): Fold =>
  (x, axes) => {
    const out = fold(x.to('f32'), axes)
    return x.dtype === 'f32' ? out : maths.truncate(out)
  }

/** The first of equal ones, or the last. */
const choice =
  (largest: boolean): Op['run'] =>
  (call) => {
    const x = call.tensor(0)
    const axis = call.axis(call.int('axis', 0), x.rank)
    const last = call.int('select_last_index', 0) === 1
    const view = last ? x.flip(axis) : x
    const found = largest ? view.argmax(axis, true) : view.argmin(axis, true)
    const index = last ? found.neg().add(x.shape[axis]! - 1) : found
    return call.int64(call.int('keepdims', 1) ? index : index.squeeze(axis))
  }

function topk(call: NodeCall): Value[] {
  const x = call.tensor(0)
  const k = call.opset >= 10 ? call.known(1)[0]! : call.int('k', 1)
  const axis = call.axis(call.int('axis', -1), x.rank)
  const [values, indices] = x.topk(k, axis, call.int('largest', 1) === 1)
  return [call.like(0, values), call.int64(indices)]
}

function cumsum(call: NodeCall): Value {
  const x = call.tensor(0)
  const axis = call.axis(call.known(1)[0]!, x.rank)
  const turned = call.int('reverse', 0) ? x.flip(axis) : x
  const total = turned.cumsum(axis)
  const out = call.int('exclusive', 0) ? total.sub(turned) : total
  return call.wrapped(0, call.int('reverse', 0) ? out.flip(axis) : out)
}

/** Before version 13 all dims from the axis on are one. */
const alongAxis =
  (f: (x: Tensor, axis: number) => Tensor): Op['run'] =>
  (call) => {
    const x = call.tensor(0)
    if (call.opset >= 13) return call.like(0, f(x, call.axis(call.int('axis', -1), x.rank)))
    const axis = call.axis(call.int('axis', 1), x.rank)
    const rows = sizeOf(x.shape.slice(0, axis))
    return call.like(0, f(x.reshape([rows, sizeOf(x.shape.slice(axis))]), 1).reshape(x.shape))
  }

/** 1 at the first maximum, 0 elsewhere. */
function hardmax(x: Tensor, axis: number): Tensor {
  const shape = x.shape.with(axis, 1)
  const index = x.argmax(axis).reshape(shape)
  const zeros = full(x.shape, 0)
  return zeros.scatterAdd(axis, index, full(shape, 1))
}

const logSum: Fold = (x, axes) => x.sum(axes).log()

export const reduce: OpTable = {
  ReduceSum: reduction(sum, 13),
  ReduceMean: reduction(real((x, axes) => x.sum(axes).div(sizeOf(axes.map((a) => x.shape[a]!))))),
  ReduceProd: reduction((x, axes) =>
    x.dtype === 'f32' ? x.prod(axes) : maths.round(x.prod(axes)),
  ),
  ReduceMax: reduction(extremum((x, axes) => x.max(axes), Number.NEGATIVE_INFINITY)),
  ReduceMin: reduction(extremum((x, axes) => x.min(axes), Number.POSITIVE_INFINITY)),
  ReduceL1: reduction((x, axes) => x.abs().sum(axes)),
  ReduceL2: reduction(real((x, axes) => x.norm(2, axes))),
  ReduceSumSquare: reduction((x, axes) => x.mul(x).sum(axes)),
  ReduceLogSum: reduction(real(logSum)),
  ReduceLogSumExp: reduction(real((x, axes) => (axes.length === 0 ? x : x.logsumexp(axes)))),
  ArgMax: { since: 1, run: choice(true) },
  ArgMin: { since: 1, run: choice(false) },
  TopK: { since: 1, host: [1], run: topk },
  CumSum: { since: 11, host: [1], run: cumsum },
  Softmax: { since: 1, run: alongAxis((x, axis) => x.softmax(axis)) },
  LogSoftmax: { since: 1, run: alongAxis((x, axis) => x.logSoftmax(axis)) },
  Hardmax: { since: 1, run: alongAxis(hardmax) },
  LpNormalization: {
    since: 1,
    run: (call) => {
      const x = call.tensor(0)
      const size = x.norm(call.int('p', 2), call.axis(call.int('axis', -1), x.rank), true)
      return call.like(0, where(size.eq(0), 0, x.div(where(size.eq(0), 1, size))))
    },
  },
}
