import type { ArrayView } from '../base/array.ts'
import { writeAtomically } from './atomic.ts'
import { type OpenTensors, readAll, type TensorFile, unknownName } from './open-tensors.ts'
import { RandomAccess } from './random-access.ts'
import { decodeEntry, type SafetensorsOptions, serializeSafetensors } from './safetensors.ts'
import { type Header, headerLength, LENGTH_BYTES, parseHeader } from './safetensors-header.ts'

/**
 * Opens a safetensors file: the header is read and checked against the file's size, the arrays are
 * read one by one when they are asked for. A file of 10 GB costs what is asked of it.
 *
 * @throws BrickError `file` if it is missing, can't be read or is malformed.
 * @example
 * ```ts
 * const file = await openSafetensors('runs/a/last.safetensors')
 * const { shape } = file.info('fc.weight')
 * const weight = await file.read('fc.weight')
 * await file.close()
 * ```
 */
export async function openSafetensors(path: string): Promise<OpenTensors> {
  const file = await RandomAccess.open(path)
  try {
    const first = await file.read(0, Math.min(LENGTH_BYTES, file.size))
    const length = headerLength(first, file.size, path)
    const start = LENGTH_BYTES + length
    const header = parseHeader(await file.read(LENGTH_BYTES, length), file.size - start, path)
    return new OpenSafetensors(file, header, start)
  } catch (error) {
    await file.close()
    throw error
  }
}

class OpenSafetensors implements OpenTensors {
  readonly path: string
  readonly names: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  private readonly entries
  private readonly file: RandomAccess
  private readonly start: number

  constructor(file: RandomAccess, { entries, metadata }: Header, start: number) {
    this.path = file.path
    this.names = entries.map(({ name }) => name)
    this.metadata = metadata
    this.entries = new Map(entries.map((entry) => [entry.name, entry]))
    this.file = file
    this.start = start
  }

  info(name: string) {
    const { dtype, shape, begin, end } = this.entry(name)
    return { dtype, shape, bytes: end - begin }
  }

  async read(name: string): Promise<ArrayView> {
    const entry = this.entry(name)
    const stored = await this.file.read(this.start + entry.begin, entry.end - entry.begin)
    return decodeEntry(entry, stored, this.path)
  }

  close(): Promise<void> {
    return this.file.close()
  }

  private entry(name: string) {
    return this.entries.get(name) ?? unknownName(this, name)
  }
}

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
  return readAll(await openSafetensors(path))
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
  const file = await openSafetensors(path)
  await file.close()
  return file.metadata
}

/**
 * Writes named arrays as a safetensors file; an old file stays whole until the new one is.
 *
 * @param options dtype: floats as 'f32' (default), 'f16' or 'bf16'.
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
  options: SafetensorsOptions = {},
): Promise<void> {
  await writeAtomically(path, serializeSafetensors(tensors, metadata, options))
}
