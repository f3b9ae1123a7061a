import type { TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { sameShape, showShape, sizeOf } from '../base/shape.ts'
import { type Dataset, type Example, type ExampleType, isGatherer } from './dataset.ts'
import type { IterableDataset } from './iterable.ts'

/** Any dataset of examples. */
export type AnySource = Dataset<Example> | IterableDataset<Example>

const CHUNK = 1024

/** One pass over the inputs of a dataset, in order, without keeping them. */
export async function eachExample(
  dataset: AnySource,
  take: (input: ExampleType, data: TypedArray, start: number) => void,
): Promise<void> {
  if (!isGatherer(dataset)) {
    for await (const { input } of dataset) take(input, input.data, 0)
    return
  }
  const size = sizeOf(dataset.input.shape)
  for (let start = 0; start < dataset.length; start += CHUNK) {
    const length = Math.min(CHUNK, dataset.length - start)
    const { inputs } = dataset.gather(Int32Array.from({ length }, (_, i) => start + i))
    for (let i = 0; i < length; i++) take(dataset.input, inputs.data, i * size)
  }
}

/** @throws BrickError `shape` if an example's input has another shape than the first. */
export function checkAlike(where: string, first: ExampleType, other: ExampleType): void {
  if (sameShape(first.shape, other.shape) && first.dtype === other.dtype) return
  throw new BrickError({
    kind: 'shape',
    where,
    wanted: `inputs alike: ${first.dtype} ${showShape(first.shape)} as the first`,
    got: `${other.dtype} ${showShape(other.shape)}`,
    remedy: 'Resize or crop them in map() first.',
  })
}
