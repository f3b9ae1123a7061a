import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { Outline } from '../../loop/ir.ts'
import { hash, type LibraryCache } from './cache.ts'

/** A program that was compiled before. */
export interface Kept {
  readonly outline: Outline
  /** The path of its library, which is whole. */
  readonly library: string
}

interface Entry {
  readonly outline: Outline
  /** The library's name in its cache. */
  readonly name: string
}

/**
 * Outlines of compiled programs on disk, beside their libraries, by what they were compiled from:
 * whoever finds one needs no graph compiled, and no C rendered, to know which library to load.
 */
export class OutlineCache {
  private readonly libraries: LibraryCache
  private readonly maker: readonly string[]

  /** `maker`: all that a program depends on besides its key and what the libraries depend on. */
  constructor(libraries: LibraryCache, maker: readonly string[]) {
    this.libraries = libraries
    this.maker = maker
  }

  /** What was kept under this key, if it is whole. */
  async find(key: string): Promise<Kept | undefined> {
    try {
      const { outline, name } = decode(await readFile(this.pathOf(key), 'utf8'))
      const library = await this.libraries.find(name)
      return library === undefined ? undefined : { outline, library }
    } catch {
      return undefined
    }
  }

  /** Keeps a program. Where that can't be done nothing is lost: it will be compiled again. */
  async keep(key: string, { outline, library }: Kept): Promise<void> {
    const path = this.pathOf(key)
    const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
    try {
      await writeFile(draft, encode({ outline, name: this.libraries.nameOf(library) }))
      await rename(draft, path)
    } catch {
      await rm(draft, { force: true }).catch(() => {})
    }
  }

  private pathOf(key: string): string {
    return `${this.libraries.pathOf([...this.maker, key])}.outline`
  }
}

/** The content's checksum comes first: what was cut off or changed is no entry. */
function encode(entry: Entry): string {
  const text = JSON.stringify(entry)
  return `${hash(text)}\n${text}`
}

function decode(file: string): Entry {
  const [sum, text] = file.split('\n')
  if (text === undefined || hash(text) !== sum) throw new Error('damaged')
  return JSON.parse(text)
}
