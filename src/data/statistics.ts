import type { TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import type { Gatherer } from './dataset.ts'
import { channelsOf, scaleOf } from './normalize.ts'
import { type AnySource, eachExample } from './pass.ts'

const CHUNK = 1024

/** One number a channel, of the scaled inputs. */
export interface Statistics {
  readonly scale: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * Mean and standard deviation of each channel (the first axis of an example) in one pass, in
 * double precision; what {@link DataLoader} takes as `normalize`. Ask it of the training split
 * only, or the test set leaks into the training. A channel that never changes gets std 1.
 *
 * Source: Chan, Golub, LeVeque, “Updating formulae and a pairwise algorithm for computing sample
 * variances”, 1979.
 *
 * @param options.scale What the inputs are multiplied by first: default 1/255 for u8, else 1.
 * @example
 * ```ts
 * const loader = new DataLoader(train, { batchSize: 64, normalize: statistics(train) })
 * ```
 */
export function statistics(dataset: Gatherer, options: { scale?: number } = {}): Statistics {
  const { scale = scaleOf(dataset.input) } = options
  const { channels, plane } = channelsOf(dataset.input.shape)
  const moments = Array.from({ length: channels }, () => new Moments())
  for (let start = 0; start < dataset.length; start += CHUNK) {
    const length = Math.min(CHUNK, dataset.length - start)
    const { inputs } = dataset.gather(Int32Array.from({ length }, (_, i) => start + i))
    for (let i = 0; i < length * channels; i++) {
      moments[i % channels]!.add(inputs.data, i * plane, plane)
    }
  }
  return summary(moments, scale)
}

/**
 * The same of any dataset, items of which are waited for. Images may differ in size, not in
 * channels.
 *
 * @throws BrickError `shape` if the number of channels changes.
 * @example
 * ```ts
 * const { mean } = await streamStatistics(train.map((example) => example))
 * mean.length // 1
 * ```
 */
export async function streamStatistics(
  dataset: AnySource,
  options: { scale?: number } = {},
): Promise<Statistics> {
  const moments: Moments[] = []
  let { scale } = options
  await eachExample(dataset, (input, data, start) => {
    const { channels, plane } = channelsOf(input.shape)
    scale ??= scaleOf(input)
    if (moments.length === 0) moments.push(...Array.from({ length: channels }, () => new Moments()))
    if (moments.length !== channels) throw otherChannels(dataset.name, moments.length, channels)
    moments.forEach((own, c) => {
      own.add(data, start + c * plane, plane)
    })
  })
  return summary(moments, scale ?? 1)
}

function otherChannels(name: string, wanted: number, got: number): BrickError {
  return new BrickError({
    kind: 'shape',
    where: `statistics: ${name}`,
    wanted: `${wanted} channels, as the first input has`,
    got: `${got}`,
    remedy: 'Decode all images to the same channels.',
  })
}

function summary(moments: readonly Moments[], scale: number): Statistics {
  return {
    scale,
    mean: moments.map(({ mean }) => mean * scale),
    std: moments.map(({ count, squares }) => Math.sqrt(squares / count) * scale || 1),
  }
}

/** Running count, mean and sum of squared deviations. */
class Moments {
  count = 0
  mean = 0
  squares = 0

  /** Takes in `length` elements from `start` on. */
  add(data: TypedArray, start: number, length: number): void {
    let sum = 0
    for (let i = start; i < start + length; i++) sum += data[i]!
    const mean = sum / length
    let squares = 0
    for (let i = start; i < start + length; i++) squares += (data[i]! - mean) ** 2
    const count = this.count + length
    const delta = mean - this.mean
    this.squares += squares + (delta ** 2 * this.count * length) / count
    this.mean += (delta * length) / count
    this.count = count
  }
}
