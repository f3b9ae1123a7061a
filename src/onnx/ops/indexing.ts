import { sizeOf, stridesOf } from '../../base/shape.ts'
import { iota } from '../../tensor/compose/movement.ts'
import { arange, zeros } from '../../tensor/create.ts'
import { Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'
import { elementPositions, fromFront, linear, part } from './positions.ts'
import { scatterElements, scatterND } from './scatter.ts'

function gather(call: NodeCall): Value {
  const { shape, host, rank, type } = call.value(0)
  const index = call.value(1)
  const axis = call.axis(call.int('axis', 0), rank)
  const extent = shape[axis]!
  if (host && rank === 1 && index.host) {
    const data = Float64Array.from(index.host.data, (i) => host.data[i < 0 ? i + extent : i] ?? 0)
    return Value.constant({ type, shape: index.shape, data })
  }
  const x = call.tensor(0)
  const outer = [...shape.slice(0, axis), ...index.shape, ...shape.slice(axis + 1)]
  const [one] = index.host && sizeOf(index.shape) === 1 ? index.host.data : []
  if (one !== undefined) {
    // A single known position is a slice, which costs nothing.
    const at = one < 0 ? one + extent : one
    return call.like(0, part(x, axis, at, at + 1).reshape(outer))
  }
  const rows = x.indexSelect(axis, fromFront(index.tensor, extent).reshape([-1]))
  return call.like(0, rows.reshape(outer))
}

function gatherElements(call: NodeCall): Value {
  const x = call.tensor(0)
  const index = call.tensor(1)
  const axis = call.axis(call.int('axis', 0), x.rank)
  const places = elementPositions(index, x.shape, axis)
  return call.like(0, x.reshape([-1]).indexSelect(0, places).reshape(index.shape))
}

function gatherND(call: NodeCall): Value {
  const x = call.tensor(0)
  const index = call.tensor(1)
  const batch = call.int('batch_dims', 0)
  const depth = index.shape.at(-1)!
  const places = index.shape.slice(0, -1)
  const own = Array.from({ length: batch }, (_, i) => new Tensor(iota(places, i)))
  const chosen = Array.from({ length: depth }, (_, k) =>
    index.slice(...places.map(() => [] as const), k),
  )
  const known = x.shape.slice(0, batch + depth)
  const rest = x.shape.slice(batch + depth)
  const rows = x.reshape([sizeOf(known), sizeOf(rest)])
  const found = rows.indexSelect(0, linear([...own, ...chosen], known).reshape([-1]))
  return call.like(0, found.reshape([...places, ...rest]))
}

function oneHot(call: NodeCall): Value {
  const index = call.tensor(0)
  const depth = Math.trunc(call.known(1)[0]!)
  const values = call.tensor(2)
  const given = call.int('axis', -1)
  const axis = given < 0 ? given + index.rank + 1 : given
  const shape = index.shape.toSpliced(axis, 0, 1)
  const whole = index.dtype === 'f32' ? index.floor().to('i32') : index
  const column = arange(depth).reshape(shape.map((_, i) => (i === axis ? depth : 1)))
  const hot = fromFront(whole, depth).reshape(shape).eq(column)
  const [off, on] = [values.slice(0), values.slice(1)]
  return call.like(2, where(hot, on, off))
}

/** Positions of what is not zero: [rank, count]. */
function nonZero(call: NodeCall): Value {
  const { shape } = call.value(0)
  const strides = stridesOf(shape)
  const found = call.known(0).flatMap((value, i) => (value === 0 ? [] : [i]))
  const rows = strides.map((s, axis) => found.map((i) => Math.floor(i / s) % shape[axis]!))
  return Value.integers(rows.flat(), [shape.length, found.length])
}

function compress(call: NodeCall): Value {
  const x = call.tensor(0)
  const keep = call.known(1).flatMap((value, i) => (value ? [i] : []))
  const given = call.integer('axis')
  const index = Tensor.of(Int32Array.from(keep), [keep.length], 'i32')
  if (given === undefined) return call.like(0, x.reshape([-1]).indexSelect(0, index))
  return call.like(0, x.indexSelect(call.axis(given, x.rank), index))
}

/** The different values in order (or as they come), first places, places of all, counts. */
function unique(call: NodeCall): Value[] {
  const { shape, type } = call.value(0)
  const numbers = call.known(0)
  const given = call.attribute('axis')
  const axis = given ? call.axis(given.i ?? 0, shape.length) : 0
  const flat = given ? shape : [numbers.length]
  const strides = stridesOf(flat)
  const rows = Array.from({ length: flat[axis]! }, (_, row) =>
    numbers.filter((_, i) => Math.floor(i / strides[axis]!) % flat[axis]! === row),
  )
  const keys = rows.map((row) => row.join())
  const firsts = [...new Set(keys)].map((key) => keys.indexOf(key))
  if (call.int('sorted', 1)) firsts.sort((a, b) => compareRows(rows[a]!, rows[b]!))
  const places = keys.map((key) => firsts.findIndex((first) => keys[first] === key))
  const counts = firsts.map((first) => keys.filter((key) => key === keys[first]).length)
  const index = Tensor.of(Int32Array.from(firsts), [firsts.length], 'i32')
  const x = given ? call.tensor(0) : call.tensor(0).reshape([-1])
  const values = Value.of(type, x.indexSelect(axis, index))
  return [values, Value.integers(firsts), Value.integers(places), Value.integers(counts)]
}

function compareRows(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : a[at]! - b[at]!
}

/** Values put back where pooling found them. */
function maxUnpool(call: NodeCall): Value {
  const [x, index] = [call.tensor(0), call.tensor(1)]
  const kernel = call.ints('kernel_shape') ?? []
  const strides = call.ints('strides') ?? kernel.map(() => 1)
  const pads = call.ints('pads') ?? kernel.flatMap(() => [0, 0])
  const usual = kernel.map(
    (k, i) => (x.shape[i + 2]! - 1) * strides[i]! + k - pads[i]! - pads[i + kernel.length]!,
  )
  const inner = [...x.shape.slice(0, 2), ...usual]
  const shape = call.knownOptional(2) ?? inner
  // Positions count in the shape that the pooling saw.
  const places = index.reshape([-1])
  const coordinates = stridesOf(inner).map((s, i) =>
    places
      .to('f32')
      .add(0.5)
      .div(s)
      .floor()
      .to('i32')
      .sub(
        places
          .to('f32')
          .add(0.5)
          .div(s * inner[i]!)
          .floor()
          .to('i32')
          .mul(inner[i]!),
      ),
  )
  const target = linear(coordinates, shape)
  const out = zeros([sizeOf(shape)]).scatterAdd(0, target, x.reshape([-1]))
  return call.like(0, out.reshape(shape))
}

export const indexing: OpTable = {
  Gather: { since: 1, run: gather },
  GatherElements: { since: 11, run: gatherElements },
  GatherND: { since: 11, run: gatherND },
  Scatter: { since: 9, until: 10, run: scatterElements },
  ScatterElements: { since: 11, run: scatterElements },
  ScatterND: { since: 11, run: scatterND },
  OneHot: { since: 9, host: [1], run: oneHot },
  NonZero: { since: 9, run: nonZero },
  Compress: { since: 9, host: [1], run: compress },
  Unique: { since: 11, run: unique },
  MaxUnpool: { since: 9, host: [2], run: maxUnpool },
}
