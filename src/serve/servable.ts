import type { ArrayView } from '../base/array.ts'
import type { Shape } from '../base/shape.ts'

/** A tensor that a model takes or gives, as the Open Inference Protocol describes it. */
export interface TensorMeta {
  readonly name: string
  readonly datatype: 'FP32'
  /** −1 stands for the batch: [−1, 1, 28, 28]. */
  readonly shape: Shape
}

/** What a model that looks at images knows besides. */
export interface ImageSide {
  /**
   * An encoded image (PNG, JPEG, …) as one example of the model's input, without the batch.
   *
   * @throws BrickError `file` for what is no image, or a damaged one.
   */
  decode(bytes: Uint8Array): Promise<ArrayView<'f32'>>
  /** Of the model's outputs, in their order. */
  readonly classNames: readonly string[]
  /** What the outputs are: scores (default), whose softmax are probabilities, or these. */
  readonly output?: 'scores' | 'probabilities'
}

/** One loaded version of a model, ready to answer. */
export interface Servable {
  /** Part of the addresses: letters, digits and `. _ - :`. */
  readonly name: string
  readonly version: string
  readonly inputs: readonly [TensorMeta]
  readonly outputs: readonly [TensorMeta]
  /**
   * Examples [n, …] → results [n, …], row by row and independent of each other: in evaluation mode,
   * without gradients. Called with few different n, one call at a time.
   */
  run(batch: ArrayView<'f32'>): Promise<ArrayView<'f32'>>
  /** The only number of examples that it takes at once, if it is bound to one: batches are filled up to it. */
  readonly batch?: number
  /** Where the input is an image, and the output says of each class how it fits. */
  readonly image?: ImageSide
}

/** Loads a model as it is now: called at the start, and again for each reload. */
export type OpenServable = (version: string) => Promise<Servable>
