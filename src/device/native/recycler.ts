import { totalmem } from 'node:os'
import { Garbage } from '../garbage.ts'

/** Free memory that is kept at most, in bytes. */
const most = Math.min(512 * 2 ** 20, totalmem() / 16)

/**
 * Memory whose owner nobody can reach any more, kept for the next one of its size: fresh memory
 * has to be zeroed, and mapped in page by page, when it is first touched. For large memory, which
 * the C library would give back to the system; and each time that much came and went, the engine
 * would look for garbage of its own accord.
 */
export class Recycler {
  /** By size; the size that was asked for or given back longest ago comes first. */
  private readonly free = new Map<number, ArrayBuffer[]>()
  private held = 0
  private readonly garbage = new Garbage('all', 128 * 2 ** 20)
  private readonly owners = new FinalizationRegistry<ArrayBuffer>((memory) => this.give(memory))

  /** Memory of exactly this size that has lost its owner. Its contents are undefined. */
  take(bytes: number): ArrayBuffer | undefined {
    this.garbage.expect(bytes)
    const memory = this.latest(bytes)?.pop()
    if (memory) this.held -= bytes
    return memory
  }

  /** Takes the memory back once its owner is unreachable. The owner alone must refer to it. */
  watch(owner: object, memory: ArrayBuffer): void {
    this.owners.register(owner, memory)
  }

  private give(memory: ArrayBuffer): void {
    const { byteLength } = memory
    const list = this.latest(byteLength) ?? []
    list.push(memory)
    this.free.set(byteLength, list)
    this.held += byteLength
    while (this.held > most) this.drop()
  }

  /** The list of a size, which is now the latest one in use. */
  private latest(bytes: number): ArrayBuffer[] | undefined {
    const list = this.free.get(bytes)
    if (!list) return undefined
    this.free.delete(bytes)
    this.free.set(bytes, list)
    return list
  }

  private drop(): void {
    const [size, list] = this.free.entries().next().value!
    if (list.pop()) this.held -= size
    if (list.length === 0) this.free.delete(size)
  }
}
