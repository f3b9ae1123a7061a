import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { showShape } from '../../base/shape.ts'

/** A sound's samples, [length] or [channels, length]. */
export type Signal = ArrayView<'f32'>

/** The channels of a signal, and the axes in front of a result's own. */
export interface Channels {
  readonly channels: readonly Float32Array[]
  readonly length: number
  readonly lead: readonly number[]
}

/** @throws BrickError `shape` for what is no signal. */
export function channelsOf(where: string, { shape, data }: Signal): Channels {
  const length = shape.at(-1) ?? 0
  if ((shape.length !== 1 && shape.length !== 2) || length === 0) {
    throw new BrickError({
      kind: 'shape',
      where,
      wanted: 'samples [length] or [channels, length]',
      got: showShape(shape),
    })
  }
  const count = data.length / length
  const channels = Array.from({ length: count }, (_, c) =>
    data.subarray(c * length, (c + 1) * length),
  )
  return { channels, length, lead: shape.slice(0, -1) }
}

/** Results of the channels as one array. */
export function together(
  lead: readonly number[],
  own: readonly number[],
  parts: readonly Float32Array[],
): Signal {
  const size = own.reduce((a, b) => a * b, 1)
  const data = new Float32Array(parts.length * size)
  parts.forEach((part, i) => {
    data.set(part, i * size)
  })
  return { dtype: 'f32', shape: [...lead, ...own], data }
}

/** @throws BrickError `argument` unless the value is a number above 0. */
export function checkPositive(where: string, name: string, value: number, isWhole = false): void {
  if (value > 0 && value < Infinity && (!isWhole || Number.isInteger(value))) return
  throw new BrickError({
    kind: 'argument',
    where,
    wanted: `${name} to be a ${isWhole ? 'whole ' : ''}number above 0`,
    got: `${value}`,
  })
}
