import type { ArrayView } from './array.ts'
import type { TypedArray } from './dtype.ts'
import { type Shape, sizeOf, stridesOf } from './shape.ts'

/**
 * The elements of a strided view in row-major order: element (i₀, i₁, …) is
 * `data[offset + i₀·strides[0] + i₁·strides[1] + …]`. The caller answers for all of them being there.
 *
 * @example
 * ```ts
 * gather(Uint8Array.of(1, 2, 3, 4, 5, 6), [3, 2], [1, 3]) // Uint8Array [1, 4, 2, 5, 3, 6]
 * ```
 */
export function gather<A extends TypedArray>(
  data: A,
  shape: Shape,
  strides: readonly number[],
  offset = 0,
): A {
  const result = alike(data, sizeOf(shape))
  const rank = shape.length
  if (result.length === 0) return result
  const inner = rank === 0 ? 1 : shape[rank - 1]!
  const step = rank === 0 ? 0 : strides[rank - 1]!
  const index = new Array<number>(rank).fill(0)
  let from = offset
  for (let to = 0; to < result.length; to += inner) {
    for (let i = 0; i < inner; i++) result[to + i] = data[from + i * step]!
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      from -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return result
}

/** Elements of the same type. Not by the array's own constructor: bytes may be a Buffer of Node. */
function alike<A extends TypedArray>(data: A, length: number): A {
  const kinds = [Float32Array, Int32Array, Uint8Array] as const
  const Elements = kinds.find((kind) => data instanceof kind)!
  return new Elements(length) as A
}

/**
 * An array with its axes in another order, copied: axis k of the result is axis `order[k]` of the
 * given one.
 *
 * @example
 * ```ts
 * const view = { dtype: 'u8', shape: [1, 3], data: Uint8Array.of(1, 2, 3) } as const
 * permuted(view, [1, 0]).shape // [3, 1]
 * ```
 */
export function permuted(view: ArrayView, order: readonly number[]): ArrayView {
  const strides = stridesOf(view.shape)
  const shape = order.map((axis) => view.shape[axis]!)
  const data = gather(
    view.data as TypedArray,
    shape,
    order.map((axis) => strides[axis]!),
  )
  return { dtype: view.dtype, shape, data } as ArrayView
}

/**
 * An array whose elements lie column by column (Fortran's order) in row-major order, copied.
 *
 * @example
 * ```ts
 * const view = { dtype: 'u8', shape: [2, 2], data: Uint8Array.of(1, 3, 2, 4) } as const
 * rowMajor(view).data // Uint8Array [1, 2, 3, 4]
 * ```
 */
export function rowMajor({ dtype, shape, data }: ArrayView): ArrayView {
  const backward: ArrayView = { dtype, shape: shape.toReversed(), data } as ArrayView
  return permuted(
    backward,
    shape.map((_, axis) => shape.length - 1 - axis),
  )
}
