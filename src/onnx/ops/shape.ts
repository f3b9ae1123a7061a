import { sizeOf } from '../../base/shape.ts'
import { arange, full } from '../../tensor/create.ts'
import { cat } from '../../tensor/functions.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import { typeNamed } from '../file/element-types.ts'
import { typeOf } from '../file/host-array.ts'
import type { NodeCall } from '../run/call.ts'
import { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'
import { part } from './positions.ts'
import { pad, slice } from './slices.ts'

/** A constant moves on the host, so that integers of 64 bits stay what they are. */
function moved(call: NodeCall, shape: readonly number[]): Value {
  const value = call.value(0)
  if (value.host && sizeOf(shape) === value.host.data.length) {
    return Value.constant({ ...value.host, shape })
  }
  return call.like(0, value.tensor.reshape(shape))
}

function reshape(call: NodeCall): Value {
  const { shape } = call.value(0)
  const copies = call.int('allowzero', 0) === 0
  const wanted = call.known(1).map((n, i) => (n === 0 && copies ? (shape[i] ?? 0) : n))
  const fixed = wanted.filter((n) => n !== -1)
  const rest = sizeOf(shape) / Math.max(1, sizeOf(fixed))
  return moved(
    call,
    wanted.map((n) => (n === -1 ? rest : n)),
  )
}

function squeeze(call: NodeCall): Value {
  const { shape, rank } = call.value(0)
  const axes = call.axes(13)?.map((a) => call.axis(a, rank))
  const gone = axes ?? shape.flatMap((n, i) => (n === 1 ? [i] : []))
  return moved(
    call,
    shape.filter((_, i) => !gone.includes(i)),
  )
}

function unsqueeze(call: NodeCall): Value {
  const { shape, rank } = call.value(0)
  const given = call.axes(13) ?? []
  const axes = given.map((a) => call.axis(a, rank + given.length)).sort((a, b) => a - b)
  return moved(
    call,
    axes.reduce<readonly number[]>((made, a) => made.toSpliced(a, 0, 1), shape),
  )
}

function flatten(call: NodeCall): Value {
  const { shape, rank } = call.value(0)
  const given = call.int('axis', 1)
  const axis = given < 0 ? given + rank : given
  if (!(axis >= 0 && axis <= rank)) throw call.refuse(`axis ${given}`, `one of ${rank}`, 'file')
  return moved(call, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))])
}

function concat(call: NodeCall): Value {
  const axis = call.axis(call.int('axis', 1), call.value(0).rank)
  return joined(
    call.inputs.map((_, i) => call.value(i)),
    axis,
  )
}

/** Values one after the other along an axis. Constants stay on the host. */
export function joined(values: readonly Value[], axis: number): Value {
  const [first] = values as [Value]
  const hosts = values.flatMap(({ host }) => (host && host.shape.length === 1 ? [host] : []))
  if (hosts.length === values.length) {
    const data = Float64Array.from(hosts.flatMap((host) => [...host.data]))
    return Value.constant({ type: first.type, shape: [data.length], data })
  }
  return Value.of(
    first.type,
    cat(
      values.map(({ tensor }) => tensor),
      axis,
    ),
  )
}

function split(call: NodeCall): Value[] {
  const x = call.tensor(0)
  const axis = call.axis(call.int('axis', 0), x.rank)
  const extent = x.shape[axis]!
  const given = call.opset >= 13 ? call.knownOptional(1) : call.ints('split')
  const count = call.limited(call.int('num_outputs', call.outputs.length), 'outputs')
  const each = Math.ceil(extent / count)
  const sizes =
    given ?? Array.from({ length: count }, (_, i) => Math.max(0, Math.min(each, extent - i * each)))
  let start = 0
  return sizes.map((size) => {
    const from = start
    start += size
    return call.like(0, part(x, axis, from, start))
  })
}

function expand(call: NodeCall): Value {
  const x = call.tensor(0)
  const wanted = call.known(1)
  const rank = Math.max(x.rank, wanted.length)
  const own = [...new Array<number>(rank - x.rank).fill(1), ...x.shape]
  const asked = [...new Array<number>(rank - wanted.length).fill(1), ...wanted]
  return call.like(0, x.expand(own.map((n, i) => (asked[i] === 1 ? n : asked[i]!))))
}

function tile(call: NodeCall): Value {
  const x = call.tensor(0)
  const repeats = call.known(1)
  const spread = x.reshape(x.shape.flatMap((n) => [1, n]))
  const wide = spread.expand(x.shape.flatMap((n, i) => [repeats[i]!, n]))
  return call.like(0, wide.reshape(x.shape.map((n, i) => n * repeats[i]!)))
}

/** [a·b·C…] apart into blocks: depth to space, either way round. */
function depthToSpace(call: NodeCall): Value {
  const x = call.tensor(0)
  const [n, c, h, w] = x.shape as readonly [number, number, number, number]
  const b = call.int('blocksize', 1)
  const depthFirst = call.text('mode', 'DCR') === 'DCR'
  const inside = depthFirst ? [n, b, b, c / b ** 2, h, w] : [n, c / b ** 2, b, b, h, w]
  const order = depthFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]
  return call.like(
    0,
    x
      .reshape(inside)
      .permute(order)
      .reshape([n, c / b ** 2, h * b, w * b]),
  )
}

