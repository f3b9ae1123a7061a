import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileError } from './errors.ts'
import { makeFolder } from './folders.ts'

/**
 * Writes a file so that a reader sees either the old content or all of the new: into a temporary
 * file in the same folder, flushed to the disk, then renamed. Makes the folder if there is none.
 *
 * @param content The bytes, whole or in parts.
 * @throws BrickError `file` (disk full, no permission, …): the old file is untouched, nothing is
 * left of the new one.
 * @example
 * ```ts
 * await writeAtomically('runs/a/run.json', new TextEncoder().encode('{}'))
 * ```
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await makeFolder(folder)
    await writeAndFlush(temporary, content instanceof Uint8Array ? [content] : content)
    await rename(temporary, path)
    await flushFolder(folder)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw fileError('write', path, error)
  }
}

async function writeAndFlush(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for (const part of parts) await writeAll(file, part)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, part: Uint8Array): Promise<void> {
  let done = 0
  while (done < part.length) done += (await file.write(part, done, part.length - done)).bytesWritten
}

/** Makes the rename itself durable, on the systems that can open a folder. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems can't flush a folder; the file itself is safe.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    await handle.close()
  }
}
