import { promote } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { normalizeAxis, type Shape, showShape, sizeOf } from '../../base/shape.ts'
import { make } from '../../graph/make.ts'
import type { Node } from '../../graph/node.ts'
import { cast, constant } from './arithmetic.ts'

export type Range = number | readonly [start?: number | null, stop?: number | null, step?: number]
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'

/** A new shape of the same size; one −1 is worked out. */
export function reshape(x: Node, shape: Shape): Node {
  const known = shape.reduce((product, extent) => (extent === -1 ? product : product * extent), 1)
  const free = shape.filter((extent) => extent === -1).length
  const size = sizeOf(x.shape)
  const whole = shape.every((extent) => Number.isInteger(extent) && extent >= -1)
  if (!whole || free > 1 || (free === 1 && (known === 0 || size % known !== 0))) {
    throw new BrickError({
      kind: 'shape',
      where: 'reshape',
      got: `${showShape(x.shape)} (${size} elements) to ${showShape(shape)}`,
      wanted: !whole
        ? 'whole numbers from 0, or −1'
        : free > 1
          ? 'at most one −1'
          : `a multiple of ${known} elements`,
    })
  }
  return make('reshape', [x], {
    shape: shape.map((extent) => (extent === -1 ? size / known : extent)),
  })
}

/** Dims `from` to `to` as one; of a scalar, [1]. */
export function flatten(x: Node, from: number, to: number): Node {
  const rank = Math.max(1, x.shape.length)
  const [first, last] = [from, to].map((d) => normalizeAxis(d, rank, 'flatten')) as [number, number]
  if (first > last) {
    throw new BrickError({
      kind: 'shape',
      where: 'flatten',
      got: `dims ${from} to ${to} of ${showShape(x.shape)}`,
      wanted: 'the first dim before the last',
    })
  }
  const middle = sizeOf(x.shape.slice(first, last + 1))
  return reshape(x, x.shape.toSpliced(first, last - first + 1, middle))
}

export function permute(x: Node, dims: readonly number[]): Node {
  return make('permute', [x], {
    order: dims.map((d) => normalizeAxis(d, x.shape.length, 'permute')),
  })
}

export function transpose(x: Node, a: number, b: number): Node {
  const rank = x.shape.length
  const [i, j] = [normalizeAxis(a, rank, 'transpose'), normalizeAxis(b, rank, 'transpose')]
  const order = x.shape.map((_, axis) => (axis === i ? j : axis === j ? i : axis))
  return make('permute', [x], { order })
}

export function unsqueeze(x: Node, dim: number): Node {
  const axis = normalizeAxis(dim, x.shape.length + 1, 'unsqueeze')
  return make('reshape', [x], { shape: x.shape.toSpliced(axis, 0, 1) })
}

export function squeeze(x: Node, dim?: number): Node {
  const only = dim === undefined ? undefined : normalizeAxis(dim, x.shape.length, 'squeeze')
  const shape = x.shape.filter(
    (extent, axis) => extent !== 1 || (only !== undefined && axis !== only),
  )
  return make('reshape', [x], { shape })
}

/** Python's slices: [start, stop, step] with negative positions from the end; a number picks one and drops the axis. */
export function slice(x: Node, ranges: readonly Range[]): Node {
  const start = x.shape.map(() => 0)
  const stop = [...x.shape]
  const step = x.shape.map(() => 1)
  const dropped: number[] = []
  ranges.forEach((range, i) => {
    const axis = normalizeAxis(i, x.shape.length, 'slice')
    const extent = x.shape[axis]!
    if (typeof range === 'number') {
      start[axis] = normalizeAxis(range, extent, `slice (position in dim ${axis})`)
      stop[axis] = start[axis]! + 1
      dropped.push(axis)
      return
    }
    const clamp = (value: number) =>
      Math.min(extent, Math.max(0, value < 0 ? value + extent : value))
    start[axis] = clamp(range[0] ?? 0)
    stop[axis] = Math.max(start[axis]!, clamp(range[1] ?? extent))
    step[axis] = range[2] ?? 1
  })
  const part = make('slice', [x], { start, stop, step })
  const shape = part.shape.filter((_, axis) => !dropped.includes(axis))
  return dropped.length ? make('reshape', [part], { shape }) : part
}

