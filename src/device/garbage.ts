/** Looking for owners that are gone may take this share of the time. */
const share = 0.1
/** Unless so many times the budget has been handed out meanwhile. */
const PATIENCE = 3

/** How thoroughly to look: among the youngest objects alone (quick, see {@link Garbage}), or everywhere. */
export type Search = 'young' | 'all'

/**
 * Has JavaScript's garbage collected each time much device memory has been handed out: the engine
 * sees little JavaScript memory itself, and so no reason to find out which owners are unreachable.
 * A search among the young finds what was dropped soon after it was made, as most results are, in
 * less than a millisecond; but finalization registries hear of searches everywhere alone. Browsers
 * offer no such thing: there, the engine finds its own reasons.
 */
export class Garbage {
  private readonly search: Search
  private readonly budget: number
  private handedOut = 0
  private rest = 0
  private collect: (() => void) | undefined

  /** `budget`: bytes that are handed out between two searches. */
  constructor(search: Search, budget: number) {
    this.search = search
    this.budget = budget
  }

  /** Call it before so many bytes are handed out. */
  expect(bytes: number): void {
    this.handedOut += bytes
    if (this.handedOut <= this.budget) return
    const start = performance.now()
    // Who wants more than all of it at once will not soon come again.
    const most = bytes > this.budget ? 0 : PATIENCE * this.budget
    if (start < this.rest && this.handedOut < most) return
    this.collect ??= collector(this.search)
    this.collect()
    const end = performance.now()
    this.rest = end + (end - start) / share
    this.handedOut = bytes
  }
}

/** Whether the engine's own collection can be asked for. */
export const canCollect = (): boolean => globalThis.process?.getBuiltinModule !== undefined

/** The engine's own collection, where it can be had. */
export function collector(search: Search): () => void {
  const builtin = globalThis.process?.getBuiltinModule
  if (!builtin) return () => {}
  builtin('node:v8').setFlagsFromString('--expose-gc')
  const found: unknown = builtin('node:vm').runInNewContext('globalThis.gc')
  if (typeof found !== 'function') return () => {}
  return search === 'young' ? () => found({ type: 'minor' }) : () => found()
}