function spaceToDepth(call: NodeCall): Value {
  const x = call.tensor(0)
  const [n, c, h, w] = x.shape as readonly [number, number, number, number]
  const b = call.int('blocksize', 1)
  const blocks = x.reshape([n, c, h / b, b, w / b, b]).permute([0, 3, 5, 1, 2, 4])
  return call.like(0, blocks.reshape([n, c * b ** 2, h / b, w / b]))
}

function shapeOf(call: NodeCall): Value {
  const { shape } = call.value(0)
  return Value.integers(shape.slice(call.int('start', 0), call.integer('end')))
}

function constant(call: NodeCall): Value {
  const array = call.array('value')
  if (array) return Value.constant(array)
  const floats = call.floats('value_floats') ?? [call.float('value_float', Number.NaN)]
  const ints = call.ints('value_ints')
  if (call.has('value_int')) return Value.integers([call.int('value_int', 0)], [])
  if (ints) return Value.integers(ints)
  if (!call.has('value_floats') && !call.has('value_float')) {
    throw call.refuse('a value that is no numbers', 'floats, integers or a tensor', 'dtype')
  }
  const shape = call.has('value_float') ? [] : [floats.length]
  return Value.constant({ type: typeNamed('float'), shape, data: Float32Array.from(floats) })
}

function constantOfShape(call: NodeCall): Value {
  const shape = call.known(0)
  const array = call.array('value')
  const type = array?.type ?? typeNamed('float')
  return Value.of(type, full(shape, array?.data[0] ?? 0, type.dtype))
}

function range(call: NodeCall): Value {
  const [start, limit, step] = [0, 1, 2].map((i) => call.known(i)[0]!) as [number, number, number]
  const count = call.limited(Math.max(0, Math.ceil((limit - start) / step)), 'numbers')
  return call.like(0, arange(count).mul(step).add(start))
}

function eyeLike(call: NodeCall): Value {
  const { shape, type } = call.value(0)
  const [n, m] = shape as readonly [number, number]
  const to = call.has('dtype') ? typeOf(call.int('dtype', 1), 'EyeLike') : type
  const row = arange(n).unsqueeze(1).add(call.int('k', 0))
  return Value.of(to, row.eq(arange(m).unsqueeze(0)))
}

function trilu(call: NodeCall): Value {
  const x = call.tensor(0)
  const k = call.knownOptional(1)?.[0] ?? 0
  return call.like(0, call.int('upper', 1) ? x.triu(k) : x.tril(k))
}

/** Each row's first elements turned round. */
function reverseSequence(call: NodeCall): Value {
  const x = call.tensor(0)
  const [time, batch] = [call.int('time_axis', 0), call.int('batch_axis', 1)]
  const along = (axis: number, values: Tensor) =>
    values.reshape(x.shape.map((n, i) => (i === axis ? n : 1)))
  const place = along(time, arange(x.shape[time]!))
  const length = along(batch, call.tensor(1))
  const source = where(place.lt(length), length.sub(place).sub(1), place)
  return call.like(0, x.gather(time, source.expand(x.shape)))
}

/** Cut or padded to sizes, around the middle. */
function centerCropPad(call: NodeCall): Value {
  let x = call.tensor(0)
  const sizes = call.known(1)
  const axes = call.ints('axes') ?? x.shape.map((_, i) => i)
  axes.forEach((given, k) => {
    const axis = call.axis(given, x.rank)
    const [old, wanted] = [x.shape[axis]!, sizes[k]!]
    const start = Math.floor(Math.abs(old - wanted) / 2)
    const end = Math.abs(old - wanted) - start
    x =
      wanted < old
        ? part(x, axis, start, old - end)
        : x.pad(x.shape.map((_, i) => (i === axis ? [start, end] : [0, 0]) as [number, number]))
  })
  return call.like(0, x)
}

export const shape: OpTable = {
  Reshape: { since: 5, host: [1], run: reshape },
  Flatten: { since: 1, run: flatten },
  Squeeze: { since: 1, host: [1], run: squeeze },
  Unsqueeze: { since: 1, host: [1], run: unsqueeze },
  Transpose: {
    since: 1,
    run: (call) => {
      const x = call.tensor(0)
      return call.like(0, x.permute(call.ints('perm') ?? x.shape.map((_, i) => x.rank - 1 - i)))
    },
  },
  Concat: { since: 4, run: concat },
  Split: { since: 2, host: [1], run: split },
  Slice: { since: 1, host: [1, 2, 3, 4], run: slice },
  Pad: { since: 2, host: [1, 2, 3], run: pad },
  Expand: { since: 8, host: [1], run: expand },
  Tile: { since: 6, host: [1], run: tile },
  DepthToSpace: { since: 1, run: depthToSpace },
  SpaceToDepth: { since: 1, run: spaceToDepth },
  Shape: { since: 1, run: shapeOf },
  Size: { since: 1, run: (call) => Value.integers([sizeOf(call.value(0).shape)], []) },
  Constant: { since: 1, run: constant },
  ConstantOfShape: { since: 9, host: [0], run: constantOfShape },
  Range: { since: 11, host: [0, 1, 2], run: range },
  EyeLike: { since: 9, run: eyeLike },
  Trilu: { since: 14, host: [1], run: trilu },
  ReverseSequence: { since: 10, run: reverseSequence },
  CenterCropPad: { since: 18, host: [1], run: centerCropPad },
}
