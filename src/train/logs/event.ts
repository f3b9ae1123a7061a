/**
 * Events as TensorBoard reads them, in protocol buffers' wire format: a field is its number · 8 +
 * its wire type, then its value. The messages are so small and fixed that a library for them would
 * be larger than this file.
 *
 * Source: tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto;
 * protobuf.dev/programming-guides/encoding.
 */

const VARINT = 0
const DOUBLE = 1
const BYTES = 2
const FLOAT = 5

const key = (field: number, type: number): number[] => varint(field * 8 + type)

/** A whole number from 0, seven bits a byte, low ones first. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return [...bytes, rest]
}

function double(value: number): number[] {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return [...bytes]
}

function float(value: number): number[] {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return [...bytes]
}

const message = (field: number, bytes: readonly number[]): number[] => [
  ...key(field, BYTES),
  ...varint(bytes.length),
  ...bytes,
]

const text = (field: number, value: string): number[] =>
  message(field, [...new TextEncoder().encode(value)])

/** How many values lie up to each limit. */
export interface Histogram {
  readonly min: number
  readonly max: number
  readonly count: number
  readonly sum: number
  readonly sumOfSquares: number
  /** Upper ends of the buckets, and the values in each. */
  readonly limits: readonly number[]
  readonly counts: readonly number[]
}

/** What an event says. */
export type EventContent =
  | { readonly kind: 'version' }
  /** Whatever was logged from this step on counts for nothing. */
  | { readonly kind: 'start' }
  | { readonly kind: 'scalar'; readonly tag: string; readonly value: number }
  | { readonly kind: 'histogram'; readonly tag: string; readonly histogram: Histogram }

/** SessionLog.START */
const START = 1

function contentOf(content: EventContent): number[] {
  switch (content.kind) {
    case 'version':
      return text(3, 'brain.Event:2')
    case 'start':
      return message(7, [...key(1, VARINT), START])
    case 'scalar': {
      const value = [...key(2, FLOAT), ...float(content.value)]
      return message(5, message(1, [...text(1, content.tag), ...value]))
    }
    case 'histogram':
      return message(
        5,
        message(1, [...text(1, content.tag), ...message(5, histogramBytes(content.histogram))]),
      )
  }
}

function histogramBytes(histogram: Histogram): number[] {
  const { min, max, count, sum, sumOfSquares, limits, counts } = histogram
  const numbers = [min, max, count, sum, sumOfSquares]
  return [
    ...numbers.flatMap((value, i) => [...key(i + 1, DOUBLE), ...double(value)]),
    ...message(6, limits.flatMap(double)),
    ...message(7, counts.flatMap(double)),
  ]
}

/**
 * An event's bytes.
 *
 * @param seconds Since 1970.
 * @param step A whole number from 0.
 */
export function encodeEvent(seconds: number, step: number, content: EventContent): Uint8Array {
  return Uint8Array.from([
    ...key(1, DOUBLE),
    ...double(seconds),
    ...key(2, VARINT),
    ...varint(step),
    ...contentOf(content),
  ])
}

const BUCKETS = 30

/** A histogram of equal buckets over the values' range. */
export function histogramOf(values: ArrayLike<number>): Histogram {
  let [min, max, sum, sumOfSquares] = [Infinity, -Infinity, 0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    min = Math.min(min, value)
    max = Math.max(max, value)
    sum += value
    sumOfSquares += value * value
  }
  const buckets = max > min ? BUCKETS : 1
  const counts = new Array<number>(buckets).fill(0)
  const scale = max > min ? buckets / (max - min) : 0
  for (let i = 0; i < values.length; i++) {
    counts[Math.min(buckets - 1, Math.floor((values[i]! - min) * scale))]! += 1
  }
  const limits = counts.map((_, i) =>
    i === buckets - 1 ? max : min + ((i + 1) * (max - min)) / buckets,
  )
  return { min, max, count: values.length, sum, sumOfSquares, limits, counts }
}
