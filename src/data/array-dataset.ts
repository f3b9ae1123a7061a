import type { ArrayView } from '../base/array.ts'
import { dtypes, type TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { showShape, sizeOf } from '../base/shape.ts'
import type { CopyInput, Dataset, Examples, ExampleType } from './dataset.ts'
import { type SplitOptions, splitRows } from './split.ts'

export interface ArrayDatasetParts extends Examples {
  readonly name: string
  readonly classNames?: readonly string[] | undefined
}

/**
 * A dataset in memory: inputs `[n, …]` and targets `[n, …]`.
 *
 * @throws BrickError `shape` if the arrays don't hold the same number of examples, `argument` if
 * there is none or a label is not a class.
 * @example
 * ```ts
 * const xor = new ArrayDataset({
 *   name: 'xor',
 *   inputs: { dtype: 'f32', shape: [4, 2], data: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1) },
 *   targets: { dtype: 'i32', shape: [4], data: Int32Array.of(0, 1, 1, 0) },
 * })
 * ```
 */
export class ArrayDataset implements Dataset {
  readonly name: string
  readonly length: number
  readonly inputs: ArrayView
  readonly targets: ArrayView
  readonly input: ExampleType
  readonly target: ExampleType
  readonly classNames: readonly string[] | undefined

  constructor({ name, inputs, targets, classNames }: ArrayDatasetParts) {
    this.name = name
    this.inputs = inputs
    this.targets = targets
    this.classNames = classNames
    this.length = checkLengths(name, inputs, targets)
    this.input = { dtype: inputs.dtype, shape: inputs.shape.slice(1) }
    this.target = { dtype: targets.dtype, shape: targets.shape.slice(1) }
    if (classNames) checkLabels(name, targets.data, classNames.length)
  }

  gather(rows: ArrayLike<number>, copy?: CopyInput): Examples {
    for (let i = 0; i < rows.length; i++) this.#checkRow(rows[i]!)
    const inputs = copy ? gatherWith(copy, this.inputs, rows) : gatherRows(this.inputs, rows)
    return { inputs, targets: gatherRows(this.targets, rows) }
  }

  /**
   * A new dataset of a copy of the examples with these numbers, in this order.
   *
   * @throws BrickError `argument` if a number is not one of this dataset's.
   */
  subset(rows: ArrayLike<number>, name = this.name): ArrayDataset {
    return new ArrayDataset({ name, classNames: this.classNames, ...this.gather(rows) })
  }

  /**
   * Splits the examples into parts that share none: no example is in two parts. Each part keeps
   * the examples' order.
   *
   * @param parts A fraction (0.8: that part and the rest), fractions that sum to 1, or counts.
   * @throws BrickError `argument` if the parts don't fit.
   * @example
   * ```ts
   * const [train, validation] = dataset.split(0.9, { seed: 1, stratified: true })
   * ```
   */
  split(parts: number | readonly number[], options: SplitOptions = {}): ArrayDataset[] {
    const labels = options.stratified ? this.#labels() : undefined
    return splitRows(this.length, parts, options, labels).map((rows) => this.subset(rows))
  }

  #checkRow(row: number): void {
    if (Number.isInteger(row) && row >= 0 && row < this.length) return
    throw new BrickError({
      kind: 'argument',
      where: this.name,
      wanted: `an example's number from 0 to ${this.length - 1}`,
      got: `${row}`,
    })
  }

  #labels(): TypedArray {
    if (this.target.shape.length === 0 && this.target.dtype !== 'f32') return this.targets.data
    throw new BrickError({
      kind: 'argument',
      where: `${this.name}: split`,
      wanted: 'class numbers (i32, [n]) to stratify by',
      got: `${this.targets.dtype} ${showShape(this.targets.shape)}`,
      remedy: 'Leave out { stratified: true }.',
    })
  }
}

function gatherRows({ dtype, shape, data }: ArrayView, rows: ArrayLike<number>): ArrayView {
  const size = sizeOf(shape.slice(1))
  const gathered = new dtypes[dtype].array(rows.length * size)
  for (let i = 0; i < rows.length; i++) {
    const start = rows[i]! * size
    gathered.set(data.subarray(start, start + size), i * size)
  }
  return { dtype, shape: [rows.length, ...shape.slice(1)], data: gathered } as ArrayView
}

function gatherWith(copy: CopyInput, { shape, data }: ArrayView, rows: ArrayLike<number>) {
  const size = sizeOf(shape.slice(1))
  const gathered = new Float32Array(rows.length * size)
  for (let i = 0; i < rows.length; i++) copy(data, rows[i]! * size, gathered, i * size)
  return { dtype: 'f32' as const, shape: [rows.length, ...shape.slice(1)], data: gathered }
}

function checkLengths(name: string, inputs: ArrayView, targets: ArrayView): number {
  for (const [what, { shape, data }] of Object.entries({ inputs, targets })) {
    if (shape.length > 0 && data.length === sizeOf(shape)) continue
    throw new BrickError({
      kind: 'shape',
      where: `${name}: ${what}`,
      wanted: shape.length > 0 ? `${sizeOf(shape)} elements for ${showShape(shape)}` : '[n, …]',
      got: shape.length > 0 ? `${data.length}` : showShape(shape),
    })
  }
  const length = inputs.shape[0]!
  if (length !== targets.shape[0]) {
    throw new BrickError({
      kind: 'shape',
      where: name,
      wanted: 'as many targets as inputs',
      got: `${length} inputs and ${targets.shape[0]} targets`,
    })
  }
  if (length === 0) {
    throw new BrickError({ kind: 'argument', where: name, wanted: 'examples', got: 'none' })
  }
  return length
}

function checkLabels(name: string, labels: TypedArray, classes: number): void {
  const at = labels.findIndex((label: number) => !(label >= 0 && label < classes))
  if (at < 0) return
  throw new BrickError({
    kind: 'argument',
    where: `${name}: targets`,
    wanted: `labels from 0 to ${classes - 1} (there are ${classes} classes)`,
    got: `${labels[at]} at example ${at}`,
    remedy: 'Correct the label, or name all classes.',
  })
}
