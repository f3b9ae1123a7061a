import type { DType } from './dtype.ts'
import type { Shape } from './shape.ts'

/** The typed array that holds elements of a type in memory. */
export type ElementsOf<D extends DType> = D extends 'f32'
  ? Float32Array
  : D extends 'i32'
    ? Int32Array
    : Uint8Array

/**
 * Elements in memory with their shape, row-major: what files, datasets and batches are made of.
 * `data.length` is the product of `shape`.
 *
 * @example
 * ```ts
 * const image: ArrayView<'u8'> = { dtype: 'u8', shape: [2, 2], data: Uint8Array.of(0, 255, 255, 0) }
 * ```
 */
export interface ArrayView<D extends DType = DType> {
  readonly dtype: D
  readonly shape: Shape
  readonly data: ElementsOf<D>
}
