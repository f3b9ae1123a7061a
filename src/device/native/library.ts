import type koffi from 'koffi'
import { BrickError } from '../../base/errors.ts'
import type { LibraryCache } from './cache.ts'
import type { Source } from './compiler.ts'
import { runtimeSource } from './runtime.ts'

type Koffi = typeof koffi
export type Library = ReturnType<Koffi['load']>

let loaded: Koffi | undefined

/** Loads the foreign function interface, when it is first needed: most of Brickwork does without. */
export async function loadForeign(): Promise<void> {
  try {
    loaded ??= (await import('koffi')).default
  } catch (cause) {
    throw new BrickError({
      kind: 'device',
      where: 'native device',
      wanted: 'the package koffi, which loads compiled programs',
      got: (cause as Error).message.split('\n')[0]!,
      remedy: 'Install it with `npm install koffi`, or use the wasm device.',
      cause,
    })
  }
}

/** The foreign function interface; {@link loadForeign} comes first. */
export function foreign(): Koffi {
  if (loaded) return loaded
  throw new BrickError({ kind: 'internal', where: 'native device', got: 'koffi is not loaded yet' })
}

export interface LoadedLibrary {
  readonly library: Library
  readonly path: string
}

/** Loads a library that is whole; undefined if the system does not load it. */
export function openLibrary(path: string): Library | undefined {
  try {
    return foreign().load(path)
  } catch {
    return undefined
  }
}

/** Opens a library from the cache; one that is whole but does not open is built once more. */
export async function openBuilt<T>(
  cache: LibraryCache,
  source: Source,
  open: (path: string) => T,
): Promise<{ readonly opened: T; readonly path: string }> {
  const path = await cache.library(source)
  try {
    return { opened: open(path), path }
  } catch {
    const again = await cache.library(source, true)
    try {
      return { opened: open(again), path: again }
    } catch (cause) {
      throw new BrickError({
        kind: 'device',
        where: again,
        wanted: 'a library that the system loads',
        got: (cause as Error).message,
        remedy: 'Set BRICKWORK_CACHE to a folder that programs may be run from.',
        cause,
      })
    }
  }
}

export async function loadLibrary(cache: LibraryCache, source: Source): Promise<LoadedLibrary> {
  const { opened, path } = await openBuilt(cache, source, (file) => foreign().load(file))
  return { library: opened, path }
}

/** The C runtime's functions. Addresses are plain numbers in C's `int64_t`. */
export interface Runtime {
  readonly run: {
    (job: bigint): void
    async(job: bigint, done: (error: Error | null) => void): void
  }
  readonly runTimed: {
    (job: bigint, times: bigint): void
    async(job: bigint, times: bigint, done: (error: Error | null) => void): void
  }
  readonly open: (threads: number) => bigint | null
  readonly close: (pool: bigint) => void
  readonly keepMemory: (large: number, most: number) => void
  readonly copy: (to: bigint, from: bigint, bytes: number) => void
  readonly advise: (address: bigint, bytes: number) => void
}

/** Held for good: the threads of a pool run its code. */
const runtimes: Library[] = []

export async function loadRuntime(cache: LibraryCache): Promise<Runtime> {
  await loadForeign()
  const flags = ['-std=gnu11', '-O2', '-fPIC', '-pthread']
  const { library } = await loadLibrary(cache, { units: [runtimeSource], flags })
  runtimes.push(library)
  return {
    run: library.func('brick_run', 'void', ['int64_t']) as Runtime['run'],
    runTimed: library.func('brick_run_timed', 'void', [
      'int64_t',
      'int64_t',
    ]) as Runtime['runTimed'],
    open: library.func('brick_open', 'void *', ['int']) as Runtime['open'],
    close: library.func('brick_close', 'void', ['void *']) as Runtime['close'],
    keepMemory: library.func('brick_keep_memory', 'void', [
      'int64_t',
      'int64_t',
    ]) as Runtime['keepMemory'],
    copy: library.func('brick_copy', 'void', ['int64_t', 'int64_t', 'int64_t']) as Runtime['copy'],
    advise: library.func('brick_advise', 'void', ['int64_t', 'int64_t']) as Runtime['advise'],
  }
}
