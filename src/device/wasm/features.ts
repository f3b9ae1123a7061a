import { BrickError } from '../../base/errors.ts'
import { MOST_THREADS } from './control.ts'

/** What this engine can do, for `doctor` and for the device. */
export interface WasmDiagnosis {
  readonly ok: boolean
  readonly simd: 'relaxed' | 'simd128' | 'none'
  /** Worker threads that a device would use; 1 also where everything runs on the calling thread. */
  readonly threads: number
  /** Whether memory can be shared with worker threads. */
  readonly shared: boolean
  /** Why something is missing, and what to do about it. */
  readonly reason?: string
  readonly remedy?: string
}

/** () → v128: pushes zeros three times, then these instructions. */
const probe = (...tail: readonly number[]): Uint8Array<ArrayBuffer> => {
  const zero = [0xfd, 0x0c, ...new Array<number>(16).fill(0)]
  const body = [0, ...zero, ...zero, ...zero, ...tail, 0x0b]
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0]
  return Uint8Array.from([...header, 10, body.length + 2, 1, body.length, ...body])
}
/** f32x4.relaxed_madd; v128.bitselect */
const relaxedProbe = probe(0xfd, 0x85, 0x02)
const simdProbe = probe(0xfd, 0x52)

/** Whether this is Node (or something that looks just like it). */
export const isNode = (): boolean =>
  typeof process === 'object' && typeof process.versions?.node === 'string'

/** Looks at the engine, without starting anything. */
export function diagnose(options: { readonly threads?: number } = {}): WasmDiagnosis {
  if (typeof WebAssembly !== 'object' || !WebAssembly.validate(simdProbe)) {
    return {
      ok: false,
      simd: 'none',
      threads: 1,
      shared: false,
      reason: 'The engine has no WebAssembly SIMD.',
      remedy: 'Use Node 20.19 or newer, or a browser from 2023 or newer.',
    }
  }
  const simd = WebAssembly.validate(relaxedProbe) ? 'relaxed' : 'simd128'
  const shared = canShare()
  return {
    ok: true,
    simd,
    threads: shared ? Math.max(1, threadCount(options.threads)) : 1,
    shared,
    ...adviceFor(simd, shared),
  }
}

function canShare(): boolean {
  if (typeof SharedArrayBuffer !== 'function') return false
  return isNode() || globalThis.crossOriginIsolated === true
}

function adviceFor(
  simd: 'relaxed' | 'simd128',
  shared: boolean,
): { reason?: string; remedy?: string } {
  if (!shared) {
    return {
      reason: 'The page is not cross-origin isolated, so that there are no threads.',
      remedy:
        'Serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    }
  }
  if (simd === 'relaxed') return {}
  return {
    reason: 'The engine has no relaxed SIMD, so that multiply-add takes two instructions.',
    remedy: 'Use Node 22 or newer, or a newer browser.',
  }
}

/** Worker threads asked for: by the caller, by BRICKWORK_THREADS, else one for each core. */
export function threadCount(asked: number | undefined): number {
  const fromEnvironment = isNode() ? process.env['BRICKWORK_THREADS'] : undefined
  const threads = asked ?? (fromEnvironment ? Number(fromEnvironment) : cores())
  if (Number.isInteger(threads) && threads >= 0) return Math.min(threads, MOST_THREADS)
  throw new BrickError({
    kind: 'argument',
    where: asked === undefined ? 'BRICKWORK_THREADS' : 'createWasmDevice',
    got: `threads: ${asked ?? fromEnvironment}`,
    wanted: 'a whole number of threads, 0 for the calling thread alone',
  })
}

const cores = (): number => globalThis.navigator?.hardwareConcurrency ?? nodeCores()

/** Node before version 21 has no `navigator`. */
function nodeCores(): number {
  const os = process.getBuiltinModule?.('node:os')
  return os?.availableParallelism() ?? 1
}
