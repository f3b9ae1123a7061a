import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm, stat, statfs, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { downloadFile } from '@huggingface/hub'
import { BrickError } from '../base/errors.ts'
import { fileError } from '../files/errors.ts'
import type { HubCache } from './cache.ts'
import { ask, type Connection, hubError, isPassing, NoRanges, pause } from './connection.ts'
import type { Repository } from './options.ts'

/** A file of a repository, as the hub describes it. */
export interface RemoteFile {
  readonly path: string
  readonly size: number
  /** SHA-256 of the content of a large file, or what git calls a small one: SHA-1 of a blob. */
  readonly checksum: string
}

const isSha256 = (checksum: string): boolean => checksum.length === 64

/**
 * Downloads a file into the cache, unless it is there: what an interrupted download left is gone on
 * with, breaks in between are mended, and the whole is checked before it gets its name.
 *
 * @throws BrickError `network` if the connection breaks without end (what came is kept), `file` for
 * a full disk or a content that is not the hub's (it is deleted), and as {@link ask}.
 */
export async function transfer(
  repository: Repository,
  cache: HubCache,
  commit: string,
  file: RemoteFile,
): Promise<void> {
  const { checksum, size } = file
  if (await cache.holds(checksum, size)) return
  const part = await cache.claim(checksum)
  try {
    const began = (await stat(part)).size
    await checkSpace(part, size - began)
    await receive(repository, commit, file, part)
    if (!(await isWhole(part, file)) && began > 0) {
      // What was there already may have been wrong.
      await truncate(part)
      await receive(repository, commit, file, part)
    }
    if (!(await isWhole(part, file))) throw await wrongContent(repository, file, part)
    await cache.finish(part, checksum)
  } catch (error) {
    await cache.leave(part, checksum)
    throw fileError('write', part, error)
  }
}

async function receive(
  repository: Repository,
  commit: string,
  file: RemoteFile,
  part: string,
): Promise<void> {
  const { retries } = repository
  for (let attempt = 0; ; ) {
    const from = (await stat(part)).size
    if (from === file.size) return
    if (from > file.size) await truncate(part)
    try {
      await ask({ ...repository, retries: 0 }, file.path, (connection) =>
        receiveFrom(repository, commit, file, part, connection),
      )
    } catch (error) {
      if (error instanceof NoRanges) await truncate(part)
      const isBroken = error instanceof BrickError && error.kind === 'network'
      if (!(error instanceof NoRanges) && !isBroken) throw error
      const got = (await stat(part)).size
      // A connection that breaks again and again but brings something gets on.
      attempt = got > from ? 0 : attempt + 1
      if (attempt > retries || (isBroken && !isPassing(error.cause))) {
        throw unfinished(repository, file, got, error)
      }
      await pause(attempt)
    }
  }
}

async function receiveFrom(
  repository: Repository,
  commit: string,
  { path, size }: RemoteFile,
  part: string,
  connection: Connection,
): Promise<void> {
  const { name, hubUrl, token, onProgress } = repository
  const blob = await downloadFile({
    repo: { type: 'model', name },
    path,
    revision: commit,
    hubUrl,
    fetch: connection.fetch,
    // The other protocol has no plain bytes to go on from.
    xet: false,
    ...(token === undefined ? {} : { accessToken: token }),
  })
  if (!blob || blob.size !== size) {
    throw hubError(repository, path, new Error(`${blob?.size ?? 'no'} bytes for ${size}`))
  }
  const file = await open(part, 'a')
  try {
    let received = (await file.stat()).size
    for await (const bytes of blob.slice(received).stream()) {
      connection.alive()
      received += bytes.length
      if (received > size) throw new Error(`more than ${size} bytes`)
      await append(file, bytes, part)
      onProgress?.({ file: path, received, total: size })
    }
    if (received < size) throw new Error(`a connection that ended after ${received} bytes`)
  } finally {
    await file.close()
  }
}

async function append(file: FileHandle, bytes: Uint8Array, path: string): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await file.write(bytes, done)).bytesWritten
    }
  } catch (error) {
    throw fileError('write', path, error)
  }
}

/** Better to fail before a long download than after it. */
async function checkSpace(part: string, needed: number): Promise<void> {
  const found = await statfs(dirname(part)).catch(() => undefined)
  const free = found ? found.bavail * found.bsize : Number.POSITIVE_INFINITY
  if (free >= needed) return
  throw new BrickError({
    kind: 'file',
    where: dirname(part),
    wanted: `${needed} bytes of free space`,
    got: `${free}`,
    remedy: 'Free some space, or choose another disk: { cache } or BRICKWORK_CACHE.',
  })
}

async function isWhole(path: string, file: RemoteFile): Promise<boolean> {
  return (await checksumOf(path, file)) === file.checksum
}

/** SHA-256 of a content, or SHA-1 of `blob SIZE\0` and it, as git names it. */
async function checksumOf(path: string, { checksum, size }: RemoteFile): Promise<string> {
  const hash = createHash(isSha256(checksum) ? 'sha256' : 'sha1')
  if (!isSha256(checksum)) hash.update(`blob ${size}\0`)
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

async function wrongContent(
  { name, hubUrl }: Repository,
  file: RemoteFile,
  part: string,
): Promise<BrickError> {
  const got = await checksumOf(part, file)
  await rm(part, { force: true })
  const kind = isSha256(file.checksum) ? 'SHA-256' : 'git blob'
  return new BrickError({
    kind: 'file',
    where: `${hubUrl}/${name}: ${file.path}`,
    wanted: `the content that the hub names (${kind} ${file.checksum})`,
    got: `${file.size} other bytes (${got}), which were deleted`,
    remedy: 'Try again; if it stays, something between here and the hub changes files.',
  })
}

function unfinished(
  { name, hubUrl }: Repository,
  { path, size }: RemoteFile,
  got: number,
  cause: Error,
): BrickError {
  const reason = cause instanceof BrickError ? cause.got : cause.message
  return new BrickError({
    kind: 'network',
    where: `${hubUrl}/${name}: ${path}`,
    wanted: `${size} bytes`,
    got: `${got}, then ${reason}`,
    remedy: 'Try again: what came is kept, and the rest is fetched.',
    cause,
  })
}
