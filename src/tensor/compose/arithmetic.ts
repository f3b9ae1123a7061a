import { type DType, promote } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { broadcastShapes, type Shape, sameShape, showShape } from '../../base/shape.ts'
import type { OpName } from '../../graph/attributes.ts'
import { make } from '../../graph/make.ts'
import type { Node } from '../../graph/node.ts'

type Plain =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'max'
  | 'min'
  | 'pow'
  | 'lt'
  | 'le'
  | 'eq'
  | 'ne'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shr'

export const constant = (value: number, shape: Shape, dtype: DType): Node =>
  make('constant', [], { value, shape, dtype })

export const cast = (x: Node, to: DType): Node => (x.dtype === to ? x : make('cast', [x], { to }))

/** x in a larger shape by NumPy's broadcasting: new axes in front, axes of size 1 stretched. */
export function broadcastTo(x: Node, shape: Shape, where = 'expand'): Node {
  if (sameShape(x.shape, shape)) return x
  if (x.shape.length > shape.length) {
    throw new BrickError({
      kind: 'shape',
      where,
      got: `${showShape(x.shape)} to ${showShape(shape)}`,
      wanted: `at least ${x.shape.length} dims`,
    })
  }
  const padded = [...new Array<number>(shape.length - x.shape.length).fill(1), ...x.shape]
  return make('expand', [make('reshape', [x], { shape: padded })], { shape })
}

const floating: ReadonlySet<OpName> = new Set(['div', 'pow'])

/** A binary op after type promotion and broadcasting; `div` and `pow` of integers are f32, as in PyTorch. */
export function binary(op: Plain, a: Node, b: Node, where: string = op): Node {
  const common = promote(a.dtype, b.dtype)
  const logical = op === 'and' || op === 'or' || op === 'xor'
  const dtype = floating.has(op)
    ? 'f32'
    : common === 'u8' || (common === 'bool' && !logical)
      ? 'i32'
      : common
  const shape = broadcastShapes(a.shape, b.shape, where)
  return make(op, [broadcastTo(cast(a, dtype), shape), broadcastTo(cast(b, dtype), shape)], {})
}

/** The dtype that a JavaScript number takes beside a tensor: integers stay integers where they can. */
function scalarLike(x: Node, value: number): Node {
  const dtype = x.dtype === 'f32' || !Number.isInteger(value) ? 'f32' : 'i32'
  return constant(value, [], dtype)
}

export const add = (a: Node, b: Node | number): Node => binary('add', a, operand(a, b))
export const sub = (a: Node, b: Node | number): Node => binary('sub', a, operand(a, b))
export const mul = (a: Node, b: Node | number): Node => binary('mul', a, operand(a, b))
export const div = (a: Node, b: Node | number): Node => binary('div', a, operand(a, b))
export const operand = (a: Node, b: Node | number): Node =>
  typeof b === 'number' ? scalarLike(a, b) : b

/** A unary f32 op; integers are converted first. */
export function unary(
  op: 'exp' | 'expm1' | 'log' | 'log1p' | 'sqrt' | 'sin' | 'cos' | 'tanh' | 'erf' | 'floor',
  x: Node,
): Node {
  return make(op, [cast(x, 'f32')], {})
}

/** condition ? yes : no with broadcasting. */
export function where(condition: Node, yes: Node, no: Node): Node {
  const dtype = promote(yes.dtype, no.dtype)
  const shape = broadcastShapes(
    condition.shape,
    broadcastShapes(yes.shape, no.shape, 'where'),
    'where',
  )
  return make(
    'where',
    [cast(condition, 'bool'), cast(yes, dtype), cast(no, dtype)].map((n) => broadcastTo(n, shape)),
    {},
  )
}
