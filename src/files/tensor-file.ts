import { type FileHandle, open, readFile } from 'node:fs/promises'
import type { ArrayView } from '../base/array.ts'
import { writeAtomically } from './atomic.ts'
import { fileError } from './errors.ts'
import {
  headerSize,
  parseMetadata,
  parseSafetensors,
  serializeSafetensors,
  type TensorFile,
} from './safetensors.ts'

/**
 * Reads a safetensors file from the disk.
 *
 * @throws BrickError `file` if it is missing, can't be read or is malformed.
 * @example
 * ```ts
 * const { tensors, metadata } = await readSafetensors('runs/a/last.safetensors')
 * ```
 */
export async function readSafetensors(path: string): Promise<TensorFile> {
  const bytes = await readFile(path).catch((error) => {
    throw fileError('read', path, error)
  })
  return parseSafetensors(bytes, path)
}

/**
 * Reads the metadata of a safetensors file, and not its arrays.
 *
 * @throws BrickError `file` if it is missing, can't be read or is malformed.
 * @example
 * ```ts
 * const metadata = await readMetadata('runs/a/last.safetensors')
 * ```
 */
export async function readMetadata(path: string): Promise<TensorFile['metadata']> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { size } = await file.stat()
    const start = await readStart(file, Math.min(8, size))
    const length = start.length < 8 ? start.length : Math.min(headerSize(start), size)
    return parseMetadata(await readStart(file, length), path)
  } catch (error) {
    throw fileError('read', path, error)
  } finally {
    await file?.close()
  }
}

async function readStart(file: FileHandle, length: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0)
  return buffer.subarray(0, bytesRead)
}

/**
 * Writes named arrays as a safetensors file; an old file stays whole until the new one is.
 *
 * @throws BrickError `file` (disk full, no permission, …), `shape` or `argument` for a bad array.
 * @example
 * ```ts
 * await writeSafetensors('w.safetensors', [['w', { dtype: 'i32', shape: [], data: Int32Array.of(1) }]])
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, ArrayView]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomically(path, serializeSafetensors(tensors, metadata))
}
