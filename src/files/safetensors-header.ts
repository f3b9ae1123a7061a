import { BrickError } from '../base/errors.ts'
import { showShape, sizeOf } from '../base/shape.ts'
import { duplicateKey } from './json.ts'
import { type StoredType, storedTypes } from './stored-types.ts'

/** An array of a safetensors file: what it is and where it lies, from the end of the header. */
export interface Entry {
  readonly name: string
  /** The format's name of the element type. */
  readonly dtype: string
  readonly type: StoredType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export interface Header {
  readonly entries: readonly Entry[]
  readonly metadata: Readonly<Record<string, string>>
}

const MAX_HEADER = 100_000_000

/** How much of what is wrong an error shows. */
const SHOWN = 200

/** Bytes before the header: its length. */
export const LENGTH_BYTES = 8

/**
 * The header's length from the first 8 bytes, held against the file's size before anybody
 * allocates that much.
 *
 * @throws BrickError `file`.
 */
export function headerLength(start: Uint8Array, size: number, where: string): number {
  if (start.length < LENGTH_BYTES) throw malformed(where, 'at least 8 bytes', `${start.length}`)
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const length = view.getBigUint64(0, true)
  const limit = Math.min(MAX_HEADER, size - LENGTH_BYTES)
  if (length > limit) throw malformed(where, `a header of at most ${limit} bytes`, `${length}`)
  return Number(length)
}

/**
 * What the header says, with every array's type, size and place checked against each other and
 * against the bytes that follow: no hole, no overlap, nothing after the last.
 *
 * Source: the format's description and validation in github.com/huggingface/safetensors.
 *
 * @param size Bytes after the header.
 * @throws BrickError `file` that says what is malformed.
 */
export function parseHeader(bytes: Uint8Array, size: number, where: string): Header {
  const { __metadata__: metadata = {}, ...rest } = objectOf(textOf(bytes, where), where)
  const entries = Object.entries(rest).map(([name, value]) => entryOf(name, value, where))
  checkLayout(entries, size, where)
  return { entries, metadata: checkMetadata(metadata, where) }
}

function malformed(where: string, wanted: string, got: string): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted,
    got: got.length > SHOWN ? `${got.slice(0, SHOWN)}…` : got,
    remedy: 'The file is not a whole safetensors file: write or download it again.',
  })
}

function textOf(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed(where, 'a header in UTF-8', 'other bytes')
  }
}

function objectOf(text: string, where: string): Record<string, unknown> {
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
  const where = `${file}: ${name.slice(0, SHOWN)}`
  if (!isRecord(value)) throw malformed(where, 'dtype, shape and data_offsets', String(value))
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(storedTypes, dtype)) {
    throw new BrickError({
      kind: 'file',
      where,
      wanted: `a dtype of ${Object.keys(storedTypes).join(', ')}`,
      got: String(dtype).slice(0, SHOWN),
      remedy: 'Convert the file to one of these types.',
    })
  }
  const type = storedTypes[dtype]!
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw malformed(where, 'a shape of whole numbers', JSON.stringify(shape) ?? 'none')
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw malformed(where, 'two data_offsets', JSON.stringify(offsets) ?? 'none')
  }
  const [begin, end] = offsets as [number, number]
  const size = sizeOf(shape) * type.bytes
  if (end - begin !== size) {
    const shown = showShape(shape.slice(0, 16))
    throw malformed(where, `${size} bytes for ${dtype} ${shown}`, `${end - begin}`)
  }
  return { name, dtype, type, shape, begin, end }
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
        `${file}: ${name.slice(0, SHOWN)}`,
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
