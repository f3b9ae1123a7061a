import type { ArrayView } from '../base/array.ts'
import { dtypes, type TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { sameShape, showShape, sizeOf } from '../base/shape.ts'
import {
  type CopyInput,
  checkRow,
  Dataset,
  type Example,
  type Examples,
  type ExampleType,
  type Gatherer,
  sameClassNames,
} from './dataset.ts'
import { checkLabels } from './labels.ts'
import { scaleOf } from './normalize.ts'
import type { Recipe } from './recipe.ts'
import type { SplitOptions } from './split.ts'

export interface ArrayDatasetParts extends Examples {
  /** What errors call it (default 'dataset'). */
  readonly name?: string | undefined
  readonly classNames?: readonly string[] | undefined
  /** What the numbers of an input are, if each has a name. */
  readonly featureNames?: readonly string[] | undefined
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
export class ArrayDataset extends Dataset implements Gatherer {
  readonly name: string
  readonly length: number
  readonly inputs: ArrayView
  readonly targets: ArrayView
  readonly input: ExampleType
  readonly target: ExampleType
  override readonly classNames: readonly string[] | undefined
  readonly featureNames: readonly string[] | undefined

  constructor(parts: ArrayDatasetParts) {
    const { name = 'dataset', inputs, targets, classNames, featureNames } = parts
    super()
    this.name = name
    this.inputs = inputs
    this.targets = targets
    this.classNames = classNames
    this.featureNames = featureNames
    this.length = checkLengths(name, inputs, targets)
    this.input = { dtype: inputs.dtype, shape: inputs.shape.slice(1) }
    this.target = { dtype: targets.dtype, shape: targets.shape.slice(1) }
    if (classNames) checkLabels(`${name}: targets`, targets.data, classNames.length)
  }

  gather(rows: ArrayLike<number>, copy?: CopyInput): Examples {
    for (let i = 0; i < rows.length; i++) checkRow(this, rows[i]!)
    const inputs = copy ? gatherWith(copy, this.inputs, rows) : gatherRows(this.inputs, rows)
    return { inputs, targets: gatherRows(this.targets, rows) }
  }

  /** One example; the arrays share this dataset's memory. */
  override get(index: number): Example {
    checkRow(this, index)
    return { input: rowOf(this.inputs, index), target: rowOf(this.targets, index) }
  }

  /** The class numbers, if targets are such. */
  override labels(): TypedArray | undefined {
    const isClass = this.target.shape.length === 0 && this.target.dtype !== 'f32'
    return isClass ? this.targets.data : undefined
  }

  /**
   * A new dataset of a copy of the examples with these numbers, in this order.
   *
   * @throws BrickError `argument` if a number is not one of this dataset's.
   */
  override subset(rows: ArrayLike<number>, name = this.name): ArrayDataset {
    const { classNames, featureNames } = this
    return new ArrayDataset({ name, classNames, featureNames, ...this.gather(rows) })
  }

  /**
   * The same inputs without labels: each is its own target, as an autoencoder wants it. Both are
   * f32 in the default scale (bytes from 0 to 1).
   *
   * @example
   * ```ts
   * const images = trainSet.unlabelled()
   * images.targets.shape // [1437, 1, 8, 8]
   * ```
   */
  unlabelled(): ArrayDataset {
    const { dtype, shape, data } = this.inputs
    const scale = scaleOf(this.input)
    const values = dtype === 'f32' ? data : Float32Array.from(data, (value) => value * scale)
    const inputs: ArrayView<'f32'> = { dtype: 'f32', shape, data: values as Float32Array }
    const { name, featureNames } = this
    return new ArrayDataset({ name, featureNames, inputs, targets: inputs })
  }

  /** As every dataset's; the parts are copies. */
  override split(parts: number | readonly number[], options: SplitOptions = {}): ArrayDataset[] {
    return this.splitRows(parts, options).map((rows) => this.subset(rows))
  }

  /** With datasets of arrays of the same types and shapes, a copy of all in one. */
  override concat(...others: readonly Dataset[]): Dataset {
    const isAlike = (other: Dataset): other is ArrayDataset =>
      other instanceof ArrayDataset &&
      sameType(this.input, other.input) &&
      sameType(this.target, other.target)
    if (!others.every(isAlike)) return super.concat(...others)
    const all = [this, ...others]
    return new ArrayDataset({
      name: all.map(({ name }) => name).join(' + '),
      inputs: joined(all.map(({ inputs }) => inputs)),
      targets: joined(all.map(({ targets }) => targets)),
      classNames: sameClassNames(all),
      featureNames: this.featureNames,
    })
  }

  /** Worker threads read the same memory: a copy in memory that threads share, made once. */
  ownRecipe(): Recipe {
    this.#shared ??= {
      name: this.name,
      inputs: shared(this.inputs),
      targets: shared(this.targets),
      classNames: this.classNames,
      featureNames: this.featureNames,
    }
    const [module, make] = [import.meta.url, 'ArrayDataset']
    return { brickwork: 'recipe', module, make, args: [this.#shared] }
  }
  #shared: ArrayDatasetParts | undefined
}

function sameType(a: ExampleType, b: ExampleType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape)
}

/** One row of [n, …], in the same memory. */
function rowOf({ dtype, shape, data }: ArrayView, row: number): ArrayView {
  const own = shape.slice(1)
  const size = sizeOf(own)
  return { dtype, shape: own, data: data.subarray(row * size, (row + 1) * size) } as ArrayView
}

/** Arrays [nᵢ, …] as one [Σ nᵢ, …]. */
function joined(parts: readonly ArrayView[]): ArrayView {
  const { dtype, shape } = parts[0]!
  const length = parts.reduce((sum, part) => sum + part.shape[0]!, 0)
  const data = new dtypes[dtype].array(length * sizeOf(shape.slice(1)))
  let at = 0
  for (const part of parts) {
    data.set(part.data, at)
    at += part.data.length
  }
  return { dtype, shape: [length, ...shape.slice(1)], data } as ArrayView
}

function shared({ dtype, shape, data }: ArrayView): ArrayView {
  const { array, bytes } = dtypes[dtype]
  const copy = new array(new SharedArrayBuffer(data.length * bytes))
  copy.set(data)
  return { dtype, shape, data: copy } as ArrayView
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
