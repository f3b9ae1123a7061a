import { BrickError } from '../base/errors.ts'
import { type Shape, showShape, sizeOf } from '../base/shape.ts'
import type { CopyInput, ExampleType } from './dataset.ts'

/**
 * (x · scale − mean) / std. Mean and std are of the scaled values: one number, or one for each
 * channel (the first axis of an example).
 */
export interface Normalization {
  /** Default 1/255 for u8, 1 for the others. */
  readonly scale?: number
  /** Default 0. */
  readonly mean?: number | readonly number[]
  /** Default 1. */
  readonly std?: number | readonly number[]
}

/** The channels of an example and the elements of each: [3, 32, 32] → 3 and 1,024. */
export function channelsOf(shape: Shape): { channels: number; plane: number } {
  return { channels: shape[0] ?? 1, plane: sizeOf(shape.slice(1)) }
}

/** The default scale of an element type. */
export function scaleOf({ dtype }: ExampleType): number {
  return dtype === 'u8' ? 1 / 255 : 1
}

/**
 * The copy loop that normalises: bytes through a table of 256 values a channel, others by
 * arithmetic.
 *
 * @throws BrickError `argument` if there isn't one mean and one std > 0, or one for each channel.
 */
export function normalizer(input: ExampleType, options: Normalization): CopyInput {
  const { channels, plane } = channelsOf(input.shape)
  const { scale = scaleOf(input) } = options
  const means = perChannel('mean', options.mean ?? 0, input.shape, Number.isFinite)
  const stds = perChannel('std', options.std ?? 1, input.shape, (std) => std > 0 && std < Infinity)
  if (input.dtype === 'u8') {
    const tables = means.map((mean, c) =>
      Float32Array.from({ length: 256 }, (_, x) => (x * scale - mean) / stds[c]!),
    )
    return (source, from, target, at) => {
      for (let c = 0; c < channels; c++) {
        const table = tables[c]!
        for (let i = c * plane; i < (c + 1) * plane; i++) target[at + i] = table[source[from + i]!]!
      }
    }
  }
  return (source, from, target, at) => {
    for (let c = 0; c < channels; c++) {
      const mean = means[c]!
      const std = stds[c]!
      for (let i = c * plane; i < (c + 1) * plane; i++) {
        target[at + i] = (source[from + i]! * scale - mean) / std
      }
    }
  }
}

function perChannel(
  name: string,
  value: number | readonly number[],
  shape: Shape,
  isValid: (value: number) => boolean,
): number[] {
  const { channels } = channelsOf(shape)
  const list = typeof value === 'number' ? new Array<number>(channels).fill(value) : [...value]
  if (list.length === channels && list.every(isValid)) return list
  throw new BrickError({
    kind: 'argument',
    where: 'normalize',
    wanted: `a ${name}${name === 'std' ? ' > 0' : ''}, or one for each of ${channels} channels of ${showShape(shape)}`,
    got: JSON.stringify(value),
  })
}
