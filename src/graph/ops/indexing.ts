import { showShape } from '../../base/shape.ts'
import type { Node } from '../node.ts'
import type { IndexingOp } from '../record.ts'
import { dtypeError, requireDType, shapeError } from './helpers.ts'

/** index must be i32 and equal to `shape` (or smaller, when `within`) in every dim but `axis`. */
function checkIndex(index: Node, shape: readonly number[], axis: number, where: string): void {
  if (index.dtype !== 'i32') {
    throw dtypeError(where, `an index of ${index.dtype}`, 'i32', "Convert it with .to('i32').")
  }
  const fits =
    index.shape.length === shape.length &&
    index.shape.every((extent, i) => i === axis || extent === shape[i])
  if (!fits) {
    throw shapeError(
      where,
      `index ${showShape(index.shape)} for ${showShape(shape)}`,
      `equal sizes except in dim ${axis}`,
    )
  }
}

export const indexing = {
  /** out[…, i, …] = x[…, index[…, i, …], …]. Positions out of range read NaN (0 for integers). */
  gather: {
    kind: 'indexing',
    infer: ([x, index], { axis }, where) => {
      checkIndex(index!, x!.shape, axis, where)
      return { shape: index!.shape, dtype: x!.dtype }
    },
    gradient: (g, node, make) => {
      const [x, index] = node.inputs as [Node, Node]
      const zeros = make('constant', [], { value: 0, shape: x.shape, dtype: x.dtype })
      return [make('scatterAdd', [zeros, index, g], node.attrs), undefined]
    },
  } satisfies IndexingOp<'gather'>,

  /** out = base with out[…, index[…, i, …], …] += source[…, i, …]. Positions out of range are left out. */
  scatterAdd: {
    kind: 'indexing',
    infer: ([base, index, source], { axis }, where) => {
      checkIndex(index!, base!.shape, axis, where)
      const dtype = requireDType([base!, source!], ['f32', 'i32'], where)
      if (showShape(index!.shape) !== showShape(source!.shape)) {
        throw shapeError(
          where,
          `index ${showShape(index!.shape)}, source ${showShape(source!.shape)}`,
          'equal shapes',
        )
      }
      return { shape: base!.shape, dtype }
    },
    gradient: (g, node, make) => [g, undefined, make('gather', [g, node.inputs[1]!], node.attrs)],
  } satisfies IndexingOp<'scatterAdd'>,
}
