import { BrickError } from '../../base/errors.ts'
import { defaultCacheFolder } from './cache.ts'
import { compilerRemedy, findCompiler } from './compiler.ts'
import { detectMachine, threadCount } from './machine.ts'
import { createNativeDevice, type NativeOptions } from './native.ts'
import { usesTunedTiles } from './tile-file.ts'

/** What `brickwork doctor` says about the native device. */
export interface Diagnosis {
  /** Whether a program was compiled, loaded and run. */
  readonly ok: boolean
  readonly compiler?: string
  readonly version?: string
  readonly simd: string
  readonly threads: number
  readonly cacheFolder: string
  /** Whether it knows what register tiles cost on this machine, and uses that. */
  readonly tuned?: boolean
  /** Why it does not work, and what to do. */
  readonly reason?: string
  readonly remedy?: string
}

/** Tries the native device out: finds the compiler, then compiles and runs an empty program. */
export async function diagnose(options: NativeOptions = {}): Promise<Diagnosis> {
  const cacheFolder = options.cacheFolder ?? defaultCacheFolder()
  const { simd } = detectMachine()
  usesTunedTiles() // A wrong word there is no fault of the device.
  const facts = { simd, threads: threadCount(options.threads), cacheFolder }
  const search = await findCompiler()
  if (!search.found) return { ok: false, ...facts, reason: search.reason, remedy: compilerRemedy() }
  const found = { compiler: search.found.command.join(' '), version: search.found.version }
  try {
    const device = await createNativeDevice(options)
    const empty = { buffers: [], functions: [], kernels: [], slots: 1, arenaBytes: 0 }
    await device.run(await device.load(empty), [])
    await device.close()
    return { ok: true, ...found, ...facts, tuned: device.target.tiles !== undefined }
  } catch (error) {
    const remedy = error instanceof BrickError ? error.remedy : undefined
    const reason = (error as Error).message
    return { ok: false, ...found, ...facts, reason, ...(remedy === undefined ? {} : { remedy }) }
  }
}
