import { type Shape, sameShape, showShape, sizeOf, stridesOf } from '../../base/shape.ts'
import type { Node } from '../node.ts'
import type { IndexAlgebra, Make, MovementOp, Piece } from '../record.ts'
import { requireDType, shapeError } from './helpers.ts'

/** An op that reads one element of its one input, unconditionally. */
const at = <I>(coords: readonly I[]): readonly Piece<I>[] => [{ input: 0, coords, guards: [] }]

/** The row-major position of coordinates. */
export function flatten<I>(coords: readonly I[], shape: Shape, algebra: IndexAlgebra<I>): I {
  const strides = stridesOf(shape)
  return coords.reduce<I>(
    (sum, coord, axis) => algebra.add(sum, algebra.scale(coord, strides[axis]!)),
    algebra.constant(0),
  )
}

/** The coordinates of a row-major position, from the last axis on. */
export function unflatten<I>(position: I, shape: Shape, algebra: IndexAlgebra<I>): I[] {
  const coords: I[] = []
  let rest = position
  for (const extent of shape.toReversed()) {
    coords.push(extent === 1 ? algebra.constant(0) : algebra.mod(rest, Math.max(1, extent)))
    rest = algebra.div(rest, Math.max(1, extent))
  }
  return coords.reverse()
}

/** Windows that tile the axis: their transpose is a reshape. */
function untile(g: Node, node: Node<'window'>, make: Make): Node {
  const { axis, size } = node.attrs
  const input = node.inputs[0]!.shape
  const count = g.shape[axis]!
  const rank = input.length
  // […, count, …, size] → […, count, size, …] → […, count·size, …]
  const order = [
    ...Array(axis + 1).keys(),
    rank,
    ...Array.from({ length: rank - axis - 1 }, (_, i) => axis + 1 + i),
  ]
  const together = make('permute', [g], { order })
  const flat = make('reshape', [together], { shape: input.with(axis, count * size) })
  const zeros = input.map(() => 0)
  const high = zeros.with(axis, input[axis]! - count * size)
  return make('pad', [flat], { low: zeros, high, interior: zeros, value: 0 })
}

