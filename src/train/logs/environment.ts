import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os'
import { currentBackend } from '../../tensor/engine.ts'
import type { Json } from '../run-state.ts'

/** Where a part of a run took place: for people who want to have the same again. */
export async function environment(brickwork: string): Promise<Record<string, Json>> {
  return {
    started: new Date().toISOString(),
    brickwork,
    node: process.versions.node,
    system: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    backend: (await currentBackend()).name,
    command: process.argv.slice(1),
  }
}
