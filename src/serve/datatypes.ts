/** What is known of a datatype of the Open Inference Protocol that becomes FP32. */
export interface DatatypeRecord {
  readonly bytes: number
  /** Smallest and largest value, where they are whole numbers. */
  readonly range?: readonly [least: number, most: number]
  /** Reads one element, little-endian. */
  read(view: DataView, offset: number): number
}

const whole = (bits: number, isSigned: boolean): readonly [number, number] =>
  isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1]

/** Half precision: sign, 5 bits of exponent, 10 of fraction. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24)
}

/** The only list of them. */
export const datatypes = {
  BOOL: { bytes: 1, range: [0, 1], read: (view, at) => view.getUint8(at) },
  UINT8: { bytes: 1, range: whole(8, false), read: (view, at) => view.getUint8(at) },
  UINT16: { bytes: 2, range: whole(16, false), read: (view, at) => view.getUint16(at, true) },
  UINT32: { bytes: 4, range: whole(32, false), read: (view, at) => view.getUint32(at, true) },
  UINT64: {
    bytes: 8,
    range: whole(64, false),
    read: (view, at) => Number(view.getBigUint64(at, true)),
  },
  INT8: { bytes: 1, range: whole(8, true), read: (view, at) => view.getInt8(at) },
  INT16: { bytes: 2, range: whole(16, true), read: (view, at) => view.getInt16(at, true) },
  INT32: { bytes: 4, range: whole(32, true), read: (view, at) => view.getInt32(at, true) },
  INT64: {
    bytes: 8,
    range: whole(64, true),
    read: (view, at) => Number(view.getBigInt64(at, true)),
  },
  FP16: { bytes: 2, read: (view, at) => half(view.getUint16(at, true)) },
  FP32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  FP64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
} as const satisfies Readonly<Record<string, DatatypeRecord>>

export type Datatype = keyof typeof datatypes
export const datatypeNames = Object.keys(datatypes) as readonly Datatype[]

export function datatypeRecord(name: Datatype): DatatypeRecord {
  return datatypes[name]
}

/** Whole numbers up to here are FP32 numbers, too. */
const EXACT = 2 ** 24
const LARGEST = 3.4028234663852886e38

/** Why a value of JSON is none of this datatype, or would not survive as FP32; undefined if it is one. */
export function objection(value: unknown, { range }: DatatypeRecord): string | undefined {
  if (typeof value !== 'number') return typeof value === 'object' ? 'no number' : `${value}`
  if (range) {
    if (!Number.isInteger(value) || value < range[0] || value > range[1]) return `${value}`
    if (Math.abs(value) > EXACT) return `${value}, which FP32 can't hold exactly`
  }
  return Math.abs(value) > LARGEST ? `${value}, beyond FP32` : undefined
}

/** The same of a value of binary data, where NaN and infinities are themselves. */
export function binaryObjection(value: number, { range }: DatatypeRecord): string | undefined {
  if (range) {
    if (value < range[0] || value > range[1]) return `${value}`
    return Math.abs(value) > EXACT ? `${value}, which FP32 can't hold exactly` : undefined
  }
  return Math.abs(value) > LARGEST && Number.isFinite(value) ? `${value}, beyond FP32` : undefined
}
