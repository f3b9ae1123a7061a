import { showShape } from '../../base/shape.ts'
import type { OverlapOp } from '../record.ts'
import { requireDType, shapeError } from './helpers.ts'

export const overlaps = {
  overlapAdd: {
    kind: 'overlap',
    infer: (inputs, { axes, size, stride, dilation, extent }, where) => {
      const dtype = requireDType(inputs, ['f32', 'i32'], where)
      const { shape } = inputs[0]!
      const rank = shape.length - axes.length
      const reaches = axes.map(
        (axis, i) => (shape[axis]! - 1) * stride[i]! + (size[i]! - 1) * dilation[i]! + 1,
      )
      if (axes.some((_, i) => shape[rank + i] !== size[i] || reaches[i]! > extent[i]!)) {
        throw shapeError(
          where,
          `windows ${showShape(shape)} that reach ${showShape(reaches)}`,
          `windows of ${showShape(size)} within ${showShape(extent)}`,
        )
      }
      const out = shape.slice(0, rank)
      axes.forEach((axis, i) => {
        out[axis] = extent[i]!
      })
      return { shape: out, dtype }
    },
    gradient: (g, node, make) => {
      const { axes, size, stride, dilation } = node.attrs
      const [x] = node.inputs
      const stop = g.shape.slice()
      axes.forEach((axis, i) => {
        stop[axis] = (x!.shape[axis]! - 1) * stride[i]! + (size[i]! - 1) * dilation[i]! + 1
      })
      const reached = make('slice', [g], {
        start: g.shape.map(() => 0),
        stop,
        step: g.shape.map(() => 1),
      })
      const windows = axes.reduce(
        (view, axis, i) =>
          make('window', [view], {
            axis,
            size: size[i]!,
            stride: stride[i]!,
            dilation: dilation[i]!,
          }),
        reached,
      )
      return [windows]
    },
  } satisfies OverlapOp<'overlapAdd'>,
}
