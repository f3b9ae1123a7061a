import type { DType } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import type { Shape } from '../base/shape.ts'
import { make } from '../graph/make.ts'
import { constant } from './compose/arithmetic.ts'
import { generator } from './random.ts'
import { Tensor } from './tensor.ts'

function checkShape(shape: Shape): void {
  if (Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n >= 0)) return
  throw new BrickError({
    kind: 'shape',
    where: 'shape',
    wanted: 'an array of whole numbers from 0',
    got: JSON.stringify(shape),
  })
}

/** A tensor with `value` everywhere. */
export function full(shape: Shape, value: number, dtype: DType = 'f32'): Tensor {
  checkShape(shape)
  return new Tensor(constant(value, shape, dtype))
}

export const zeros = (shape: Shape, dtype: DType = 'f32'): Tensor => full(shape, 0, dtype)
export const ones = (shape: Shape, dtype: DType = 'f32'): Tensor => full(shape, 1, dtype)

/** start, start + step, … below end; i32 if all are whole numbers. */
export function arange(start: number, end?: number, step = 1): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end]
  const count = Math.max(0, Math.ceil((to - from) / step))
  if (step === 0 || !Number.isFinite(count)) {
    throw new BrickError({
      kind: 'argument',
      where: 'arange',
      got: `step ${step}`,
      wanted: 'a step towards the end',
    })
  }
  const index = new Tensor(make('iota', [], { shape: [count], axis: 0 }))
  return index.mul(step).add(from)
}

/** `count` equally spaced numbers, both ends included. */
export function linspace(start: number, end: number, count: number): Tensor {
  return arange(count)
    .to('f32')
    .mul((end - start) / Math.max(1, count - 1))
    .add(start)
}

/** Ones on the diagonal. */
export function eye(n: number, m = n): Tensor {
  const row = new Tensor(make('iota', [], { shape: [n, m], axis: 0 }))
  return row.eq(new Tensor(make('iota', [], { shape: [n, m], axis: 1 }))).to('f32')
}

/** U[0, 1) from the default generator. */
export const rand = (shape: Shape): Tensor => generator.uniform(shape)
/** N(0, 1) from the default generator. */
export const randn = (shape: Shape): Tensor => generator.normal(shape)

/** 1 where the class is, 0 elsewhere: i32 […] → f32 […, classes]. */
export function oneHot(index: Tensor, classes: number): Tensor {
  const shape = [...index.shape, classes]
  const column = new Tensor(make('iota', [], { shape, axis: index.rank }))
  return column.eq(index.to('i32').unsqueeze(-1)).to('f32')
}
