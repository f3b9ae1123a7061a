import { crc32, inflateRawSync } from 'node:zlib'
import { BrickError } from '../base/errors.ts'
import type { ByteSource } from './random-access.ts'

/** A file in a zip. */
export interface ZipEntry {
  readonly name: string
  readonly isStored: boolean
  /** 0 if nobody computed it, as PyTorch can be told to. */
  readonly crc: number
  /** Bytes in the zip, and of the content. */
  readonly packed: number
  readonly size: number
  /** Where its own header lies. */
  readonly header: number
}

/** A signature, and the bytes that follow at least. */
const END = { signature: 0x06054b50, bytes: 22 }
const END64 = { signature: 0x06064b50, bytes: 56 }
const LOCATOR64 = { signature: 0x07064b50, bytes: 20 }
const LISTED = { signature: 0x02014b50, bytes: 46 }
const LOCAL = { signature: 0x04034b50, bytes: 30 }

/** A comment may stand behind the end record. */
const MAX_COMMENT = 2 ** 16 - 1
/** No compression by deflate is stronger; a larger size is a lie. */
const MOST_EXPANSION = 1040
/** What a 32-bit field says whose value is in the entry's 64-bit extra. */
const WIDE = 0xffffffff
const CHUNK = 2 ** 20

/**
 * A zip file whose entries are read where they lie, also beyond 4 GB. Sizes and places
 * are checked against the file before anything is allocated, and contents by their CRC-32.
 *
 * Source: PKWARE, “.ZIP file format specification”, 6.3.
 */
export class ZipFile {
  readonly entries: ReadonlyMap<string, ZipEntry>
  private readonly file: ByteSource
  private readonly checked = new Set<ZipEntry>()

  private constructor(file: ByteSource, entries: ReadonlyMap<string, ZipEntry>) {
    this.file = file
    this.entries = entries
  }

  /** @throws BrickError `file` that says what is malformed. */
  static async open(file: ByteSource): Promise<ZipFile> {
    const { count, size, offset } = await directoryOf(file)
    const bytes = await file.read(offset, size)
    const entries = parseDirectory(bytes, count, file.path)
    checkPlaces([...entries.values()], offset, file.path)
    return new ZipFile(file, entries)
  }

  /**
   * The content of an entry.
   *
   * @throws BrickError `file` if it is damaged.
   */
  async read(entry: ZipEntry): Promise<Uint8Array> {
    const packed = await this.file.read(await this.contentOf(entry), entry.packed)
    const content = entry.isStored ? packed : this.inflate(entry, packed)
    this.check(entry, crc32(content))
    return content
  }

  /** A part of the content of an entry. Of a stored one, nothing else is kept in memory. */
  async readPart(entry: ZipEntry, from: number, length: number): Promise<Uint8Array> {
    if (length === entry.size) return this.read(entry)
    if (!entry.isStored) return (await this.read(entry)).slice(from, from + length)
    const start = await this.contentOf(entry)
    if (!this.checked.has(entry)) await this.checkStored(entry, start)
    return this.file.read(start + from, length)
  }

  private async checkStored(entry: ZipEntry, start: number): Promise<void> {
    let crc = 0
    for (let at = 0; at < entry.size; at += CHUNK) {
      crc = crc32(await this.file.read(start + at, Math.min(CHUNK, entry.size - at)), crc)
    }
    this.check(entry, crc)
  }

  private check(entry: ZipEntry, crc: number): void {
    if (entry.crc !== 0 && entry.crc !== crc) {
      throw this.damaged(entry, `content with the CRC-32 ${hex(entry.crc)}`, hex(crc))
    }
    this.checked.add(entry)
  }

  /** Where an entry's content begins. */
  private async contentOf(entry: ZipEntry): Promise<number> {
    const view = viewOf(await this.file.read(entry.header, LOCAL.bytes))
    if (view.getUint32(0, true) !== LOCAL.signature) {
      throw this.damaged(entry, `a header at ${entry.header}`, 'other bytes')
    }
    return entry.header + LOCAL.bytes + view.getUint16(26, true) + view.getUint16(28, true)
  }

  private inflate(entry: ZipEntry, packed: Uint8Array): Uint8Array {
    let content: Uint8Array
    try {
      const inflated = inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) })
      content = new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.length)
    } catch (error) {
      throw this.damaged(entry, `${entry.size} compressed bytes`, (error as Error).message)
    }
    if (content.length === entry.size) return content
    throw this.damaged(entry, `${entry.size} bytes`, `${content.length}`)
  }

  private damaged({ name }: ZipEntry, wanted: string, got: string): BrickError {
    return damaged(`${this.file.path}: ${name}`, wanted, got)
  }
}

interface Directory {
  readonly count: number
  readonly size: number
  readonly offset: number
}

