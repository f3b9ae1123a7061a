import { sizeOf } from '../../base/shape.ts'
import type { Node } from '../../graph/node.ts'
import { type Dim, dependsOnBatch, sameDim } from './dims.ts'
import { input, isVarying } from './look.ts'
import { type Plan, type PlanContext, simply } from './plan.ts'
import { codes, type GraphWriter, int, ints } from './writer.ts'

/** The largest 64-bit integer that a double can hold: "to the end" in a slice. */
const END = 2 ** 62
/** Larger constants are computed in the file, not stored. */
const STORED = 4096

/** Sizes that are copied or worked out by Reshape itself, where that says everything. */
function reshapeTarget(dims: readonly Dim[], from: readonly Dim[]): readonly Dim[] {
  const free = dims.flatMap((d, i) => (typeof d === 'number' ? [] : [i]))
  if (free.length === 0) return dims
  const copied = dims.map((d, i) => {
    const same = typeof d !== 'number' && from[i] !== undefined && sameDim(d, from[i]!)
    return same ? 0 : d
  })
  const rest = copied.flatMap((d, i) => (typeof d === 'number' ? [] : [i]))
  if (dims.some((d) => d === 0)) return dims
  if (rest.length === 1) return copied.with(rest[0]!, -1)
  return rest.length === 0 ? copied : dims
}

function reshape(node: Node<'reshape'>, context: PlanContext): Plan {
  const x = input(node, 0)
  const target = reshapeTarget(context.dims(node), context.dims(x))
  return {
    needs: [x],
    write: (writer, name) => writer.add('Reshape', [name(x), writer.vector(target)]),
  }
}

function expand(node: Node<'expand'>, context: PlanContext): Plan {
  const x = input(node, 0)
  const own = context.dims(x)
  // What is as large already stays so beside a 1.
  const target = context.dims(node).map((d, i) => (sameDim(d, own[i]!) ? 1 : d))
  return {
    needs: [x],
    write: (writer, name) => writer.add('Expand', [name(x), writer.vector(target)]),
  }
}

function slice(node: Node<'slice'>, context: PlanContext): Plan {
  const x = input(node, 0)
  const of = (key: 'start' | 'stop') => context.dims(node, (n) => (n as Node<'slice'>).attrs[key])
  const [start, stop, { step }] = [of('start'), of('stop'), node.attrs]
  const extents = context.dims(x)
  const ends = stop.map((d, i) => (sameDim(d, extents[i]!) ? END : d))
  const axes = x.shape.flatMap((_, i) =>
    start[i] === 0 && ends[i] === END && step[i] === 1 ? [] : [i],
  )
  return {
    needs: [x],
    write: (writer, name) => {
      if (axes.length === 0) return writer.add('Identity', [name(x)])
      const chosen = (list: readonly Dim[]) => writer.vector(axes.map((a) => list[a]!))
      const inputs = [name(x), chosen(start), chosen(ends), writer.integers(axes), chosen(step)]
      return writer.add('Slice', inputs)
    },
  }
}

function flip(node: Node<'flip'>): Plan {
  const x = input(node, 0)
  const { axes } = node.attrs
  return {
    needs: [x],
    write: (writer, name) =>
      writer.add('Slice', [
        name(x),
        writer.integers(axes.map(() => -1)),
        writer.integers(axes.map(() => -END)),
        writer.integers(axes),
        writer.integers(axes.map(() => -1)),
      ]),
  }
}

/** Elements before and after; those between neighbours by way of an axis of their own. */
function pad(node: Node<'pad'>, context: PlanContext): Plan {
  const x = input(node, 0)
  const { low, high, interior, value } = node.attrs
  const dims = context.dims(x)
  return {
    needs: [x],
    write: (writer, name) => {
      const fill = writer.scalar(value, node.dtype)
      const padded = (from: string, before: readonly number[], after: readonly number[]) =>
        [...before, ...after].every((n) => n === 0)
          ? from
          : writer.add('Pad', [from, writer.integers([...before, ...after]), fill])
      const spaced = interior.reduce((from, between, axis) => {
        if (between === 0) return from
        return spread(writer, from, { dims, interior, axis, fill })
      }, name(x))
      const done = padded(spaced, low, high)
      return done === name(x) ? writer.add('Identity', [done]) : done
    },
  }
}

