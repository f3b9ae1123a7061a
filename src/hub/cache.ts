import { randomBytes } from 'node:crypto'
import { copyFile, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { writeAtomically } from '../files/atomic.ts'
import { fileError } from '../files/errors.ts'
import { makeFolder } from '../files/folders.ts'

/** Milliseconds without a write after which an unfinished file is nobody's. */
const STALE = 120_000

/**
 * What was downloaded of a repository: contents by their checksums in `blobs`, names in
 * `snapshots/COMMIT`, and in `refs` the commits that branches stood for. Files appear under their
 * names when they are whole and checked. Processes that download the same at once take turns at
 * nothing: each has an unfinished file of its own, and the one that is done first is kept.
 */
export class HubCache {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  // commits ----------------------------------------------------------------------------------

  /** The commit that a revision stood for when the hub was last asked. */
  async commitOf(revision: string): Promise<string | undefined> {
    const text = await readFile(this.ref(revision), 'utf8').catch(() => '')
    return /^[0-9a-f]{40}$/.test(text) ? text : undefined
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return
    await writeAtomically(this.ref(revision), new TextEncoder().encode(commit))
  }

  private ref(revision: string): string {
    return join(this.folder, 'refs', encodeURIComponent(revision))
  }

  // names ------------------------------------------------------------------------------------

  /** The folder of a commit's files. */
  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit)
  }

  /** A file of a commit, if it is there. */
  async find(commit: string, name: string): Promise<string | undefined> {
    const path = join(this.snapshot(commit), name)
    const found = await stat(path).catch(() => undefined)
    return found?.isFile() ? path : undefined
  }

  /** Gives a blob its name in a commit: a link, or a copy where there are no links. */
  async name(checksum: string, commit: string, name: string): Promise<string> {
    const path = join(this.snapshot(commit), name)
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
    try {
      await makeFolder(dirname(path))
      await link(this.blob(checksum), temporary).catch(() =>
        copyFile(this.blob(checksum), temporary),
      )
      await rename(temporary, path)
      // Renaming one link over another of the same file leaves both.
      await rm(temporary, { force: true })
      return path
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      throw fileError('write', path, error)
    }
  }

  // contents ---------------------------------------------------------------------------------

  private blob(checksum: string): string {
    return join(this.folder, 'blobs', checksum)
  }

  /** Whether a content of this size is there; it was checked before it got its name. */
  async holds(checksum: string, size: number): Promise<boolean> {
    const found = await stat(this.blob(checksum)).catch(() => undefined)
    return found?.size === size
  }

  /** An unfinished file of one's own, with what an interrupted download left. */
  async claim(checksum: string): Promise<string> {
    const folder = join(this.folder, 'blobs')
    const own = join(
      folder,
      `${checksum}.${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}.part`,
    )
    try {
      await makeFolder(folder)
      for (const name of await readdir(folder)) {
        if (!name.startsWith(`${checksum}.`) || !(await isLeft(join(folder, name)))) continue
        const isOurs = await rename(join(folder, name), own).then(
          () => true,
          () => false,
        )
        if (isOurs) return own
      }
      await (await open(own, 'a')).close()
      return own
    } catch (error) {
      throw fileError('write', own, error)
    }
  }

  /** Leaves an unfinished file to whoever goes on with it. */
  async leave(part: string, checksum: string): Promise<void> {
    await rename(part, join(this.folder, 'blobs', `${checksum}.part`)).catch(() => {})
  }

  /** A whole and checked file becomes the content. */
  async finish(part: string, checksum: string): Promise<void> {
    await rename(part, this.blob(checksum)).catch((error) => {
      throw fileError('write', this.blob(checksum), error)
    })
  }
}

/** Whether nobody writes an unfinished file any more: it was left, or its process is gone. */
async function isLeft(path: string): Promise<boolean> {
  const [, host, pid] = /\.([^/\\]*)-(\d+)-[0-9a-f]{6}\.part$/.exec(path) ?? []
  if (pid === undefined) return path.endsWith('.part')
  const found = await stat(path).catch(() => undefined)
  if (!found) return false
  if (host === hostname() && !isRunning(Number(pid))) return true
  return Date.now() - found.mtimeMs > STALE
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
