/** Images of late, by the id of their answer: as many, and as many bytes, as were agreed on. */
export class RecentImages {
  readonly #mostImages: number
  readonly #mostBytes: number
  /** The oldest first. */
  readonly #images = new Map<string, Uint8Array>()
  #bytes = 0

  constructor(mostImages: number, mostBytes: number) {
    this.#mostImages = mostImages
    this.#mostBytes = mostBytes
  }

  add(id: string, image: Uint8Array): void {
    // A copy: the body may be a small part of a larger piece of memory.
    this.#images.set(id, Uint8Array.from(image))
    this.#bytes += image.length
    for (const [oldest, { length }] of this.#images) {
      if (this.#images.size <= this.#mostImages && this.#bytes <= this.#mostBytes) break
      this.#images.delete(oldest)
      this.#bytes -= length
    }
  }

  get(id: string): Uint8Array | undefined {
    return this.#images.get(id)
  }
}
