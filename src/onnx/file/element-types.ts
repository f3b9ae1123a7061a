import type { DType } from '../../base/dtype.ts'
import { storedTypes } from '../../files/stored-types.ts'

/** What one number of a tensor is in an ONNX file, and how it is held here. */
export interface ElementType {
  readonly name: string
  /** TensorProto.DataType. */
  readonly code: number
  /** In raw_data. */
  readonly bits: number
  /** What it becomes in a tensor. */
  readonly dtype: DType
  /** The least and the largest integer; absent for floats. */
  readonly range?: readonly [low: number, high: number]
  /** What it can hold, where that is so little that a cast to it is a rounding. */
  readonly digits?: Digits
  /** Where its numbers are if there is no raw_data. */
  readonly field: 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data'
  decode(raw: Uint8Array, count: number, where: string): Float32Array | Float64Array
}

/** The numbers that a narrow float has. */
export interface Digits {
  /** Binary digits of a number, the leading one among them. */
  readonly count: number
  /** The least exponent of numbers with all their digits. */
  readonly least: number
  /** The largest number. */
  readonly most: number
  /** What larger ones become where they are not limited. */
  readonly beyond: number
}

type Get = (view: DataView, at: number) => number

/** Elements of whole bytes, one by one. */
const each =
  (bytes: number, get: Get) =>
  (raw: Uint8Array, count: number): Float64Array => {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
    return Float64Array.from({ length: count }, (_, i) => get(view, i * bytes))
  }

/** Two elements a byte, the lower half first. */
const nibbles =
  (toNumber: (nibble: number) => number) =>
  (raw: Uint8Array, count: number): Float64Array =>
    Float64Array.from({ length: count }, (_, i) =>
      toNumber((raw[i >> 1]! >> (i % 2 === 0 ? 0 : 4)) & 15),
    )

const stored =
  (name: string) =>
  (raw: Uint8Array, _: number, where: string): Float32Array =>
    storedTypes[name]!.decode(raw, where) as Float32Array

function float(code: number, name: string, bits: number, decode: ElementType['decode']) {
  const field = bits === 64 ? 'doubleData' : bits === 32 ? 'floatData' : 'int32Data'
  return { code, name, bits, dtype: 'f32', field, decode } as const
}

interface Eight {
  readonly fraction: number
  readonly bias: number
  readonly most: number
  /** The value of a byte that is no usual number. */
  special(byte: number): number | undefined
  readonly beyond: number
}

/** Floats of one byte. Source: the formats' table in ONNX's technical notes, after Micikevicius et al., 2022. */
function float8(code: number, name: string, eight: Eight): ElementType {
  const { fraction, bias, most, special, beyond } = eight
  const toNumber = (byte: number): number => {
    const exponent = (byte & 127) >> fraction
    const part = (byte & (2 ** fraction - 1)) / 2 ** fraction
    const size = exponent === 0 ? part * 2 ** (1 - bias) : (1 + part) * 2 ** (exponent - bias)
    return special(byte) ?? (byte & 128 ? -size : size)
  }
  const digits = { count: fraction + 1, least: 1 - bias, most, beyond }
  const decode = each(1, (view, at) => toNumber(view.getUint8(at)))
  return { code, name, bits: 8, dtype: 'f32', digits, field: 'int32Data', decode }
}

/** A single NaN in place of −0, no infinities. */
const noZero = (byte: number) => (byte === 128 ? Number.NaN : undefined)

function integer(
  code: number,
  name: string,
  bits: number,
  decode: ElementType['decode'],
): ElementType {
  const signed = name.startsWith('int')
  const range = signed
    ? ([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] as const)
    : ([0, 2 ** bits - 1] as const)
  const wide = signed ? 'int64Data' : 'uint64Data'
  const field = bits === 64 || name === 'uint32' ? wide : 'int32Data'
  return { code, name, bits, dtype: name === 'uint8' ? 'u8' : 'i32', range, field, decode }
}

const list: readonly ElementType[] = [
  float(1, 'float', 32, stored('F32')),
  integer(
    2,
    'uint8',
    8,
    each(1, (v, at) => v.getUint8(at)),
  ),
  integer(
    3,
    'int8',
    8,
    each(1, (v, at) => v.getInt8(at)),
  ),
  integer(
    4,
    'uint16',
    16,
    each(2, (v, at) => v.getUint16(at, true)),
  ),
  integer(
    5,
    'int16',
    16,
    each(2, (v, at) => v.getInt16(at, true)),
  ),
  integer(
    6,
    'int32',
    32,
    each(4, (v, at) => v.getInt32(at, true)),
  ),
  integer(
    7,
    'int64',
    64,
    each(8, (v, at) => Number(v.getBigInt64(at, true))),
  ),
  {
    ...integer(
      9,
      'bool',
      8,
      each(1, (v, at) => Number(v.getUint8(at) !== 0)),
    ),
    dtype: 'bool',
    range: [0, 1],
  },
  float(10, 'float16', 16, stored('F16')),
  float(
    11,
    'double',
    64,
    each(8, (v, at) => v.getFloat64(at, true)),
  ),
  integer(
    12,
    'uint32',
    32,
    each(4, (v, at) => v.getUint32(at, true)),
  ),
  integer(
    13,
    'uint64',
    64,
    each(8, (v, at) => Number(v.getBigUint64(at, true))),
  ),
  {
    ...float(16, 'bfloat16', 16, stored('BF16')),
    digits: { count: 8, least: -126, most: 255 * 2 ** 120, beyond: Number.POSITIVE_INFINITY },
  },
  float8(17, 'float8e4m3fn', {
    fraction: 3,
    bias: 7,
    most: 448,
    special: (byte) => ((byte & 127) === 127 ? Number.NaN : undefined),
    beyond: Number.NaN,
  }),
  float8(18, 'float8e4m3fnuz', {
    fraction: 3,
    bias: 8,
    most: 240,
    special: noZero,
    beyond: Number.NaN,
  }),
  float8(19, 'float8e5m2', {
    fraction: 2,
    bias: 15,
    most: 57344,
    special: (byte) => {
      const size = byte & 127
      const infinite = byte & 128 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
      return size > 124 ? Number.NaN : size === 124 ? infinite : undefined
    },
    beyond: Number.POSITIVE_INFINITY,
  }),
  float8(20, 'float8e5m2fnuz', {
    fraction: 2,
    bias: 16,
    most: 57344,
    special: noZero,
    beyond: Number.NaN,
  }),
  integer(
    21,
    'uint4',
    4,
    nibbles((n) => n),
  ),
  integer(
    22,
    'int4',
    4,
    nibbles((n) => (n < 8 ? n : n - 16)),
  ),
]

const byCode = new Map(list.map((type) => [type.code, type]))
const byName = new Map(list.map((type) => [type.name, type]))

/** Names of the codes that are not read. */
const others: Readonly<Record<number, string>> = {
  0: 'undefined',
  8: 'string',
  14: 'complex64',
  15: 'complex128',
  23: 'float4e2m1',
}

/** The type of a code, if it is one that is read. */
export const elementType = (code: number): ElementType | undefined => byCode.get(code)

/** The type of a name, which must be one of those that are read. */
export const typeNamed = (name: string): ElementType => byName.get(name)!

/** What a code is called. */
export const codeName = (code: number): string =>
  byCode.get(code)?.name ?? others[code] ?? `type ${code}`

export const elementTypeNames: readonly string[] = list.map(({ name }) => name)