/** Elements start … stop − 1 along one axis. */
export function narrow(x: Node, axis: number, start: number, stop: number): Node {
  return make('slice', [x], {
    start: x.shape.map((_, i) => (i === axis ? start : 0)),
    stop: x.shape.map((extent, i) => (i === axis ? stop : extent)),
    step: x.shape.map(() => 1),
  })
}

export function concat(nodes: readonly Node[], dim: number): Node {
  if (nodes.length === 0) {
    throw new BrickError({
      kind: 'argument',
      where: 'cat',
      got: 'no tensors',
      wanted: 'at least one',
    })
  }
  const dtype = nodes.map((n) => n.dtype).reduce(promote)
  const axis = normalizeAxis(dim, nodes[0]!.shape.length, 'cat')
  return make(
    'concat',
    nodes.map((n) => cast(n, dtype)),
    { axis },
  )
}

export function roll(x: Node, shift: number, dim: number): Node {
  const axis = normalizeAxis(dim, x.shape.length, 'roll')
  const extent = x.shape[axis]!
  const by = ((shift % extent) + extent) % extent
  if (by === 0) return x
  return make('concat', [narrow(x, axis, extent - by, extent), narrow(x, axis, 0, extent - by)], {
    axis,
  })
}

/** [before, after] for each axis. `reflect` leaves the edge out, `replicate` repeats it, `circular` wraps. */
export function pad(
  x: Node,
  amounts: readonly (readonly [number, number])[],
  mode: PadMode,
  value = 0,
): Node {
  if (amounts.length !== x.shape.length) {
    throw new BrickError({
      kind: 'shape',
      where: 'pad',
      got: `${amounts.length} pairs for ${showShape(x.shape)}`,
      wanted: 'a [before, after] pair for each dim',
    })
  }
  if (mode === 'constant') {
    const [low, high] = [amounts.map((a) => a[0]), amounts.map((a) => a[1])]
    return make('pad', [x], { low, high, interior: x.shape.map(() => 0), value })
  }
  return amounts.reduce((node, [before, after], axis) => extend(node, axis, before, after, mode), x)
}

function extend(
  x: Node,
  axis: number,
  before: number,
  after: number,
  mode: Exclude<PadMode, 'constant'>,
): Node {
  if (before === 0 && after === 0) return x
  const extent = x.shape[axis]!
  const limit =
    mode === 'reflect' ? extent - 1 : mode === 'circular' ? extent : Number.POSITIVE_INFINITY
  if (Math.max(before, after) > limit) {
    throw new BrickError({
      kind: 'shape',
      where: `pad (${mode})`,
      got: `${Math.max(before, after)} in dim ${axis} of ${showShape(x.shape)}`,
      wanted: `at most ${limit}`,
    })
  }
  const repeat = (from: number, count: number) =>
    make('expand', [narrow(x, axis, from, from + 1)], { shape: x.shape.with(axis, count) })
  const mirror = (from: number, to: number) =>
    make('flip', [narrow(x, axis, from, to)], { axes: [axis] })
  const edges = {
    reflect: () => [mirror(1, before + 1), mirror(extent - after - 1, extent - 1)],
    replicate: () => [repeat(0, before), repeat(extent - 1, after)],
    circular: () => [narrow(x, axis, extent - before, extent), narrow(x, axis, 0, after)],
  }
  const [left, right] = edges[mode]() as [Node, Node]
  return make(
    'concat',
    [left, x, right].filter((n) => n.shape[axis]! > 0),
    { axis },
  )
}

/** The coordinate along an axis as i32, in a shape. */
export const iota = (shape: Shape, axis: number): Node => make('iota', [], { shape, axis })

/** Positions below (or above) the k-th diagonal of the last two axes set to 0. */
export function triangle(x: Node, diagonal: number, lower: boolean): Node {
  const rank = x.shape.length
  const row = iota(x.shape, rank - 2)
  const column = iota(x.shape, rank - 1)
  const limit = make('add', [row, constant(diagonal, x.shape, 'i32')], {})
  const keep = lower ? make('le', [column, limit], {}) : make('le', [limit, column], {})
  return make('where', [keep, x, constant(0, x.shape, x.dtype)], {})
}
