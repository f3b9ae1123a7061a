import type { ArrayView } from '../base/array.ts'
import { dtypes, type TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { showShape, sizeOf } from '../base/shape.ts'
import { duplicateKey } from './json.ts'
import { type StoredType, storedTypes } from './stored-types.ts'

/** Named arrays and the text that belongs to them. */
export interface TensorFile {
  readonly tensors: Map<string, ArrayView>
  readonly metadata: Readonly<Record<string, string>>
}

interface Entry {
  readonly name: string
  readonly type: StoredType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

const MAX_HEADER = 100_000_000

/**
 * Reads the safetensors format: 8 bytes with the header's length, a JSON header, the elements.
 * F32, I32, U8 and BOOL stay as they are, other floats become f32 and other integers i32. Arrays
 * may share memory with `bytes`.
 *
 * Source: the format's description and validation in github.com/huggingface/safetensors.
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
  const { text, start } = headerOf(bytes, where)
  const header = parseHeader(text, where)
  const { __metadata__: metadata = {}, ...rest } = header
  const entries = Object.entries(rest).map(([name, value]) => entryOf(name, value, where))
  checkLayout(entries, bytes.length - start, where)
  const tensors = new Map<string, ArrayView>()
  for (const entry of entries) {
    const stored = bytes.subarray(start + entry.begin, start + entry.end)
    const { dtype, decode } = entry.type
    const data = decode(stored, `${where}: ${entry.name}`)
    tensors.set(entry.name, { dtype, shape: entry.shape, data } as ArrayView)
  }
  return { tensors, metadata: checkMetadata(metadata, where) }
}

/**
 * The metadata of a file of which only the beginning is there: 8 bytes and the header.
 *
 * @throws BrickError `file` that says what is malformed.
 */
export function parseMetadata(bytes: Uint8Array, where: string): TensorFile['metadata'] {
  const { __metadata__: metadata = {} } = parseHeader(headerOf(bytes, where).text, where)
  return checkMetadata(metadata, where)
}

/** Bytes from the beginning of a file that its metadata needs: 8 and the header's length. */
export function headerSize(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return 8 + Math.min(MAX_HEADER, Number(view.getBigUint64(0, true)))
}

/**
 * The parts of a safetensors file in order: header, then each array's bytes (not copied).
 * Larger elements come first, so that a reader finds every array aligned.
 *
 * @throws BrickError `shape` if an array's data does not fill its shape.
 * @example
 * ```ts
 * const parts = serializeSafetensors([['w', { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }]])
 * ```
 */
export function serializeSafetensors(
  tensors: Iterable<readonly [string, ArrayView]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const sorted = [...tensors].sort(([, a], [, b]) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes)
  const rows: [string, unknown][] =
    Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata]]
  const parts: Uint8Array[] = []
  const names = new Set(['__metadata__'])
  let offset = 0
  for (const [name, array] of sorted) {
    checkArray(name, array, names)
    const part = bytesOf(array.data)
    const { safetensors: dtype } = dtypes[array.dtype]
    rows.push([name, { dtype, shape: array.shape, data_offsets: [offset, offset + part.length] }])
    parts.push(part)
    offset += part.length
  }
  // Written by hand, since an object would reorder names that look like numbers.
  const json = rows.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return [headerBytes(`{${json.join(',')}}`), ...parts]
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

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Length and header, padded with spaces to a multiple of 8. */
function headerBytes(json: string): Uint8Array {
  const text = new TextEncoder().encode(json)
  const length = Math.ceil(text.length / 8) * 8
  const bytes = new Uint8Array(8 + length).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(text, 8)
  return bytes
}

function malformed(where: string, wanted: string, got: string): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted,
    got,
    remedy: 'The file is not a whole safetensors file: write or download it again.',
  })
}

function headerOf(bytes: Uint8Array, where: string): { text: string; start: number } {
  if (bytes.length < 8) throw malformed(where, 'at least 8 bytes', `${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getBigUint64(0, true)
  const limit = Math.min(MAX_HEADER, bytes.length - 8)
  if (length > limit) throw malformed(where, `a header of at most ${limit} bytes`, `${length}`)
  const start = 8 + Number(length)
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return { text: text.decode(bytes.subarray(8, start)), start }
  } catch {
    throw malformed(where, 'a header in UTF-8', 'other bytes')
  }
}

function parseHeader(text: string, where: string): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch (error) {
    throw malformed(where, 'a header in JSON', (error as Error).message)
  }
  if (!text.startsWith('{') || !isRecord(header)) {
    throw malformed(where, 'a header that is a JSON object', text.slice(0, 20))
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) throw malformed(where, 'names that differ', `${twice} twice`)
  return header
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function entryOf(name: string, value: unknown, file: string): Entry {
  const where = `${file}: ${name}`
  if (!isRecord(value)) throw malformed(where, 'dtype, shape and data_offsets', String(value))
  const { dtype, shape, data_offsets: offsets } = value
  const type = typeof dtype === 'string' && Object.hasOwn(storedTypes, dtype) && storedTypes[dtype]
  if (!type) {
    throw new BrickError({
      kind: 'file',
      where,
      wanted: `a dtype of ${Object.keys(storedTypes).join(', ')}`,
      got: String(dtype),
      remedy: 'Convert the file to one of these types.',
    })
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw malformed(where, 'a shape of whole numbers', JSON.stringify(shape))
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw malformed(where, 'two data_offsets', JSON.stringify(offsets))
  }
  const [begin, end] = offsets as [number, number]
  const size = sizeOf(shape) * type.bytes
  if (end - begin !== size) {
    throw malformed(where, `${size} bytes for ${dtype} ${showShape(shape)}`, `${end - begin}`)
  }
  return { name, type, shape, begin, end }
}

/** The arrays must tile the data: no hole, no overlap, nothing after the last. */
function checkLayout(entries: readonly Entry[], length: number, file: string): void {
  let position = 0
  for (const { name, begin, end } of [...entries].sort(
    (a, b) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== position) {
      const what = begin < position ? 'overlaps what stands before it' : 'leaves a hole before it'
      throw malformed(
        `${file}: ${name}`,
        `data_offsets from ${position}`,
        `${begin}, which ${what}`,
      )
    }
    position = end
  }
  if (position !== length) {
    throw malformed(file, `${position} bytes of data, as the header says`, `${length}`)
  }
}

function checkMetadata(metadata: unknown, where: string): Record<string, string> {
  if (!isRecord(metadata) || !Object.values(metadata).every((v) => typeof v === 'string')) {
    throw malformed(where, '__metadata__ of text only', JSON.stringify(metadata))
  }
  return metadata as Record<string, string>
}
