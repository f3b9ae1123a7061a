import type { DType, TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'

/** How an element type of a safetensors file is read. */
export interface StoredType {
  /** Bytes of one element in the file. */
  readonly bytes: number
  /** What it becomes in memory. */
  readonly dtype: DType
  readonly decode: (stored: Uint8Array, where: string) => TypedArray
}

/** Every element type that can be read; the names are the format's. */
export const storedTypes: Readonly<Record<string, StoredType>> = {
  F64: converted(8, 'f32', Float32Array, (view, at) => view.getFloat64(at, true)),
  F32: { bytes: 4, dtype: 'f32', decode: (stored) => new Float32Array(...span(stored)) },
  F16: converted(2, 'f32', Float32Array, (view, at) => halfToNumber(view.getUint16(at, true))),
  BF16: { bytes: 2, dtype: 'f32', decode: decodeBfloat16 },
  I64: converted(8, 'i32', Int32Array, (view, at) => Number(view.getBigInt64(at, true))),
  U64: converted(8, 'i32', Int32Array, (view, at) => Number(view.getBigUint64(at, true))),
  I32: { bytes: 4, dtype: 'i32', decode: (stored) => new Int32Array(...span(stored)) },
  U32: converted(4, 'i32', Int32Array, (view, at) => view.getUint32(at, true)),
  I16: converted(2, 'i32', Int32Array, (view, at) => view.getInt16(at, true)),
  U16: converted(2, 'i32', Int32Array, (view, at) => view.getUint16(at, true)),
  I8: converted(1, 'i32', Int32Array, (view, at) => view.getInt8(at)),
  U8: { bytes: 1, dtype: 'u8', decode: (stored) => stored },
  BOOL: { bytes: 1, dtype: 'bool', decode: decodeBool },
}

/** A half-precision number (IEEE 754 binary16) from its 16 bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Where four-byte elements lie: in place if their start is aligned, else in a copy. */
function span(stored: Uint8Array): [buffer: ArrayBufferLike, offset: number, length: number] {
  // A copy by the constructor: Buffer's own slice() is a view, as unaligned as before.
  const { buffer, byteOffset } = stored.byteOffset % 4 === 0 ? stored : new Uint8Array(stored)
  return [buffer, byteOffset, stored.length / 4]
}

function converted(
  bytes: number,
  dtype: 'f32' | 'i32',
  Elements: Float32ArrayConstructor | Int32ArrayConstructor,
  get: (view: DataView, at: number) => number,
): StoredType {
  const decode = (stored: Uint8Array, where: string) => {
    const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
    const data = new Elements(stored.length / bytes)
    for (let i = 0; i < data.length; i++) {
      const value = get(view, i * bytes)
      data[i] = value
      if (dtype === 'i32' && data[i] !== value) throw outOfRange(where, value)
    }
    return data
  }
  return { bytes, dtype, decode }
}

/** bfloat16 is the upper half of a float. */
function decodeBfloat16(stored: Uint8Array): Float32Array {
  const words = new Uint32Array(stored.length / 2)
  for (let i = 0; i < words.length; i++) {
    words[i] = (stored[2 * i]! << 16) | (stored[2 * i + 1]! << 24)
  }
  return new Float32Array(words.buffer)
}

function decodeBool(stored: Uint8Array, where: string): Uint8Array {
  if (stored.some((byte) => byte > 1)) {
    throw new BrickError({ kind: 'file', where, wanted: 'BOOL bytes of 0 or 1', got: 'others' })
  }
  return stored
}

function outOfRange(where: string, value: number): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted: 'integers that fit in 32 bits',
    got: `${value}`,
    remedy: 'Store them as I32 or F64.',
  })
}