interface Spread {
  readonly dims: readonly Dim[]
  readonly interior: readonly number[]
  readonly axis: number
  readonly fill: string
}

/** One axis with elements between its neighbours; those before it have theirs already. */
function spread(writer: GraphWriter, from: string, { dims, interior, axis, fill }: Spread): string {
  const wide = dims.map((d, i) => (i < axis ? spaced(d, interior[i]!) : d))
  const own = dims[axis]!
  const between = interior[axis]!
  if (typeof own !== 'number') throw dependsOnBatch('pad', 'a spread axis')
  const apart = writer.add('Reshape', [from, writer.vector(wide.toSpliced(axis + 1, 0, 1))])
  const rank = wide.length + 1
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === rank + axis + 1 ? between : 0))
  const padded = writer.add('Pad', [apart, writer.integers(pads), fill])
  const joined = writer.add('Reshape', [
    padded,
    writer.vector(wide.with(axis, own * (between + 1))),
  ])
  const [start, end] = [writer.integers([0]), writer.integers([own * (between + 1) - between])]
  return writer.add('Slice', [joined, start, end, writer.integers([axis])])
}

const spaced = (dim: Dim, between: number): Dim =>
  typeof dim === 'number' ? (between === 0 ? dim : dim + (dim - 1) * between) : dim

/** Windows by looking up their positions, and moving the new axis to the end. */
function window(node: Node<'window'>, context: PlanContext): Plan {
  const x = input(node, 0)
  const { axis, size, stride, dilation } = node.attrs
  const count = context.dims(node)[axis]!
  if (typeof count !== 'number') throw dependsOnBatch(node.scope, 'windows')
  const positions = Array.from({ length: count * size }, (_, i) => {
    return Math.floor(i / size) * stride + (i % size) * dilation
  })
  const rank = node.shape.length
  const order = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis + 1)
  return {
    needs: [x],
    write: (writer, name) => {
      const index = writer.integers(positions, [count, size])
      const found = writer.add('Gather', [name(x), index], { axis: int(axis) })
      return writer.add('Transpose', [found], { perm: ints([...order, axis + 1]) })
    },
  }
}

/** A constant's number. Throws a BrickError if it depends on the batch size. */
export function fixedNumber(node: Node<'constant'>): number {
  if (isVarying(node)) throw dependsOnBatch(node.scope, `the number ${node.attrs.value}`)
  return node.attrs.value
}

function constant(node: Node<'constant'>, context: PlanContext): Plan {
  const dims = context.dims(node)
  const value = fixedNumber(node)
  return {
    needs: [],
    write: (writer) => {
      const one = writer.scalar(value, node.dtype)
      return dims.length === 0 ? one : writer.add('Expand', [one, writer.vector(dims)])
    },
  }
}

function iota(node: Node<'iota'>, context: PlanContext): Plan {
  const { axis } = node.attrs
  const dims = context.dims(node)
  const extent = dims[axis]!
  const line = node.shape.map((_, i) => (i === axis ? extent : 1))
  return {
    needs: [],
    write: (writer) => {
      let along: string
      if (typeof extent === 'number' && extent <= STORED) {
        const data = Int32Array.from({ length: extent }, (_, i) => i)
        const shape = line as number[]
        along = writer.initializer('positions', { dtype: 'i32', shape, data })
      } else {
        const end = writer.add('Squeeze', [writer.vector([extent])])
        const numbers = writer.add('Range', [
          writer.integers([0], []),
          end,
          writer.integers([1], []),
        ])
        const cast = writer.add('Cast', [numbers], { to: int(codes.i32) })
        along = writer.add('Reshape', [
          cast,
          writer.integers(line.map((_, i) => (i === axis ? -1 : 1))),
        ])
      }
      if (sizeOf(node.shape) === node.shape[axis]) return along
      return writer.add('Expand', [along, writer.vector(dims)])
    },
  }
}

function concat(node: Node<'concat'>): Plan {
  const needs = node.inputs.map((_, i) => input(node, i))
  return simply('Concat', needs, { axis: int(node.attrs.axis) })
}

/** Ops that move elements, and constants. */
export const movements = {
  constant,
  iota,
  reshape,
  expand,
  slice,
  flip,
  pad,
  window,
  concat,
  permute: (node: Node<'permute'>): Plan =>
    simply('Transpose', [input(node, 0)], { perm: ints(node.attrs.order) }),
}