export const movement = {
  reshape: {
    kind: 'movement',
    infer: ([x], { shape }, where) => {
      if (sizeOf(shape) !== sizeOf(x!.shape)) {
        throw shapeError(
          where,
          `${showShape(x!.shape)} (${sizeOf(x!.shape)} elements) to ${showShape(shape)} (${sizeOf(shape)})`,
          'the same number of elements',
        )
      }
      return { shape, dtype: x!.dtype }
    },
    pieces: (coords, node, algebra) => {
      const input = node.inputs[0]!.shape
      return at(unflatten(flatten(coords, node.shape, algebra), input, algebra))
    },
    gradient: (g, node, make) => [make('reshape', [g], { shape: node.inputs[0]!.shape })],
  } satisfies MovementOp<'reshape'>,

  permute: {
    kind: 'movement',
    infer: ([x], { order }, where) => {
      const rank = x!.shape.length
      if (
        order.length !== rank ||
        new Set(order).size !== rank ||
        order.some((a) => a < 0 || a >= rank)
      ) {
        throw shapeError(
          where,
          `dims ${showShape(order)} for ${showShape(x!.shape)}`,
          'each dim once',
        )
      }
      return { shape: order.map((axis) => x!.shape[axis]!), dtype: x!.dtype }
    },
    pieces: (coords, { attrs }) => {
      const source = coords.slice()
      attrs.order.forEach((axis, i) => {
        source[axis] = coords[i]!
      })
      return at(source)
    },
    gradient: (g, { attrs }, make) => {
      const order = attrs.order.map((_, axis) => attrs.order.indexOf(axis))
      return [make('permute', [g], { order })]
    },
  } satisfies MovementOp<'permute'>,

  /** Same rank; axes of size 1 stretch. */
  expand: {
    kind: 'movement',
    infer: ([x], { shape }, where) => {
      if (x!.shape.length !== shape.length || x!.shape.some((e, i) => e !== 1 && e !== shape[i])) {
        throw shapeError(
          where,
          `${showShape(x!.shape)} to ${showShape(shape)}`,
          'only axes of size 1 to grow',
        )
      }
      return { shape, dtype: x!.dtype }
    },
    pieces: (coords, node, algebra) =>
      at(
        coords.map((coord, axis) =>
          node.inputs[0]!.shape[axis] === 1 ? algebra.constant(0) : coord,
        ),
      ),
    gradient: (g, node, make) => {
      const shape = node.inputs[0]!.shape
      const axes = shape.flatMap((extent, axis) =>
        extent === 1 && node.shape[axis] !== 1 ? [axis] : [],
      )
      return [make('reshape', [make('sum', [g], { axes })], { shape })]
    },
  } satisfies MovementOp<'expand'>,

  pad: {
    kind: 'movement',
    infer: ([x], { low, high, interior }, where) => {
      if (low.length !== x!.shape.length || [...low, ...high, ...interior].some((n) => n < 0)) {
        throw shapeError(
          where,
          `low ${showShape(low)}, high ${showShape(high)}`,
          'one number ≥ 0 an axis',
        )
      }
      const shape = x!.shape.map(
        (extent, i) => low[i]! + high[i]! + extent + Math.max(0, extent - 1) * interior[i]!,
      )
      return { shape, dtype: x!.dtype }
    },
    pieces: (coords, node, algebra) => {
      const { low, interior } = node.attrs
      const input = node.inputs[0]!.shape
      const shifted = coords.map((coord, i) => algebra.add(coord, algebra.constant(-low[i]!)))
      const guards = shifted.flatMap((index, i) => {
        const every = interior[i]! + 1
        const plain = node.shape[i] === input[i]
        return plain ? [] : [{ index, low: 0, high: (input[i]! - 1) * every + 1, every }]
      })
      const source = shifted.map((index, i) =>
        interior[i] ? algebra.div(index, interior[i]! + 1) : index,
      )
      return [{ input: 0, coords: source, guards }]
    },
    fill: ({ value }) => value,
    gradient: (g, node, make) => {
      const { low, interior } = node.attrs
      const input = node.inputs[0]!.shape
      const step = interior.map((n) => n + 1)
      const stop = input.map(
        (extent, i) => low[i]! + Math.max(0, extent - 1) * step[i]! + Math.min(1, extent),
      )
      return [make('slice', [g], { start: low, stop, step })]
    },
  } satisfies MovementOp<'pad'>,

  /** start ≤ index < stop by step ≥ 1. */
  slice: {
    kind: 'movement',
    infer: ([x], { start, stop, step }, where) => {
      const rank = x!.shape.length
      const whole = [...start, ...stop, ...step].every(Number.isInteger)
      const fits = x!.shape.every(
        (extent, i) =>
          0 <= start[i]! && start[i]! <= stop[i]! && stop[i]! <= extent && step[i]! >= 1,
      )
      if (
        start.length !== rank ||
        stop.length !== rank ||
        step.length !== rank ||
        !whole ||
        !fits
      ) {
        throw shapeError(
          where,
          `${showShape(start)} … ${showShape(stop)} of ${showShape(x!.shape)}`,
          'ranges inside the shape',
        )
      }
      return { shape: start.map((s, i) => Math.ceil((stop[i]! - s) / step[i]!)), dtype: x!.dtype }
    },
    pieces: (coords, { attrs }, algebra) =>
      at(
        coords.map((coord, i) =>
          algebra.add(algebra.scale(coord, attrs.step[i]!), algebra.constant(attrs.start[i]!)),
        ),
      ),
    gradient: (g, node, make) => {
      const { start, step } = node.attrs
      const input = node.inputs[0]!.shape
      const reach = node.shape.map(
        (extent, i) => start[i]! + Math.max(0, extent - 1) * step[i]! + Math.min(1, extent),
      )
      return [
        make('pad', [g], {
          low: start,
          high: input.map((extent, i) => extent - reach[i]!),
          interior: step.map((s) => s - 1),
          value: 0,
        }),
      ]
    },
  } satisfies MovementOp<'slice'>,

  flip: {
    kind: 'movement',
    infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    pieces: (coords, node, algebra) =>
      at(
        coords.map((coord, axis) =>
          node.attrs.axes.includes(axis)
            ? algebra.add(algebra.scale(coord, -1), algebra.constant(node.shape[axis]! - 1))
            : coord,
        ),
      ),
    gradient: (g, { attrs }, make) => [make('flip', [g], attrs)],
  } satisfies MovementOp<'flip'>,

  concat: {
    kind: 'movement',
    infer: (inputs, { axis }, where) => {
      const dtype = requireDType(inputs, ['f32', 'i32', 'u8', 'bool'], where)
      const first = inputs[0]!.shape
      for (const { shape } of inputs) {
        if (shape.length !== first.length || !sameShape(shape.with(axis, 0), first.with(axis, 0))) {
          throw shapeError(
            where,
            inputs.map((n) => showShape(n.shape)).join(' and '),
            `equal sizes except in dim ${axis}`,
          )
        }
      }
      return {
        shape: first.with(
          axis,
          inputs.reduce((sum, n) => sum + n.shape[axis]!, 0),
        ),
        dtype,
      }
    },
    pieces: (coords, node, algebra) => {
      const { axis } = node.attrs
      let before = 0
      return node.inputs.map((input, i) => {
        const low = before
        const high = low + input.shape[axis]!
        before = high
        const source = coords.slice()
        source[axis] = algebra.add(coords[axis]!, algebra.constant(-low))
        return { input: i, coords: source, guards: [{ index: coords[axis]!, low, high, every: 1 }] }
      })
    },
    gradient: (g, node, make) => {
      const { axis } = node.attrs
      const zeros = g.shape.map(() => 0)
      let before = 0
      return node.inputs.map((input) => {
        const start = zeros.with(axis, before)
        before += input.shape[axis]!
        return make('slice', [g], {
          start,
          stop: g.shape.with(axis, before),
          step: g.shape.map(() => 1),
        })
      })
    },
  } satisfies MovementOp<'concat'>,

  window: {
    kind: 'movement',
    infer: ([x], { axis, size, stride, dilation }, where) => {
      const extent = x!.shape[axis]!
      const reach = dilation * (size - 1) + 1
      if (reach > extent) {
        throw shapeError(
          where,
          `a window of ${reach} on ${showShape(x!.shape)}`,
          `at most ${extent} in dim ${axis}`,
        )
      }
      const count = Math.floor((extent - reach) / stride) + 1
      return { shape: [...x!.shape.with(axis, count), size], dtype: x!.dtype }
    },
    pieces: (coords, { attrs: { axis, stride, dilation } }, algebra) => {
      const source = coords.slice(0, -1)
      const within = algebra.scale(coords[coords.length - 1]!, dilation)
      source[axis] = algebra.add(algebra.scale(coords[axis]!, stride), within)
      return at(source)
    },
    gradient: (g, node, make) => {
      const { axis, size, stride, dilation } = node.attrs
      if (stride === size && dilation === 1) return [untile(g, node, make)]
      const extent = [node.inputs[0]!.shape[axis]!]
      const one = { axes: [axis], size: [size], stride: [stride], dilation: [dilation], extent }
      return [make('overlapAdd', [g], one)]
    },
  } satisfies MovementOp<'window'>,
}
