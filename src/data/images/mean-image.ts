import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { sameShape, showShape, sizeOf } from '../../base/shape.ts'
import { Module } from '../../nn/module/module.ts'
import { Tensor, variable } from '../../tensor/tensor.ts'
import type { BatchTransform } from '../batch-maker.ts'
import type { ExampleType } from '../dataset.ts'
import { scaleOf } from '../normalize.ts'
import { type AnySource, checkAlike, eachExample } from '../pass.ts'
import { portable } from '../recipe.ts'

/**
 * The mean of all inputs, element by element, in one pass and in double precision: f32 of an
 * input's shape. Ask it of the training split only, or the test set leaks into the training.
 *
 * @param options.scale What the inputs are multiplied by first: default 1/255 for u8, else 1.
 * @throws BrickError `shape` if inputs differ in shape, `argument` for an empty dataset.
 * @example
 * ```ts
 * const mean = await data.meanImage(dataset)
 * mean.shape // [1, 8, 8]
 * ```
 */
export async function meanImage(
  dataset: AnySource,
  options: { scale?: number } = {},
): Promise<ArrayView<'f32'>> {
  let first: ExampleType | undefined
  let sums = new Float64Array()
  let count = 0
  await eachExample(dataset, (input, data, start) => {
    if (!first) sums = new Float64Array(sizeOf(input.shape))
    first ??= { dtype: input.dtype, shape: input.shape }
    checkAlike(`meanImage: ${dataset.name}`, first, input)
    for (let i = 0; i < sums.length; i++) sums[i]! += data[start + i]!
    count++
  })
  if (!first) {
    throw new BrickError({
      kind: 'argument',
      where: `meanImage: ${dataset.name}`,
      wanted: 'examples',
      got: 'none',
    })
  }
  const { scale = scaleOf(first) } = options
  return {
    dtype: 'f32',
    shape: first.shape,
    data: Float32Array.from(sums, (sum) => (sum / count) * scale),
  }
}

/**
 * Takes the mean image out of its inputs: y = x − mean. The mean is a buffer, so that it is stored
 * and loaded with the model: a network that begins with it needs no statistics beside its weights.
 *
 * Inputs [N, …mean.shape]; outputs the same.
 *
 * @param mean What `data.meanImage(train)` found.
 * @throws BrickError `shape` for inputs of another shape.
 * @example
 * ```ts
 * const centre = new data.MeanImage(await data.meanImage(dataset))
 * centre.forward(zeros([2, 1, 8, 8])) // [2, 1, 8, 8] → [2, 1, 8, 8]
 * ```
 */
export class MeanImage extends Module {
  readonly mean: Tensor

  constructor(mean: ArrayView<'f32'>) {
    super()
    this.mean = variable(Tensor.of(mean.data, mean.shape, 'f32'))
  }

  forward(x: Tensor): Tensor {
    if (sameShape(x.shape.slice(1), this.mean.shape)) return x.sub(this.mean)
    throw wrongShape('MeanImage', this.mean.shape, x.shape)
  }
  protected override describe(): string {
    return showShape(this.mean.shape)
  }
}

/**
 * The same as a transform of batches.
 *
 * @throws BrickError `shape` for inputs of another shape.
 * @example
 * ```ts
 * const subtract = data.transforms.subtractMean(await data.meanImage(dataset))
 * ```
 */
export function subtractMean(mean: ArrayView<'f32'>): BatchTransform {
  const transform: BatchTransform = ({ dtype, shape, data }) => {
    if (!sameShape(shape.slice(1), mean.shape)) throw wrongShape('subtractMean', mean.shape, shape)
    const size = mean.data.length
    return { dtype, shape, data: data.map((x, i) => x - mean.data[i % size]!) }
  }
  return portable(transform, import.meta.url, 'subtractMean', () => [mean])
}

function wrongShape(where: string, mean: readonly number[], got: readonly number[]): BrickError {
  return new BrickError({
    kind: 'shape',
    where,
    wanted: showShape(['N' as never, ...mean]),
    got: showShape(got),
    remedy: 'Measure the mean of inputs of the same size, after resizing and cropping.',
  })
}
