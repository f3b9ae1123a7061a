/** Ctrl-C as a signal to stop. */
export interface Interrupt {
  readonly signal: AbortSignal
  /** Gives Ctrl-C its usual meaning back. */
  release(): void
}

/**
 * The first Ctrl-C (or SIGTERM) calls `told` and aborts the signal, the second one ends the
 * process at once.
 */
export function onInterrupt(told: () => void): Interrupt {
  const controller = new AbortController()
  const listener = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(signal === 'SIGTERM' ? 143 : 130)
    controller.abort()
    told()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, listener)
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, listener)
    },
  }
}
