import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * What is measured of a model's outputs, batch by batch: sums that add up over the batches, and
 * what they mean in the end. `measure` is part of the compiled step.
 *
 * @example
 * ```ts
 * const bias: Metric = {
 *   name: 'bias',
 *   goal: 'min',
 *   measure: (output, target) => output.sub(target).sum(),
 *   result: ([sum], examples) => sum! / examples,
 * }
 * ```
 */
export interface Metric<Result = number, Out = Tensor> {
  readonly name: string
  /** Whether large or small values are good. */
  readonly goal: 'max' | 'min'
  /** How people read it: 0.98 as 98.0 %. Default: as a number. */
  readonly unit?: 'percent'
  /**
   * `rows`: what is measured are not sums but a row of numbers for each example [n, k], all of which
   * are kept until the end. For what is no sum over examples, such as the area under a curve.
   */
  readonly keeps?: 'rows'
  /** Sums over the batch's examples: f32 of any shape, the same for every batch size. */
  measure(output: Out, target: Tensor): Tensor
  /** The metric, from the sums (or rows) of all batches and the number of their examples. */
  result(sums: ArrayLike<number>, examples: number): Result
}

/** Class numbers [n] of targets: class numbers, or a share for each class [n, classes]. */
export function classesOf(target: Tensor): Tensor {
  return target.rank > 1 ? target.argmax(-1) : target
}

/** @throws BrickError `shape` for outputs that are not [n, classes]. */
export function checkScores(where: string, output: Tensor): void {
  if (output.rank === 2) return
  throw new BrickError({
    kind: 'shape',
    where,
    wanted: 'outputs [n, classes]',
    got: showShape(output.shape),
  })
}

/** Binary outputs [n], [n, 1] (logits) or [n, 2] (scores of both classes) as logits [n]. */
export function logitsOf(where: string, output: Tensor): Tensor {
  const [n, columns = 1] = output.shape
  if (n !== undefined && output.rank <= 2) {
    if (columns === 1) return output.reshape([n])
    if (columns === 2) return output.slice([0, n], 1).sub(output.slice([0, n], 0))
  }
  throw new BrickError({
    kind: 'shape',
    where,
    wanted: 'outputs [n] or [n, 1] with logits, or [n, 2] with scores of two classes',
    got: showShape(output.shape),
    remedy: 'For more classes pass { classes }.',
  })
}

/** Refuses a number of classes that is none. */
export function checkClasses(where: string, classes: number | undefined): void {
  if (classes !== undefined && Number.isSafeInteger(classes) && classes > 1) return
  const wanted = 'classes: a whole number from 2'
  throw new BrickError({ kind: 'argument', where, wanted, got: `${classes}` })
}
