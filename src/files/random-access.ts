import { type FileHandle, open, stat } from 'node:fs/promises'
import { BrickError } from '../base/errors.ts'
import { fileError } from './errors.ts'

/** Most bytes that the system is asked for at once. */
const MOST_AT_ONCE = 2 ** 30

/** Bytes of which parts are read: a file's, or those in memory. */
export interface ByteSource {
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** @throws BrickError `file` if they are not all there. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/**
 * Bytes in memory; what is read shares it.
 *
 * @param path The file's name, for errors.
 */
export function heldBytes(bytes: Uint8Array, path: string): ByteSource {
  return {
    path,
    size: bytes.length,
    async read(offset, length) {
      if (offset + length <= bytes.length) return bytes.subarray(offset, offset + length)
      throw short(path, offset, length, bytes.length)
    },
  }
}

/**
 * A file of which parts are read where they lie. Lengths are compared with the file's size before
 * anything is allocated.
 *
 * @example
 * ```ts
 * await writeAtomically('four.bin', Uint8Array.of(1, 2, 3, 4))
 * const file = await RandomAccess.open('four.bin')
 * await file.read(1, 2) // Uint8Array [2, 3]
 * await file.close()
 * ```
 */
export class RandomAccess implements ByteSource {
  readonly path: string
  /** Bytes, when it was opened. */
  readonly size: number
  private readonly handle: FileHandle

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path
    this.size = size
    this.handle = handle
  }

  /** @throws BrickError `file` for what is missing, can't be read or is no file. */
  static async open(path: string): Promise<RandomAccess> {
    let handle: FileHandle | undefined
    await fileSize(path)
    try {
      handle = await open(path, 'r')
      return new RandomAccess(path, (await handle.stat()).size, handle)
    } catch (error) {
      await handle?.close()
      throw fileError('read', path, error)
    }
  }

  /**
   * Bytes of their own.
   *
   * @throws BrickError `file` if they are not all there.
   */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw short(this.path, offset, length, this.size)
    }
    try {
      const bytes = new Uint8Array(length)
      for (let done = 0; done < length; ) {
        const most = Math.min(MOST_AT_ONCE, length - done)
        const { bytesRead } = await this.handle.read(bytes, done, most, offset + done)
        if (bytesRead === 0) throw short(this.path, offset, length, offset + done)
        done += bytesRead
      }
      return bytes
    } catch (error) {
      throw fileError('read', this.path, error)
    }
  }

  async close(): Promise<void> {
    await this.handle.close()
  }
}

function short(path: string, offset: number, length: number, end: number): BrickError {
  return new BrickError({
    kind: 'file',
    where: path,
    wanted: `${length} bytes at offset ${offset}`,
    got: `a file that ends at ${end}`,
    remedy: 'The file is not whole: write or download it again.',
  })
}

/**
 * Bytes of what is a file indeed: opening a pipe would wait for somebody who writes into it.
 *
 * @throws BrickError `file` for what is missing, a folder, a pipe or a device.
 */
export async function fileSize(path: string): Promise<number> {
  const found = await stat(path).catch((error) => {
    throw fileError('read', path, error)
  })
  if (found.isFile()) return found.size
  if (found.isDirectory()) throw fileError('read', path, { code: 'EISDIR' })
  throw new BrickError({
    kind: 'file',
    where: path,
    wanted: 'a file',
    got: 'a pipe, socket or device',
    remedy: 'Save it as a file first.',
  })
}
