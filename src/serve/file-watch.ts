import { stat } from 'node:fs/promises'

/**
 * Looks every so often at the first of some files that exists, and tells when another one has come
 * to stay in its place: when two looks see the same, and not what was there before. Unlike the
 * system's own notices, this works on network drives and mounted volumes.
 */
export class FileWatch {
  readonly #paths: readonly string[]
  readonly #changed: () => void
  readonly #everyMs: number
  #known: string | undefined
  #seen: string | undefined
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(paths: readonly string[], everyMs: number, changed: () => void) {
    this.#paths = paths
    this.#everyMs = everyMs
    this.#changed = changed
  }

  /** Begins with what is there now. Call it before the files are read, so that no change is missed. */
  async start(): Promise<void> {
    this.#known = await this.#look()
    this.#seen = this.#known
    this.#next()
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #next(): void {
    if (!this.#isOver) this.#timer = setTimeout(() => this.#turn(), this.#everyMs).unref()
  }

  async #turn(): Promise<void> {
    const now = await this.#look()
    const isSettled = now === this.#seen
    this.#seen = now
    if (now !== undefined && isSettled && now !== this.#known && !this.#isOver) {
      this.#known = now
      this.#changed()
    }
    this.#next()
  }

  /** What tells one file from another: where it lies on the disk, how long it is, and since when. */
  async #look(): Promise<string | undefined> {
    for (const path of this.#paths) {
      const found = await stat(path, { bigint: true }).catch(() => undefined)
      if (found) return `${path} ${found.ino} ${found.size} ${found.mtimeNs}`
    }
    return undefined
  }
}
