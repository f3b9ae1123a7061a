import type { ArrayView } from '../base/array.ts'
import { type DType, dtypes, type TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { showShape, sizeOf } from '../base/shape.ts'
import { encodeBfloat16, encodeHalf } from './half.ts'
import type { TensorFile } from './open-tensors.ts'
import { type Entry, headerLength, LENGTH_BYTES, parseHeader } from './safetensors-header.ts'

/**
 * Reads the safetensors format: 8 bytes with the header's length, a JSON header, the elements.
 * F32, I32, U8 and BOOL stay as they are, other floats become f32 and other integers i32. Arrays
 * may share memory with `bytes`.
 *
 * @param where The file's name, for errors.
 * @throws BrickError `file` that says what is malformed.
 * @example
 * ```ts
 * const { tensors } = parseSafetensors(bytes, 'model.safetensors')
 * tensors.get('fc.weight')?.shape // [10, 500]
 * ```
 */
export function parseSafetensors(bytes: Uint8Array, where: string): TensorFile {
  const length = headerLength(bytes.subarray(0, LENGTH_BYTES), bytes.length, where)
  const start = LENGTH_BYTES + length
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, start), bytes.length - start, where)
  const tensors = new Map<string, ArrayView>()
  for (const entry of header.entries) {
    const stored = bytes.subarray(start + entry.begin, start + entry.end)
    tensors.set(entry.name, decodeEntry(entry, stored, where))
  }
  return { tensors, metadata: header.metadata }
}

/** An array from its bytes in the file. */
export function decodeEntry(entry: Entry, stored: Uint8Array, where: string): ArrayView {
  const { dtype, decode } = entry.type
  const data = decode(stored, `${where}: ${entry.name}`)
  return { dtype, shape: entry.shape, data } as ArrayView
}

export interface SafetensorsOptions {
  /**
   * How floats are stored: as they are (f32, default), or rounded to the nearest half-precision
   * (f16: up to 65504, 11 bits) or bfloat16 number (bf16: a float's range, 8 bits), ties to even.
   */
  readonly dtype?: 'f32' | 'f16' | 'bf16'
}

/** A type as the format names it, its size, and an array's bytes. */
interface Form {
  readonly name: string
  readonly bytes: number
  readonly encode: (data: TypedArray, name: string) => Uint8Array
}

const halfForms: Readonly<Record<'f16' | 'bf16', Form>> = {
  f16: {
    name: 'F16',
    bytes: 2,
    encode: (data, name) => {
      checkHalf(data, name)
      return bytesOf(encodeHalf(data as Float32Array))
    },
  },
  bf16: { name: 'BF16', bytes: 2, encode: (data) => bytesOf(encodeBfloat16(data as Float32Array)) },
}

function formOf(dtype: DType, { dtype: floats = 'f32' }: SafetensorsOptions): Form {
  if (dtype === 'f32' && floats !== 'f32') return halfForms[floats]
  const { safetensors: name, bytes } = dtypes[dtype]
  return { name, bytes, encode: (data) => bytesOf(data) }
}

/**
 * The parts of a safetensors file in order: header, then each array's bytes (not copied, unless
 * they are converted; then one after the other, as they are asked for). Larger elements come first,
 * so that a reader finds every array aligned.
 *
 * @throws BrickError `shape` if an array's data does not fill its shape, `argument` for a name that
 * stands twice or another dtype; on the way, `numeric` for a number beyond half precision.
 * @example
 * ```ts
 * const parts = serializeSafetensors([['w', { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }]])
 * ```
 */
export function serializeSafetensors(
  tensors: Iterable<readonly [string, ArrayView]>,
  metadata: Readonly<Record<string, string>> = {},
  options: SafetensorsOptions = {},
): Iterable<Uint8Array> {
  checkOptions(options)
  const sorted = [...tensors]
    .map(([name, array]) => ({ name, array, form: formOf(array.dtype, options) }))
    .sort((a, b) => b.form.bytes - a.form.bytes)
  const rows: [string, unknown][] =
    Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata]]
  const names = new Set(['__metadata__'])
  let offset = 0
  for (const { name, array, form } of sorted) {
    checkArray(name, array, names)
    const end = offset + array.data.length * form.bytes
    rows.push([name, { dtype: form.name, shape: array.shape, data_offsets: [offset, end] }])
    offset = end
  }
  // Written by hand, since an object would reorder names that look like numbers.
  const json = rows.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  const header = headerBytes(`{${json.join(',')}}`)
  return (function* () {
    yield header
    for (const { name, array, form } of sorted) yield form.encode(array.data, name)
  })()
}

function checkOptions({ dtype = 'f32' }: SafetensorsOptions): void {
  if (dtype === 'f32' || Object.hasOwn(halfForms, dtype)) return
  throw new BrickError({
    kind: 'argument',
    where: 'safetensors',
    wanted: "a dtype of 'f32', 'f16' or 'bf16'",
    got: JSON.stringify(dtype),
  })
}

/** The least number that rounds to infinity in half precision. */
const HALF_OVERFLOW = 65520

function checkHalf(data: TypedArray, name: string): void {
  const large = data.find((value) => Math.abs(value) >= HALF_OVERFLOW && Number.isFinite(value))
  if (large === undefined) return
  throw new BrickError({
    kind: 'numeric',
    where: `safetensors: ${name}`,
    wanted: 'numbers up to 65504 for f16',
    got: `${large}`,
    remedy: 'Store them as bf16 or f32.',
  })
}

function checkArray(name: string, { shape, data }: ArrayView, names: Set<string>): void {
  if (data.length !== sizeOf(shape)) {
    throw new BrickError({
      kind: 'shape',
      where: `safetensors: ${name}`,
      wanted: `${sizeOf(shape)} elements for ${showShape(shape)}`,
      got: `${data.length}`,
    })
  }
  if (names.has(name)) {
    throw new BrickError({
      kind: 'argument',
      where: 'safetensors',
      wanted: 'names that differ (and are not __metadata__)',
      got: JSON.stringify(name),
    })
  }
  names.add(name)
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Length and header, padded with spaces to a multiple of 8. */
function headerBytes(json: string): Uint8Array {
  const text = new TextEncoder().encode(json)
  const length = Math.ceil(text.length / 8) * 8
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(text, LENGTH_BYTES)
  return bytes
}
