/** After handing out so many bytes, those that have lost their owner are looked for. */
const budget = 128 * 2 ** 20
/** Looking for them may take this share of the time. */
const share = 0.1

/**
 * Has JavaScript's garbage collected once much device memory has been handed out: the engine sees
 * little JavaScript memory itself, and so no reason to find out which owners are unreachable. What
 * is found comes back at the event loop's next turn. Browsers offer no such thing: there, the
 * engine finds its own reasons.
 */
export class Garbage {
  private handedOut = 0
  private rest = 0
  private collect: (() => void) | undefined

  /** Call it before so many bytes are handed out. */
  expect(bytes: number): void {
    this.handedOut += bytes
    if (this.handedOut <= budget) return
    const start = performance.now()
    if (start < this.rest) return
    this.collect ??= collector()
    this.collect()
    const end = performance.now()
    this.rest = end + (end - start) / share
    this.handedOut = 0
  }
}

/** The engine's own collection, where it can be had. */
function collector(): () => void {
  const builtin = globalThis.process?.getBuiltinModule
  if (!builtin) return () => {}
  builtin('node:v8').setFlagsFromString('--expose-gc')
  const found: unknown = builtin('node:vm').runInNewContext('globalThis.gc')
  return typeof found === 'function' ? (found as () => void) : () => {}
}
