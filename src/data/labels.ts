import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { type Shape, sameShape } from '../base/shape.ts'

/** What losses ignore, as in PyTorch. */
const IGNORED = -100

/**
 * Throws unless all labels are classes.
 *
 * @param mayIgnore Whether −100 is allowed, too.
 * @param rowOf The number of the example that a label belongs to.
 */
export function checkLabels(
  where: string,
  labels: ArrayLike<number>,
  classes: number,
  mayIgnore = false,
  rowOf: (at: number) => number = (at) => at,
): void {
  for (let at = 0; at < labels.length; at++) {
    const label = labels[at]!
    if ((label >= 0 && label < classes) || (mayIgnore && label === IGNORED)) continue
    throw new BrickError({
      kind: 'argument',
      where,
      wanted: `labels from 0 to ${classes - 1} (there are ${classes} classes)`,
      got: `${label} at example ${rowOf(at)}`,
      remedy: 'Correct the label, or give dataset and model all classes.',
    })
  }
}

/** The same for a batch of a dataset that names its classes. */
export function checkBatchLabels(
  { name, classNames }: { name: string; classNames: readonly string[] | undefined },
  targets: ArrayView,
  rows: ArrayLike<number>,
): void {
  if (!classNames || targets.dtype === 'f32') return
  const each = targets.data.length / rows.length
  const rowOf = (at: number) => rows[Math.floor(at / each)]!
  checkLabels(`${name}: targets`, targets.data, classNames.length, true, rowOf)
}

/** The number of classes that outputs [n, classes, …] have for targets [n, …] of whole numbers. */
export function classesOf({ dtype, shape }: ArrayView, output: Shape): number | undefined {
  const isClasses = dtype !== 'f32' && output.length > 1 && sameShape(output.toSpliced(1, 1), shape)
  return isClasses ? output[1] : undefined
}

/** Throws if outputs have no place for a label of a batch. */
export function checkOutputClasses(where: string, { shape, data }: ArrayView, classes: number) {
  const each = data.length / (shape[0] ?? 1)
  checkLabels(where, data, classes, true, (at) => Math.floor(at / each))
}
