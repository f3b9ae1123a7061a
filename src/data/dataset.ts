import type { ArrayView } from '../base/array.ts'
import type { DType, TypedArray } from '../base/dtype.ts'
import type { Shape } from '../base/shape.ts'

/** Element type and shape of one example's input or target. */
export interface ExampleType {
  readonly dtype: DType
  readonly shape: Shape
}

/** Inputs `[n, …input shape]` and targets `[n, …target shape]` of n examples. */
export interface Examples {
  readonly inputs: ArrayView
  readonly targets: ArrayView
}

/** Copies one input from `source`, beginning at `from`, to `target`, beginning at `at`. */
export type CopyInput = (source: TypedArray, from: number, target: Float32Array, at: number) => void

/**
 * Examples that can be had by number. What reads data (a loader, statistics) asks for nothing
 * more, so a dataset may hold arrays, read files or compute what it gives.
 */
export interface Dataset {
  /** As messages and reports name it: `mnist/train`. */
  readonly name: string
  /** Number of examples. */
  readonly length: number
  readonly input: ExampleType
  readonly target: ExampleType
  /** Names of the classes, if targets are class numbers. */
  readonly classNames: readonly string[] | undefined

  /**
   * The examples with these numbers, in this order.
   *
   * @param copy Writes each input as f32 while it is gathered; without it, inputs stay as they are.
   */
  gather(rows: ArrayLike<number>, copy?: CopyInput): Examples
}
