import { stridesOf } from '../../base/shape.ts'
import { iota, type Range } from '../../tensor/compose/movement.ts'
import { Tensor, where } from '../../tensor/tensor.ts'

/** Positions counted from the front: negative ones count from the back. */
export function fromFront(index: Tensor, extent: number): Tensor {
  const whole = index.to('i32')
  return where(whole.lt(0), whole.add(extent), whole)
}

/** Row-major positions of coordinates along the dims of a shape, one tensor a dim. */
export function linear(coordinates: readonly Tensor[], shape: readonly number[]): Tensor {
  const strides = stridesOf(shape)
  return coordinates
    .map((c, i) => fromFront(c, shape[i]!).mul(strides[i]!))
    .reduce((sum, term) => sum.add(term))
}

/** Positions in `shape` that GatherElements and ScatterElements mean. */
export function elementPositions(index: Tensor, shape: readonly number[], axis: number): Tensor {
  const coordinates = shape.map((_, i) => (i === axis ? index : new Tensor(iota(index.shape, i))))
  return linear(coordinates, shape).reshape([-1])
}

/** Elements start … stop − 1 along one axis, by steps. */
export function part(x: Tensor, axis: number, start: number, stop: number, step = 1): Tensor {
  const all: Range[] = x.shape.map(() => [])
  return x.slice(...all.with(axis, [start, stop, step]))
}
