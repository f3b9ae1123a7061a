import type { ArrayView } from '../base/array.ts'
import { type DType, dtypes, type TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { type Shape, sizeOf } from '../base/shape.ts'

export type Nested = number | boolean | readonly Nested[]

/** Flat data, shape and dtype of nested arrays, or a copy of an array's. Throws a BrickError of kind `shape` if they are ragged. */
export function fromNested(
  values: Nested | TypedArray | ArrayView,
  wanted?: DType,
): { data: TypedArray; shape: number[]; dtype: DType } {
  if (ArrayBuffer.isView(values)) return fromTyped(values as TypedArray, wanted)
  if (isArrayView(values)) {
    const { shape, dtype, data } = values
    return { ...fromTyped(data, wanted ?? dtype), shape: [...shape] }
  }
  const shape: number[] = []
  for (let level = values as Nested; Array.isArray(level); level = level[0])
    shape.push(level.length)
  const flat: (number | boolean)[] = []
  collect(values as Nested, shape, 0, flat)
  const dtype =
    wanted ?? (flat.length > 0 && flat.every((v) => typeof v === 'boolean') ? 'bool' : 'f32')
  const data = new dtypes[dtype].array(flat.length)
  flat.forEach((value, i) => {
    data[i] = Number(value)
  })
  return { data, shape, dtype }
}

function isArrayView(values: Nested | TypedArray | ArrayView): values is ArrayView {
  const { data, shape } = values as Partial<ArrayView>
  return ArrayBuffer.isView(data) && Array.isArray(shape)
}

function fromTyped(values: TypedArray, wanted?: DType) {
  const own: DType =
    values instanceof Float32Array ? 'f32' : values instanceof Int32Array ? 'i32' : 'u8'
  const dtype = wanted ?? own
  const data = new dtypes[dtype].array(values.length)
  data.set(values)
  return { data, shape: [values.length], dtype }
}

function collect(level: Nested, shape: Shape, depth: number, out: (number | boolean)[]): void {
  if (depth === shape.length && !Array.isArray(level)) {
    if (typeof level !== 'number' && typeof level !== 'boolean') {
      throw new BrickError({
        kind: 'argument',
        where: 'tensor',
        wanted: 'numbers or booleans',
        got: typeof level,
      })
    }
    out.push(level)
    return
  }
  if (!Array.isArray(level) || level.length !== shape[depth]) {
    throw new BrickError({
      kind: 'shape',
      where: 'tensor',
      got: Array.isArray(level)
        ? `a row of ${level.length} at depth ${depth}`
        : 'a number beside rows',
      wanted: shape[depth] === undefined ? 'numbers' : `rows of ${shape[depth]}`,
      remedy: 'All rows of a tensor have the same length.',
    })
  }
  for (const item of level) collect(item, shape, depth + 1, out)
}

/** Nested arrays of row-major data. */
export function toNested(data: TypedArray, shape: Shape, dtype: DType): Nested {
  if (shape.length === 0) return dtype === 'bool' ? Boolean(data[0]) : data[0]!
  const rest = shape.slice(1)
  const step = sizeOf(rest)
  return Array.from({ length: shape[0]! }, (_, i) =>
    toNested(data.subarray(i * step, (i + 1) * step), rest, dtype),
  )
}
