import type { DType } from '../../base/dtype.ts'
import { sizeOf, stridesOf } from '../../base/shape.ts'
import type { OpName } from '../attributes.ts'
import type { Node } from '../node.ts'
import type { Make, ReduceOp } from '../record.ts'
import { like, requireDType, shapeError, spread, without } from './helpers.ts'

type Axes = { readonly axes: readonly number[] }

const infer =
  (allowed: readonly DType[], result?: DType) =>
  ([x]: readonly Node[], { axes }: Axes, where: string) => {
    const dtype = requireDType([x!], allowed, where)
    const shape = without(x!.shape, axes)
    if (result === 'i32' && sizeOf(x!.shape) === 0 && sizeOf(shape) > 0) {
      throw shapeError(where, 'no elements', 'at least one element to choose from')
    }
    return { shape, dtype: result ?? dtype }
  }

/** Row-major position of each element within the reduced axes, in the full shape (i32). */
function positions(x: Node, axes: readonly number[], make: Make): Node {
  const strides = stridesOf(axes.map((axis) => x.shape[axis]!))
  return axes
    .map((axis, i) => {
      const iota = make('iota', [], { axis, shape: x.shape })
      return make('mul', [iota, like(iota, strides[i]!, make)], {})
    })
    .reduce((sum, term) => make('add', [sum, term], {}))
}

export const reduce = {
  sum: {
    kind: 'reduce',
    fold: 'add',
    identity: 0,
    infer: infer(['f32', 'i32']),
    gradient: (g, node, make) => [spread(g, node.inputs[0]!.shape, node.attrs.axes, make)],
  } satisfies ReduceOp<'sum'>,

  /** The gradient goes to the first maximum, as PyTorch's max(dim) and max pooling do. */
  amax: {
    kind: 'reduce',
    fold: 'max',
    identity: Number.NEGATIVE_INFINITY,
    infer: infer(['f32', 'i32']),
    gradient: (g, node, make) => {
      const x = node.inputs[0]!
      const { axes } = node.attrs
      if (axes.length === 0) return [g]
      const first = spread(make('argmax', [x], { axes }), x.shape, axes, make)
      const chosen = make('eq', [positions(x, axes, make), first], {})
      return [make('where', [chosen, spread(g, x.shape, axes, make), like(x, 0, make)], {})]
    },
  } satisfies ReduceOp<'amax'>,

  /** Exact with zeros: with one zero only that element has a gradient, with two none has. */
  prod: {
    kind: 'reduce',
    fold: 'mul',
    identity: 1,
    infer: infer(['f32']),
    gradient: (g, node, make) => {
      const x = node.inputs[0]!
      const { axes } = node.attrs
      const zero = like(x, 0, make)
      const one = like(x, 1, make)
      const isZero = make('eq', [x, zero], {})
      const zeros = make('sum', [make('cast', [isZero], { to: 'f32' })], { axes })
      const safe = make('where', [isZero, one, x], {})
      const others = spread(make('prod', [safe], { axes }), x.shape, axes, make)
      const count = spread(zeros, x.shape, axes, make)
      const alone = make('and', [isZero, make('eq', [count, one], {})], {})
      const without = make(
        'where',
        [make('eq', [count, zero], {}), make('div', [others, safe], {}), zero],
        {},
      )
      const factor = make('where', [alone, others, without], {})
      return [make('mul', [spread(g, x.shape, axes, make), factor], {})]
    },
  } satisfies ReduceOp<'prod'>,

  argmax: {
    kind: 'reduce',
    fold: 'argmax',
    identity: Number.NEGATIVE_INFINITY,
    infer: infer(['f32', 'i32'], 'i32'),
  } satisfies ReduceOp<'argmax'>,
} satisfies { readonly [O in OpName]?: ReduceOp<O> }
