import type { DType, TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { decodeBfloat16, decodeHalf } from './half.ts'

/** How an element type of a file is read. */
export interface StoredType {
  /** Bytes of one element in the file. */
  readonly bytes: number
  /** What it becomes in memory. */
  readonly dtype: DType
  /** Elements from their bytes, least significant first; they may share the memory. */
  readonly decode: (stored: Uint8Array, where: string) => TypedArray
}

/** Every element type that can be read; the names are those of safetensors. */
export const storedTypes: Readonly<Record<string, StoredType>> = {
  F64: {
    bytes: 8,
    dtype: 'f32',
    decode: (stored) => new Float32Array(new Float64Array(...span(stored, 8))),
  },
  F32: { bytes: 4, dtype: 'f32', decode: (stored) => new Float32Array(...span(stored, 4)) },
  F16: {
    bytes: 2,
    dtype: 'f32',
    decode: (stored) => decodeHalf(new Uint16Array(...span(stored, 2))),
  },
  BF16: {
    bytes: 2,
    dtype: 'f32',
    decode: (stored) => decodeBfloat16(new Uint16Array(...span(stored, 2))),
  },
  I64: { bytes: 8, dtype: 'i32', decode: (stored, where) => longs(stored, where, true) },
  U64: { bytes: 8, dtype: 'i32', decode: (stored, where) => longs(stored, where, false) },
  I32: { bytes: 4, dtype: 'i32', decode: (stored) => new Int32Array(...span(stored, 4)) },
  U32: { bytes: 4, dtype: 'i32', decode: decodeUnsigned },
  I16: {
    bytes: 2,
    dtype: 'i32',
    decode: (stored) => new Int32Array(new Int16Array(...span(stored, 2))),
  },
  U16: {
    bytes: 2,
    dtype: 'i32',
    decode: (stored) => new Int32Array(new Uint16Array(...span(stored, 2))),
  },
  I8: {
    bytes: 1,
    dtype: 'i32',
    decode: (stored) => new Int32Array(new Int8Array(...span(stored, 1))),
  },
  U8: { bytes: 1, dtype: 'u8', decode: (stored) => stored },
  BOOL: { bytes: 1, dtype: 'bool', decode: decodeBool },
}

/** Where elements lie: in place if their start is aligned, else in a copy. */
function span(
  stored: Uint8Array,
  bytes: number,
): [buffer: ArrayBufferLike, offset: number, length: number] {
  // Not slice(): that of a Buffer copies nothing.
  const { buffer, byteOffset } = stored.byteOffset % bytes === 0 ? stored : new Uint8Array(stored)
  return [buffer, byteOffset, Math.floor(stored.length / bytes)]
}

/** 64-bit integers, which must fit in 32 bits with a sign. */
function longs(stored: Uint8Array, where: string, isSigned: boolean): Int32Array {
  const words = new Int32Array(...span(stored, 4))
  const data = new Int32Array(words.length / 2)
  for (let i = 0; i < data.length; i++) {
    const low = words[2 * i]!
    const high = words[2 * i + 1]!
    if (high !== (isSigned ? low >> 31 : 0) || (low < 0 && !isSigned)) {
      const value = BigInt(high) * 2n ** 32n + BigInt(low >>> 0)
      throw outOfRange(where, isSigned ? value : BigInt.asUintN(64, value))
    }
    data[i] = low
  }
  return data
}

function decodeUnsigned(stored: Uint8Array, where: string): Int32Array {
  const data = new Int32Array(...span(stored, 4))
  const large = data.find((value) => value < 0)
  if (large !== undefined) throw outOfRange(where, BigInt(large >>> 0))
  return data
}

function decodeBool(stored: Uint8Array, where: string): Uint8Array {
  const other = stored.find((byte) => byte > 1)
  if (other === undefined) return stored
  throw new BrickError({ kind: 'file', where, wanted: 'BOOL bytes of 0 or 1', got: `${other}` })
}

function outOfRange(where: string, value: bigint): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted: 'integers that fit in 32 bits',
    got: `${value}`,
    remedy: 'Store them as I32 or F64.',
  })
}