/** Where the list of entries lies: said at the file's end. */
async function directoryOf(file: ByteSource): Promise<Directory> {
  const length = Math.min(file.size, END.bytes + MAX_COMMENT + LOCATOR64.bytes)
  const tail = await file.read(file.size - length, length)
  const view = viewOf(tail)
  let at = length - END.bytes
  while (at >= 0 && view.getUint32(at, true) !== END.signature) at--
  if (at < 0) throw damaged(file.path, 'the end of a zip file', `${file.size} bytes without it`)
  const before = at - LOCATOR64.bytes
  const isWide = before >= 0 && view.getUint32(before, true) === LOCATOR64.signature
  const found = isWide
    ? await wideDirectory(file, view.getBigUint64(before + 8, true))
    : {
        count: view.getUint16(at + 10, true),
        size: view.getUint32(at + 12, true),
        offset: view.getUint32(at + 16, true),
      }
  if (found.offset + found.size <= file.size) return found
  throw damaged(
    file.path,
    `a list of entries of ${found.size} bytes at ${found.offset}`,
    `${file.size} bytes in all`,
  )
}

async function wideDirectory(file: ByteSource, place: bigint): Promise<Directory> {
  const at = Number(place)
  if (at + END64.bytes > file.size)
    throw damaged(file.path, `a record at ${at}`, `${file.size} bytes`)
  const view = viewOf(await file.read(at, END64.bytes))
  if (view.getUint32(0, true) !== END64.signature) {
    throw damaged(file.path, `a zip64 end record at ${at}`, 'other bytes')
  }
  return {
    count: Number(view.getBigUint64(32, true)),
    size: Number(view.getBigUint64(40, true)),
    offset: Number(view.getBigUint64(48, true)),
  }
}

function parseDirectory(bytes: Uint8Array, count: number, path: string): Map<string, ZipEntry> {
  const view = viewOf(bytes)
  const entries = new Map<string, ZipEntry>()
  let at = 0
  for (let i = 0; i < count; i++) {
    const isThere = at + LISTED.bytes <= bytes.length
    if (!isThere || view.getUint32(at, true) !== LISTED.signature) {
      throw damaged(path, `${count} entries`, `${i}`)
    }
    const [name, extra, comment] = [28, 30, 32].map((k) => view.getUint16(at + k, true))
    const next = at + LISTED.bytes + name! + extra! + comment!
    if (next > bytes.length) throw damaged(path, `${count} entries`, `${i} and a part`)
    const entry = entryAt(bytes, at, path)
    if (entries.has(entry.name)) throw damaged(path, 'entries that differ', `${entry.name} twice`)
    entries.set(entry.name, entry)
    at = next
  }
  return entries
}

function entryAt(bytes: Uint8Array, at: number, path: string): ZipEntry {
  const view = viewOf(bytes)
  const nameEnd = at + LISTED.bytes + view.getUint16(at + 28, true)
  const name = new TextDecoder().decode(bytes.subarray(at + LISTED.bytes, nameEnd))
  const method = view.getUint16(at + 10, true)
  if (view.getUint16(at + 8, true) & 1) throw damaged(`${path}: ${name}`, 'no password', 'one')
  if (method !== 0 && method !== 8) {
    throw damaged(`${path}: ${name}`, 'a stored or deflated entry', `method ${method}`)
  }
  const fields = [24, 20, 42].map((k) => view.getUint32(at + k, true))
  const extra = bytes.subarray(nameEnd, nameEnd + view.getUint16(at + 30, true))
  const [size, packed, header] = widened(fields, extra) as [number, number, number]
  const isStored = method === 0
  if (isStored ? size !== packed : size > packed * MOST_EXPANSION + 64) {
    throw damaged(`${path}: ${name}`, `a size that fits ${packed} bytes`, `${size}`)
  }
  return { name, isStored, crc: view.getUint32(at + 16, true), packed, size, header }
}

/** Fields that are too large for 32 bits, from the extra that holds them, in order. */
function widened(fields: readonly number[], extra: Uint8Array): number[] {
  const view = viewOf(extra)
  let from = 0
  while (from + 4 <= extra.length && view.getUint16(from, true) !== 1) {
    from += 4 + view.getUint16(from + 2, true)
  }
  let at = from + 4
  return fields.map((value) => {
    if (value !== WIDE || at + 8 > extra.length) return value
    at += 8
    return Number(view.getBigUint64(at - 8, true))
  })
}

/** Entries must lie before their list and not in each other: what is there is there once. */
function checkPlaces(entries: readonly ZipEntry[], end: number, path: string): void {
  const sorted = entries.toSorted((a, b) => a.header - b.header)
  for (const [i, { name, header, packed }] of sorted.entries()) {
    const limit = sorted[i + 1]?.header ?? end
    if (header + LOCAL.bytes + packed > limit) {
      throw damaged(`${path}: ${name}`, `${packed} bytes from ${header}`, `an end at ${limit}`)
    }
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength)

const hex = (value: number): string => value.toString(16).padStart(8, '0')

function damaged(where: string, wanted: string, got: string): BrickError {
  const remedy = 'The file is not a whole zip file: save or download it again.'
  return new BrickError({ kind: 'file', where, wanted, got, remedy })
}
