import type { ArrayView } from '../base/array.ts'
import { dtypes } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { sameShape, showShape, sizeOf } from '../base/shape.ts'
import { checkWhole } from './check.ts'
import type { Example } from './dataset.ts'
import { portable } from './recipe.ts'

/** Inputs `[n, …]` and targets `[n, …]` of one step, and what a collate function adds. */
export type Batch = readonly [
  inputs: ArrayView,
  targets: ArrayView,
  ...others: readonly ArrayView[],
]

/** Makes a batch of items. */
export type Collate<T, B> = (items: readonly T[]) => B

/** A class number as a target: i32 []. */
export function classTarget(label: number): ArrayView<'i32'> {
  return { dtype: 'i32', shape: [], data: Int32Array.of(label) }
}

/**
 * Examples of the same shape one behind the other: what a loader does unless told otherwise.
 *
 * @throws BrickError `shape` that names the example that differs, `argument` if an item is no example.
 * @example
 * ```ts
 * const row = (x: number) => ({ dtype: 'f32', shape: [1], data: Float32Array.of(x) })
 * const [inputs] = stack([1, 2].map((x) => ({ input: row(x), target: row(x) })))
 * inputs.shape // [2, 1]
 * ```
 */
export function stack(items: readonly Example[]): Batch {
  items.forEach(checkExample)
  return [
    stackArrays(
      'inputs',
      items.map(({ input }) => input),
    ),
    stackArrays(
      'targets',
      items.map(({ target }) => target),
    ),
  ]
}
portable(stack, import.meta.url, 'stacked', () => [])

/** @internal For worker threads. */
export const stacked = () => stack

function checkExample(item: Example, i: number): void {
  if (item?.input?.data && item.target?.data) return
  throw new BrickError({
    kind: 'argument',
    where: `DataLoader: item ${i} of a batch`,
    wanted: 'an example { input, target } of arrays { dtype, shape, data }',
    got: item === null || typeof item !== 'object' ? String(item) : Object.keys(item).join(', '),
    remedy: 'Make examples with map(), or pass a collate function.',
  })
}

/** Arrays of the same type and shape as one with a first axis more. */
export function stackArrays(what: string, parts: readonly ArrayView[]): ArrayView {
  const { dtype, shape } = parts[0]!
  const size = sizeOf(shape)
  const data = new dtypes[dtype].array(parts.length * size)
  parts.forEach((part, i) => {
    if (part.dtype !== dtype || !sameShape(part.shape, shape)) throw differs(what, parts, i)
    data.set(part.data, i * size)
  })
  return { dtype, shape: [parts.length, ...shape], data } as ArrayView
}

function differs(what: string, parts: readonly ArrayView[], i: number): BrickError {
  const show = ({ dtype, shape }: ArrayView) => `${dtype} ${showShape(shape)}`
  return new BrickError({
    kind: 'shape',
    where: `DataLoader: ${what} of a batch`,
    wanted: `examples alike: ${show(parts[0]!)} as the first`,
    got: `${show(parts[i]!)} at place ${i}`,
    remedy: 'Resize or crop them in map(), or pad sequences: collate: padded().',
  })
}

export interface PaddedOptions {
  /** What fills the rest of an input. Default 0. */
  readonly value?: number
  /** What fills the rest of a target that is a sequence, too. Default −100, which losses ignore. */
  readonly targetValue?: number
  /** Rounds lengths up, so that fewer shapes are compiled. Default 1. */
  readonly multiple?: number
  /** Longer sequences are cut. */
  readonly maxLength?: number
}

/** A batch of sequences with the length of each before padding, i32 [n]. */
export type PaddedBatch = readonly [
  inputs: ArrayView,
  targets: ArrayView,
  lengths: ArrayView<'i32'>,
]

/**
 * Collates sequences [length, …] of different lengths: each is padded at its end to the longest of
 * the batch. Targets that are sequences of the same lengths are padded, too; others are stacked.
 *
 * @throws BrickError `shape` if anything but the length differs.
 * @example
 * ```ts
 * const ids = (...of: number[]) => ({ dtype: 'i32', shape: [of.length], data: Int32Array.from(of) })
 * const collate = padded({ value: 9 })
 * const [inputs] = collate([{ input: ids(1, 2), target: ids(0) }, { input: ids(3), target: ids(1) }])
 * inputs.data // Int32Array [1, 2, 3, 9]
 * ```
 */
export function padded(options: PaddedOptions = {}): Collate<Example, PaddedBatch> {
  const { value = 0, targetValue = -100, multiple = 1, maxLength = Infinity } = options
  checkWhole('padded', 'multiple', multiple, 1)
  const collate = (items: readonly Example[]): PaddedBatch => {
    items.forEach(checkExample)
    const lengths = items.map(({ input }) => Math.min(input.shape[0] ?? 1, maxLength))
    const longest = Math.ceil(Math.max(...lengths) / multiple) * multiple
    const isSequence = items.every(
      ({ input, target }) => target.shape.length > 0 && target.shape[0] === input.shape[0],
    )
    const inputs = items.map(({ input }) => resized(input, longest, value))
    const targets = items.map(({ target }) => target)
    return [
      stackArrays('inputs', inputs),
      stackArrays(
        'targets',
        isSequence ? targets.map((t) => resized(t, longest, targetValue)) : targets,
      ),
      { dtype: 'i32', shape: [items.length], data: Int32Array.from(lengths) },
    ]
  }
  return portable(collate, import.meta.url, 'padded', () => [options])
}

/** A sequence cut or padded at its end to a length. */
function resized({ dtype, shape, data }: ArrayView, length: number, value: number): ArrayView {
  const row = sizeOf(shape.slice(1))
  const padded = new dtypes[dtype].array(length * row).fill(value)
  padded.set(data.subarray(0, length * row))
  return { dtype, shape: [length, ...shape.slice(1)], data: padded } as ArrayView
}
