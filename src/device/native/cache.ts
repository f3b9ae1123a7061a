import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { BrickError } from '../../base/errors.ts'
import { makeFolder } from '../../files/folders.ts'
import { buildLibrary, type Compiler, type Source } from './compiler.ts'

const libraryName = 'program.so'
const sumName = 'program.sha256'

/** Where compiled programs are kept: `$BRICKWORK_CACHE`, else the user's cache folder. */
export function defaultCacheFolder(): string {
  const { BRICKWORK_CACHE: own, XDG_CACHE_HOME: xdg } = process.env
  if (own) return own
  if (xdg) return join(xdg, 'brickwork')
  const caches = process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']
  return join(homedir(), ...caches, 'brickwork')
}

/** SHA-256 of the parts, each told from the next. */
export const hash = (...parts: (string | Uint8Array)[]): string => {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part).update('\0')
  return sum.digest('hex')
}

/**
 * Compiled libraries on disk, by the hash of all that they depend on. An entry is a folder with
 * the library, its checksum and its source; it appears in one step (rename), so that processes
 * which build the same program at once don't meet half-written files.
 */
export class LibraryCache {
  readonly folder: string
  private readonly compiler: Compiler
  private readonly identity: string

  private constructor(folder: string, compiler: Compiler, identity: string) {
    this.folder = folder
    this.compiler = compiler
    this.identity = identity
  }

  /** Makes or checks the folder: it must be ours alone, since we run the code in it. */
  static async open(folder: string, compiler: Compiler, identity: string): Promise<LibraryCache> {
    try {
      await makeFolder(folder, 0o700)
      const { uid, mode } = await stat(folder)
      const user = process.getuid?.()
      if (user !== undefined && uid !== user) throw notOurs(folder, uid)
      if ((mode & 0o077) !== 0) await chmod(folder, 0o700)
    } catch (cause) {
      if (cause instanceof BrickError) throw cause
      throw new BrickError({
        kind: 'file',
        where: folder,
        wanted: 'a folder to keep compiled programs in',
        got: String((cause as Error).message),
        remedy: 'Set BRICKWORK_CACHE to a folder that you can write to.',
        cause,
      })
    }
    return new LibraryCache(folder, compiler, identity)
  }

  /** A place in the folder for what is made of these parts by this compiler, for this machine. */
  pathOf(parts: readonly string[]): string {
    const { command, version } = this.compiler
    return join(this.folder, hash(...command, version, this.identity, ...parts).slice(0, 40))
  }

  /** A library's name among the others, by which {@link LibraryCache.find} finds it. */
  nameOf(library: string): string {
    return basename(dirname(library))
  }

  /** The path of the library of this name, if it is whole. */
  async find(name: string): Promise<string | undefined> {
    const entry = join(this.folder, name)
    return (await isWhole(entry)) ? join(entry, libraryName) : undefined
  }

  /** The library's path if it is whole; builds it if it is missing, damaged or to be made `anew`. */
  async library(source: Source, anew = false): Promise<string> {
    const entry = this.pathOf([...source.flags, ...source.units])
    const library = join(entry, libraryName)
    if (!anew && (await isWhole(entry))) return library
    const draft = `${entry}.${process.pid}.${randomBytes(6).toString('hex')}`
    try {
      await mkdir(draft, { mode: 0o700 })
      await buildLibrary(this.compiler, source, draft, libraryName)
      await writeFile(join(draft, sumName), hash(await readFile(join(draft, libraryName))))
      await publish(draft, entry)
    } catch (error) {
      // A compiler's complaint names the draft, where the source can be read; nothing else leaves one.
      if (error instanceof BrickError) throw error
      await rm(draft, { recursive: true, force: true })
      throw notKept(this.folder, error)
    }
    return library
  }
}

/** Moves a finished draft to its place; a whole entry that another process put there may stay. */
async function publish(draft: string, entry: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      // Not over what is there: whoever has it loaded keeps it, we take its name.
      if (attempt > 0) await rename(entry, `${draft}.old${attempt}`)
      await rename(draft, entry)
      break
    } catch (error) {
      if (attempt === 4) throw error
    }
  }
  for (let attempt = 1; attempt < 5; attempt++) {
    await rm(`${draft}.old${attempt}`, { recursive: true, force: true })
  }
}

async function isWhole(entry: string): Promise<boolean> {
  try {
    const [library, sum] = await Promise.all([
      readFile(join(entry, libraryName)),
      readFile(join(entry, sumName), 'utf8'),
    ])
    return hash(library) === sum
  } catch {
    return false
  }
}

function notKept(folder: string, cause: unknown): BrickError {
  return new BrickError({
    kind: 'file',
    where: folder,
    wanted: 'a compiled program that can be kept here',
    got: (cause as Error).message,
    remedy: 'Free some space or set BRICKWORK_CACHE to another folder, and see brickwork doctor.',
    cause,
  })
}

function notOurs(folder: string, uid: number): BrickError {
  return new BrickError({
    kind: 'file',
    where: folder,
    wanted: 'a cache folder that belongs to you: programs in it are run',
    got: `one of user ${uid}`,
    remedy: 'Set BRICKWORK_CACHE to a folder of your own.',
  })
}
