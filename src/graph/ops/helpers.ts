import type { DType } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { type Shape, sameShape, showShape } from '../../base/shape.ts'
import type { Node } from '../node.ts'
import type { Make } from '../record.ts'

export function shapeError(
  where: string,
  got: string,
  wanted: string,
  remedy?: string,
): BrickError {
  return new BrickError({ kind: 'shape', where, got, wanted, ...(remedy ? { remedy } : {}) })
}

export function dtypeError(
  where: string,
  got: string,
  wanted: string,
  remedy?: string,
): BrickError {
  return new BrickError({ kind: 'dtype', where, got, wanted, ...(remedy ? { remedy } : {}) })
}

export function requireSame(inputs: readonly Node[], where: string): Shape {
  const [first] = inputs
  for (const input of inputs) {
    if (!sameShape(input.shape, first!.shape)) {
      throw shapeError(where, inputs.map((n) => showShape(n.shape)).join(' and '), 'equal shapes')
    }
  }
  return first!.shape
}

export function requireDType(
  inputs: readonly Node[],
  allowed: readonly DType[],
  where: string,
): DType {
  const dtype = inputs[0]!.dtype
  for (const input of inputs) {
    if (input.dtype !== dtype) {
      throw dtypeError(
        where,
        `${dtype} and ${input.dtype}`,
        'equal dtypes',
        'Convert one with .to().',
      )
    }
    if (!allowed.includes(input.dtype)) {
      throw dtypeError(
        where,
        input.dtype,
        allowed.join(' or '),
        `Convert it with .to('${allowed[0]}').`,
      )
    }
  }
  return dtype
}

/** The constant `value` in the shape and dtype of a node. */
export const like = (node: Node, value: number, make: Make): Node =>
  make('constant', [], { value, shape: node.shape, dtype: node.dtype })

/** A shape, or one item an axis, without the given axes. */
export const without = <T>(items: readonly T[], axes: readonly number[]): T[] =>
  items.filter((_, axis) => !axes.includes(axis))

/** Shape with the given axes at size 1. */
export const keeping = (shape: Shape, axes: readonly number[]): number[] =>
  shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))

/** A reduced array back in the shape it was reduced from. */
export function spread(reduced: Node, shape: Shape, axes: readonly number[], make: Make): Node {
  return make('expand', [make('reshape', [reduced], { shape: keeping(shape, axes) })], { shape })
}
