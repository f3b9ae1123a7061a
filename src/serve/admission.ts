import { tooBusy } from './refusal.ts'

/**
 * How much work is taken on at once: requests, and the bytes of their bodies. What comes beyond that
 * is refused before its body is read, so that memory stays bounded.
 */
export class Admission {
  readonly #mostRequests: number
  readonly #mostBytes: number
  #requests = 0
  #bytes = 0

  constructor(mostRequests: number, mostBytes: number) {
    this.#mostRequests = mostRequests
    this.#mostBytes = mostBytes
  }

  /** Requests that are being answered. */
  get requests(): number {
    return this.#requests
  }

  /**
   * Lets a request in whose body has so many bytes.
   *
   * @returns What to call when it is answered, or has gone away.
   * @throws Refusal 429 if there are too many.
   */
  enter(bytes: number): () => void {
    if (this.#requests >= this.#mostRequests) {
      throw tooBusy(`${this.#requests} requests under way`, `at most ${this.#mostRequests} at once`)
    }
    // A single large request is let in: its size has a limit of its own.
    if (this.#requests > 0 && this.#bytes + bytes > this.#mostBytes) {
      const got = `requests of ${this.#bytes + bytes} bytes under way`
      throw tooBusy(got, `at most ${this.#mostBytes} bytes at once`)
    }
    this.#requests++
    this.#bytes += bytes
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#requests--
      this.#bytes -= bytes
    }
  }
}
