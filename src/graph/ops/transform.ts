import { showShape } from '../../base/shape.ts'
import type { TransformOp } from '../record.ts'
import { requireDType, shapeError } from './helpers.ts'

export const transforms = {
  /**
   * out[…, i, …, j, …] = Σ_{a, b} T[i][a] · T[j][b] · x[…, a, …, b, …] along the axes: a matrix so
   * small that it is written into the code. A zero in it leaves its element out, whatever that is.
   */
  transform: {
    kind: 'transform',
    infer: (inputs, { axes, matrix }, where) => {
      const dtype = requireDType(inputs, ['f32'], where)
      const { shape } = inputs[0]!
      const columns = matrix[0]?.length ?? 0
      if (axes.some((axis) => shape[axis] !== columns)) {
        throw shapeError(where, showShape(shape), `${columns} elements in dims ${showShape(axes)}`)
      }
      return { shape: shape.map((e, axis) => (axes.includes(axis) ? matrix.length : e)), dtype }
    },
    gradient: (g, { attrs: { axes, matrix } }, make) => {
      const turned = matrix[0]!.map((_, column) => matrix.map((row) => row[column]!))
      return [make('transform', [g], { axes, matrix: turned })]
    },
  } satisfies TransformOp<'transform'>,
}
