import type { Dirent } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../files/atomic.ts'
import { fileError } from '../files/errors.ts'
import { Refusal } from './refusal.ts'

export interface FeedbackLimits {
  readonly mostImages: number
  readonly mostBytes: number
}

/** Where a corrected image lies. */
export interface Kept {
  /** Relative to the folder: `rose/0b51….jpg`. */
  readonly file: string
}

/**
 * Images with corrected labels, `FOLDER/class/id.jpg`: a folder that `data.imageFolder` reads as it
 * is. Names of folders are made of the classes' own, never of what a client sends.
 */
export class FeedbackStore {
  readonly #folder: string
  readonly #limits: FeedbackLimits
  /** Bytes of each image, by its path relative to the folder. */
  readonly #sizes: Map<string, number>
  #bytes: number
  /** Writes follow each other, so that the limits hold. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(folder: string, limits: FeedbackLimits, sizes: Map<string, number>) {
    this.#folder = folder
    this.#limits = limits
    this.#sizes = sizes
    this.#bytes = [...sizes.values()].reduce((a, b) => a + b, 0)
  }

  /**
   * Counts what a folder holds already; it need not exist.
   *
   * @throws BrickError `file` if it can't be read.
   */
  static async open(folder: string, limits: FeedbackLimits): Promise<FeedbackStore> {
    const sizes = new Map<string, number>()
    for (const entry of await entriesOf(folder)) {
      if (!entry.isDirectory() || entry.name.startsWith('.')) continue
      for (const { name } of await entriesOf(join(folder, entry.name))) {
        const found = await stat(join(folder, entry.name, name)).catch(() => undefined)
        if (found?.isFile() && !name.startsWith('.')) sizes.set(`${entry.name}/${name}`, found.size)
      }
    }
    return new FeedbackStore(folder, limits, sizes)
  }

  /**
   * Keeps an image under one of these classes; another label that the same id had before gives way.
   *
   * @throws Refusal 507 when the folder has as much as was agreed on; BrickError `file` if it can't
   * be written.
   */
  keep(
    id: string,
    image: { readonly bytes: Uint8Array; readonly extension: string },
    label: number,
    classNames: readonly string[],
  ): Promise<Kept> {
    const folder = folderNames(classNames)[label]!
    const file = `${folder}/${id}.${image.extension}`
    const keeping = this.#last.then(() => this.#keep(file, image.bytes))
    this.#last = keeping.catch(() => {})
    return keeping
  }

  async #keep(file: string, bytes: Uint8Array): Promise<Kept> {
    if (this.#sizes.has(file)) return { file }
    const name = file.slice(file.indexOf('/'))
    const older = [...this.#sizes.keys()].find((path) => path.endsWith(name))
    this.#checkRoom(bytes.length - (older ? this.#sizes.get(older)! : 0), older ? 0 : 1)
    await writeAtomically(join(this.#folder, file), bytes)
    this.#count(file, bytes.length)
    if (older) {
      await rm(join(this.#folder, older), { force: true })
      this.#count(older, undefined)
    }
    return { file }
  }

  #count(file: string, bytes: number | undefined): void {
    this.#bytes += (bytes ?? 0) - (this.#sizes.get(file) ?? 0)
    if (bytes === undefined) this.#sizes.delete(file)
    else this.#sizes.set(file, bytes)
  }

  #checkRoom(bytes: number, images: number): void {
    const { mostImages, mostBytes } = this.#limits
    const isFull = this.#sizes.size + images > mostImages || this.#bytes + bytes > mostBytes
    if (!isFull) return
    throw new Refusal(507, {
      where: 'feedback folder',
      got: `${this.#sizes.size} images, ${this.#bytes} bytes`,
      wanted: `at most ${mostImages} images, ${mostBytes} bytes`,
      remedy: 'Train with what is there and move it away, or raise the limits.',
    })
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw fileError('read', folder, error)
  }
}

/**
 * Folder names for classes: their own, with everything replaced that could lead elsewhere or that
 * some system refuses. Classes that would share a folder get their number in front.
 *
 * @example
 * ```ts
 * folderNames(['rose', '../lily', 'A/B', 'A:B']) // ['rose', '___lily', '2 A_B', '3 A_B']
 * ```
 */
export function folderNames(classNames: readonly string[]): string[] {
  const plain = classNames.map((name) => {
    const safe = name
      .replaceAll(/[^\p{L}\p{N} ._,()+-]/gu, '_')
      .slice(0, 60)
      .trim()
    return safe.replaceAll(/^\.+|\.+$/g, (dots) => '_'.repeat(dots.length)) || '_'
  })
  const key = (name: string) => name.toLowerCase()
  const counts = new Map<string, number>()
  for (const name of plain) counts.set(key(name), (counts.get(key(name)) ?? 0) + 1)
  return plain.map((name, i) => (counts.get(key(name))! > 1 ? `${i} ${name}` : name))
}
