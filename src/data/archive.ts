import { createHash } from 'node:crypto'
import { access, constants, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { cacheFolder } from '../base/folders.ts'
import { writeAtomically } from '../files/atomic.ts'
import { fileError } from '../files/errors.ts'
import { makeFolder } from '../files/folders.ts'
import { isGzip, unpackGzip } from '../files/gunzip.ts'
import { type DownloadOptions, download } from './download.ts'

/** A dataset that is distributed as files. */
export interface Archive {
  /** Its folder's name in the data folder and in the cache. */
  readonly name: string
  /** Folders on the web that hold the files. */
  readonly mirrors: readonly string[]
}

/** One of its files, gzipped. */
export interface ArchiveFile {
  readonly name: string
  /** What the mirrors call it, if not the same. */
  readonly remote?: string
  /** SHA-256 of the content after decompression: gzip may pack the same content differently. */
  readonly sha256?: string
  /** SHA-256 of the file as it is packed, where that is all that its publishers say. */
  readonly packed?: string
}

export interface ArchiveOptions extends DownloadOptions {
  /**
   * Folders on the web to download from instead. `BRICKWORK_MIRROR` (several with commas between)
   * does the same for all datasets: it stands for the folder that holds theirs.
   */
  readonly mirrors?: readonly string[]
}

/**
 * A file's content: from `BRICKWORK_DATA`, else from the user's cache folder, else downloaded into
 * it. Whatever its source, it is used only if it is the pinned content.
 *
 * @throws BrickError `file` if a file that is there is not the right one or the cache can't be
 * written, `network` if no mirror has it.
 */
export async function archiveFile(
  archive: Archive,
  file: ArchiveFile,
  options: ArchiveOptions = {},
): Promise<{ content: Uint8Array; path: string }> {
  const data = process.env['BRICKWORK_DATA']
  const cached = join(cacheFolder(), 'data', archive.name, file.name)
  for (const path of [...(data ? [join(data, archive.name, file.name)] : []), cached]) {
    const bytes = await readIfThere(path)
    if (bytes) return { content: await unpack(bytes, path, file), path }
  }
  await checkWritable(dirname(cached))
  const check = (bytes: Uint8Array, url: string) => unpack(bytes, url, file)
  const own = ownMirrors(archive, options)
  const name = own ? file.name : (file.remote ?? file.name)
  const place = { ...options, place: cached }
  const { bytes, checked } = await download(name, own ?? archive.mirrors, check, place)
  await writeAtomically(cached, bytes)
  return { content: checked, path: cached }
}

/** The user's mirrors, which hold the files under our names; undefined where none are given. */
function ownMirrors({ name }: Archive, options: ArchiveOptions): readonly string[] | undefined {
  const own = process.env['BRICKWORK_MIRROR']?.split(',').map((url) => url.trim())
  const folders = own?.filter(Boolean).map((url) => `${url.replace(/\/+$/, '')}/${name}`)
  return options.mirrors ?? (folders?.length ? folders : undefined)
}

/** Better to fail before a long download than after it. */
async function checkWritable(folder: string): Promise<void> {
  try {
    await makeFolder(folder)
    await access(folder, constants.W_OK)
  } catch (error) {
    throw fileError('write', folder, error)
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw fileError('read', path, error)
  }
}

/** Decompresses (unless the server did) and compares the content with what is pinned. */
async function unpack(bytes: Uint8Array, where: string, file: ArchiveFile): Promise<Uint8Array> {
  const remedy = 'Replace the file with the original, or delete it, so that it is downloaded.'
  const wanted = file.sha256 ?? file.packed
  const content = isGzip(bytes) ? await unpackGzip(bytes, where, undefined, remedy) : bytes
  const sha256 = createHash('sha256')
    .update(file.sha256 ? content : bytes)
    .digest('hex')
  if (sha256 === wanted) return content
  throw new BrickError({
    kind: 'file',
    where,
    wanted: `the original ${file.name} (SHA-256${file.sha256 ? ' of its content' : ''} ${wanted})`,
    got: `${bytes.length} other bytes (${sha256})`,
    remedy,
  })
}
