import { totalmem } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Free memory that is kept at most, in bytes. */
const most = Math.min(512 * 2 ** 20, totalmem() / 16)
/** After handing out so many bytes, those that have lost their owner are looked for. */
const budget = 128 * 2 ** 20
/** Looking for them may take this share of the time. */
const share = 0.1

/**
 * Memory whose owner nobody can reach any more, kept for the next one of its size: fresh memory
 * has to be zeroed, and mapped in page by page, when it is first touched. The engine sees little
 * JavaScript memory and so no reason to look for owners: after a while, it is asked to.
 */
export class Recycler {
  /** By size; the size that was asked for or given back longest ago comes first. */
  private readonly free = new Map<number, ArrayBuffer[]>()
  private held = 0
  private handedOut = 0
  private rest = 0
  private collect: (() => void) | undefined
  private readonly owners = new FinalizationRegistry<ArrayBuffer>((memory) => this.give(memory))

  /** Memory of exactly this size that has lost its owner. Its contents are undefined. */
  take(bytes: number): ArrayBuffer | undefined {
    this.handedOut += bytes
    if (this.handedOut > budget) this.look()
    const memory = this.latest(bytes)?.pop()
    if (memory) this.held -= bytes
    return memory
  }

  /** Takes the memory back once its owner is unreachable. The owner alone must refer to it. */
  watch(owner: object, memory: ArrayBuffer): void {
    this.owners.register(owner, memory)
  }

  /** What is found comes back at the event loop's next turn. */
  private look(): void {
    const start = performance.now()
    if (start < this.rest) return
    this.collect ??= collector()
    this.collect()
    const end = performance.now()
    this.rest = end + (end - start) / share
    this.handedOut = 0
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

/** The engine's garbage collection; nothing where it can't be had. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const found: unknown = runInNewContext('globalThis.gc')
  return typeof found === 'function' ? (found as () => void) : () => {}
}
