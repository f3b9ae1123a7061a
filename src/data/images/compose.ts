import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { showShape } from '../../base/shape.ts'
import type { BatchTransform } from '../batch-maker.ts'
import type { Example, MapItem } from '../dataset.ts'
import { normalizer, scaleOf } from '../normalize.ts'
import { type Random, randomAt } from '../random-stream.ts'
import { portable, recipeOf } from '../recipe.ts'
import { checkRange } from './images.ts'

const url = import.meta.url

/**
 * One transform after the other.
 *
 * @example
 * ```ts
 * const { compose, randomAffine, gaussianNoise } = data.transforms
 * const augment = compose(randomAffine({ degrees: 10 }), gaussianNoise(0.05))
 * data.transforms.apply(augment, images, { seed: 1 }).shape // [2, 3, 8, 8]
 * ```
 */
export function compose(...transforms: readonly BatchTransform[]): BatchTransform {
  const transform: BatchTransform = (inputs, randoms) =>
    transforms.reduce((now, next) => next(now, randoms), inputs)
  return portable(transform, url, 'compose', () => transforms.map(recipeOf))
}

/**
 * Applies a transform to each image with a probability. It must keep the images' size.
 *
 * @throws BrickError `argument` for a probability out of range, `shape` if the size changes.
 * @example
 * ```ts
 * const { randomApply, gaussianBlur } = data.transforms
 * data.transforms.apply(randomApply(gaussianBlur(3), 0.3), images).shape // [2, 3, 8, 8]
 * ```
 */
export function randomApply(inner: BatchTransform, p = 0.5): BatchTransform {
  checkRange('randomApply', 'p', p, 0, 1)
  const transform: BatchTransform = (inputs, randoms) => {
    const picked = randoms.flatMap((random, i) => (random.chance(p) ? [i] : []))
    if (picked.length === 0) return inputs
    const size = inputs.data.length / randoms.length
    const part = new Float32Array(picked.length * size)
    for (const [at, i] of picked.entries()) {
      part.set(inputs.data.subarray(i * size, (i + 1) * size), at * size)
    }
    const shape = [picked.length, ...inputs.shape.slice(1)]
    const own = picked.map((i) => randoms[i]!)
    const changed = inner({ dtype: 'f32', shape, data: part }, own)
    if (`${changed.shape}` !== `${shape}`) throw resized(shape, changed.shape)
    const data = Float32Array.from(inputs.data)
    for (const [at, i] of picked.entries()) {
      data.set(changed.data.subarray(at * size, (at + 1) * size), i * size)
    }
    return { ...inputs, data }
  }
  return portable(transform, url, 'randomApply', () => [recipeOf(inner), p])
}

function resized(wanted: readonly number[], got: readonly number[]): BrickError {
  return new BrickError({
    kind: 'shape',
    where: 'randomApply',
    wanted: `a transform that keeps ${showShape(wanted)}`,
    got: showShape(got),
    remedy: 'Apply it to all images.',
  })
}

/**
 * (x − mean) / std of each channel.
 *
 * @throws BrickError `argument` if there isn't one mean and one std > 0, or one for each channel.
 * @example
 * ```ts
 * const centred = data.transforms.normalize(0.5, [0.2, 0.2, 0.2])
 * data.transforms.apply(centred, images).shape // [2, 3, 8, 8]
 * ```
 */
export function normalize(
  mean: number | readonly number[],
  std: number | readonly number[],
): BatchTransform {
  const transform: BatchTransform = ({ dtype, shape, data }) => {
    const own = shape.slice(1)
    const copy = normalizer({ dtype, shape: own }, { mean, std })
    const size = own.reduce((a, b) => a * b, 1)
    const result = new Float32Array(data.length)
    for (let at = 0; at < data.length; at += size) copy(data, at, result, at)
    return { dtype, shape, data: result }
  }
  return portable(transform, url, 'normalize', () => [mean, std])
}

export interface ApplyOptions {
  /** Default 0. */
  readonly seed?: number
  readonly epoch?: number
  /** The images' numbers in their dataset. Default 0, 1, 2, … */
  readonly indices?: ArrayLike<number>
}

/**
 * Applies a transform to a batch, outside of a loader: the same seed, epoch and numbers give the
 * same images, in whatever batches. Bytes become numbers from 0 to 1 first.
 *
 * @throws BrickError as the transform does.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.centerCrop(4), images).shape // [2, 3, 4, 4]
 * ```
 */
export function apply(
  transform: BatchTransform,
  inputs: ArrayView,
  { seed = 0, epoch = 0, indices }: ApplyOptions = {},
): ArrayView<'f32'> {
  const randoms = Array.from({ length: inputs.shape[0] ?? 0 }, (_, i) =>
    randomAt(seed, epoch, indices?.[i] ?? i),
  )
  return transform(unitScale(inputs), randoms)
}

/** f32 as they are, bytes from 0 to 1. */
function unitScale({ dtype, shape, data }: ArrayView): ArrayView<'f32'> {
  const scale = scaleOf({ dtype, shape })
  const values = dtype === 'f32' ? data : Float32Array.from(data, (value) => value * scale)
  return { dtype: 'f32', shape, data: values as Float32Array }
}

/**
 * A transform for `map`: changes the input [channels, height, width] of one example. Bytes become
 * numbers from 0 to 1 first. For images of different sizes, which make no batch yet.
 *
 * @example
 * ```ts
 * const set = dataset.map(data.transforms.perExample(data.transforms.resize(4)))
 * const { input } = await set.get(0)
 * input.shape // [1, 4, 4]
 * ```
 */
export function perExample(transform: BatchTransform): MapItem<Example, Example> {
  const change = ({ input, target }: Example, _: number, random: Random): Example => {
    const one = unitScale({ ...input, shape: [1, ...input.shape] })
    const { shape, data } = transform(one, [random])
    return { input: { dtype: 'f32', shape: shape.slice(1), data }, target }
  }
  return portable(change, url, 'perExample', () => [recipeOf(transform)])
}
