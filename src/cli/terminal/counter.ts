import type { Output } from '../output.ts'

/** Shows how far a long computation is. */
export interface Counter {
  /** How many are done. */
  update(done: number, of: number): void
  /** Takes it away. */
  end(): void
}

/** A bar on a terminal, that goes when all is done; nothing in a pipe or file. */
export async function counterFor(what: string, output: Output): Promise<Counter> {
  if (!output.isTerminal || output.json) return { update: () => undefined, end: () => undefined }
  const { SingleBar } = await import('cli-progress')
  const bar = new SingleBar({
    format: `  ${what} {bar} {value}/{total}`,
    barsize: Math.max(10, Math.min(40, output.columns - what.length - 22)),
    barCompleteChar: '━',
    barIncompleteChar: '─',
    stream: process.stdout,
    fps: 15,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  })
  return {
    update(done, of) {
      if (!bar.isActive) bar.start(of, done)
      bar.update(done)
    },
    end: () => bar.stop(),
  }
}
