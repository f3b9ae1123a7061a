import { totalmem } from 'node:os'
import type { DType, TypedArray } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { type Outline, outlineOf, type Program } from '../../loop/ir.ts'
import type { Target, TileCost } from '../../loop/target.ts'
import type { Device, DeviceBuffer, Executable, LoadOptions } from '../device.ts'
import { Times } from '../times.ts'
import { type Life, NativeBuffer } from './buffer.ts'
import { defaultCacheFolder, LibraryCache } from './cache.ts'
import { findCompiler, noCompiler, programFlags } from './compiler.ts'
import { compilerFingerprint } from './fingerprint.ts'
import { hadTurn, large, loadLargeMemory, needsTurn } from './large.ts'
import {
  foreign,
  type Library,
  type LoadedLibrary,
  loadForeign,
  loadLibrary,
  loadRuntime,
  openLibrary,
  type Runtime,
} from './library.ts'
import { detectMachine, type Machine, threadCount } from './machine.ts'
import { OutlineCache } from './outline.ts'
import { TileFile, usesTunedTiles } from './tile-file.ts'

export interface NativeOptions {
  /** Threads that compute, the calling one included. */
  readonly threads?: number
  /** Where compiled programs are kept. */
  readonly cacheFolder?: string
}

/**
 * Programs that take less run on the calling thread: handing over to another one and waking up
 * again costs from tens to hundreds of µs, and cold caches.
 */
const shortRunMicroseconds = 2000
/** After so many milliseconds of short runs, one gives the event loop a turn. */
const breathMilliseconds = 25
/** Memory of at least so many bytes is asked for in huge pages. */
const worthHugePages = 4 * 2 ** 20
/** Free bytes that are kept at most for the next one who wants memory: large pieces, and all others. */
const mostKept = Math.min(2 ** 29, totalmem() / 16)
/** Modest figures for one core, for the estimate alone. */
const flopsPerMicrosecond = 40_000
const bytesPerMicrosecond = 10_000
const kernelMicroseconds = 0.5

class NativeExecutable implements Executable {
  readonly program: Outline
  /** Held so that the code stays loaded. */
  readonly library: Library
  /** What `brick_run` reads: the pool, the kernels, their number, and the address of each slot. */
  readonly job: BigInt64Array
  readonly jobAddress: bigint
  /** Run on the calling thread: by estimate at first, then by what runs took. */
  short: boolean
  readonly times?: Times
  private slow = 0

  constructor(program: Outline, library: Library, pool: bigint, times?: Times) {
    this.program = program
    this.library = library
    const memory = new ArrayBuffer((3 + program.slots) * 8)
    this.job = new BigInt64Array(memory)
    this.job.set([pool, library.symbol('brick_kernels') as bigint, BigInt(program.kernels.length)])
    this.jobAddress = foreign().address(memory)
    this.short = estimate(program) < shortRunMicroseconds
    if (times) this.times = times
  }

  /** Learns from a run of this many milliseconds, on the calling thread or elsewhere. */
  took(milliseconds: number, here: boolean): void {
    const microseconds = milliseconds * 1000
    if (!this.short) this.short = microseconds < shortRunMicroseconds
    else if (here && microseconds > 2 * shortRunMicroseconds && ++this.slow === 3)
      this.short = false
  }
}

/** Microseconds that a program takes on one core, roughly. */
function estimate({ kernels }: Outline): number {
  let total = 0
  for (const { flops, bytes } of kernels) {
    total += flops / flopsPerMicrosecond + bytes / bytesPerMicrosecond + kernelMicroseconds
  }
  return total
}

class NativeDevice implements Device {
  readonly name = 'native'
  readonly target: Target
  readonly threads: number
  private readonly machine: Machine
  private readonly cache: LibraryCache
  /** None where it can't be told which compiler of ours they would be from. */
  private readonly outlines: OutlineCache | undefined
  private readonly runtime: Runtime
  private readonly tiles: TileFile
  private pool: bigint | undefined
  /** Shared by all programs, since only one runs at a time; as large as the largest wants it. */
  private arena: NativeBuffer
  private flight: Promise<void> | undefined
  /** Milliseconds of short runs since the event loop last had a turn from here. */
  private busy = 0
  private readonly loading = new Map<string, Promise<LoadedLibrary>>()

  constructor(
    machine: Machine,
    cache: LibraryCache,
    outlines: OutlineCache | undefined,
    runtime: Runtime,
    threads: number,
    tiles: TileFile,
  ) {
    this.machine = machine
    this.target = machine.target
    this.tiles = tiles
    this.cache = cache
    this.outlines = outlines
    this.runtime = runtime
    this.threads = threads
    this.pool = runtime.open(threads) ?? undefined
    this.arena = new NativeBuffer(64, 'lasting')
    runtime.keepMemory(large, mostKept)
    // Node unloads the runtime's code when the process ends: no thread may still be running it.
    process.once('exit', this.end)
  }

  allocate(bytes: number, life: Life = 'passing'): NativeBuffer {
    const buffer = new NativeBuffer(bytes, life)
    if (bytes >= worthHugePages && bytes < large) this.runtime.advise(buffer.address, bytes)
    return buffer
  }

  write(buffer: DeviceBuffer, data: TypedArray): void {
    own(buffer).write(data, this.runtime.copy)
  }

  read(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray {
    return own(buffer).read(dtype, length, this.runtime.copy)
  }

  async load(program: Program, { timed = false, key }: LoadOptions = {}): Promise<Executable> {
    // Not before it is needed: where all programs can be recalled, it never is.
    const { renderC } = await import('../../render/c/render.ts')
    const outline = outlineOf(program)
    const { library, path } = await this.libraryOf(renderC(program))
    if (key !== undefined) await this.outlines?.keep(key, { outline, library: path })
    const times = timed ? new Times(program.kernels.length) : undefined
    return new NativeExecutable(outline, library, this.open(), times)
  }

  async recall(key: string): Promise<Executable | undefined> {
    const kept = await this.outlines?.find(key)
    const library = kept && openLibrary(kept.library)
    return library && new NativeExecutable(kept.outline, library, this.open())
  }

  /** The library of these units; programs of the same units that are loaded at once share it. */
  private libraryOf(units: readonly string[]): Promise<LoadedLibrary> {
    const text = units.join('\0')
    const known = this.loading.get(text)
    if (known) return known
    const flags = flagsFor(this.machine)
    const loading = loadLibrary(this.cache, { units, flags })
    this.loading.set(text, loading)
    const forget = () => this.loading.delete(text)
    loading.then(forget, forget)
    return loading
  }

  run(executable: Executable, slots: readonly DeviceBuffer[]): Promise<void> | undefined {
    this.open()
    if (this.flight) throw misuse('a second run while one is in flight', 'one run at a time')
    if (!(executable instanceof NativeExecutable)) {
      throw misuse('a program of another device', 'one that this device has loaded')
    }
    const { program, job } = executable
    if (slots.length !== program.slots - 1) {
      throw misuse(`${slots.length} slots`, `${program.slots - 1} slots`)
    }
    if (program.arenaBytes > this.arena.bytes)
      this.arena = this.allocate(program.arenaBytes, 'lasting')
    job[3] = this.arena.address
    for (let i = 0; i < slots.length; i++) job[4 + i] = own(slots[i]!).address
    if (!executable.short || this.busy > breathMilliseconds || needsTurn())
      return this.runLong(executable, slots)
    const start = performance.now()
    this.launch(executable)
    const milliseconds = performance.now() - start
    this.busy += milliseconds
    executable.took(milliseconds, true)
    executable.times?.count(milliseconds, this.threads)
    return undefined
  }

  keepTiles(tiles: readonly TileCost[]): Promise<void> {
    return this.tiles.write(tiles)
  }

  async close(): Promise<void> {
    await this.flight?.catch(() => {})
    process.off('exit', this.end)
    this.end()
  }

  /** Ends the threads, once the run in flight is complete. */
  private readonly end = (): void => {
    if (this.pool !== undefined) this.runtime.close(this.pool)
    this.pool = undefined
  }

  /** Off the event loop's thread. What the run uses is kept alive until it ends. */
  private runLong(executable: NativeExecutable, slots: readonly DeviceBuffer[]): Promise<void> {
    const kept = { executable, slots: [...slots], arena: this.arena }
    this.busy = 0
    hadTurn()
    const start = performance.now()
    this.flight = new Promise<void>((resolve, reject) => {
      this.launch(kept.executable, (error) => {
        this.flight = undefined
        const milliseconds = performance.now() - start
        executable.took(milliseconds, false)
        executable.times?.count(milliseconds, this.threads)
        if (error) reject(error)
        else resolve()
        kept.slots.length = 0
      })
    })
    return this.flight
  }

  /** Calls into C: on this thread, or on another one that says when it is done. */
  private launch(
    { jobAddress, times }: NativeExecutable,
    done?: (error: Error | null) => void,
  ): void {
    const { run, runTimed } = this.runtime
    if (times) {
      const address = foreign().address(times.nanoseconds)
      if (done) runTimed.async(jobAddress, address, done)
      else runTimed(jobAddress, address)
    } else if (done) run.async(jobAddress, done)
    else run(jobAddress)
  }

  private open(): bigint {
    if (this.pool !== undefined) return this.pool
    throw misuse('a device that is closed or has no threads', 'an open device')
  }
}

const flagsFor = ({ flags }: Machine): readonly string[] => [...programFlags, ...flags]

function own(buffer: DeviceBuffer): NativeBuffer {
  if (buffer instanceof NativeBuffer) return buffer
  throw misuse('a buffer of another device', 'one that this device has allocated')
}

function misuse(got: string, wanted: string): BrickError {
  return new BrickError({ kind: 'device', where: 'native device', got, wanted })
}

/**
 * A device that compiles programs to machine code with the system's C compiler and runs them on a
 * pool of threads.
 *
 * @throws BrickError of kind 'compiler' where there is no C compiler, of kind 'file' where the
 * cache folder can't be used.
 */
export async function createNativeDevice(options: NativeOptions = {}): Promise<Device> {
  const threads = threadCount(options.threads)
  const searching = findCompiler()
  // While the compiler is asked for its version:
  const machine = detectMachine()
  const fingerprint = compilerFingerprint()
  const [search] = await Promise.all([searching, loadForeign()])
  if (!search.found) throw noCompiler(search.reason)
  const folder = options.cacheFolder ?? defaultCacheFolder()
  const { command, version } = search.found
  const cache = await LibraryCache.open(folder, search.found, machine.identity)
  const file = new TileFile(folder, [machine.identity, ...command, version, ...flagsFor(machine)])
  const tiles = usesTunedTiles() ? await file.read() : undefined
  const tuned = tiles ? { ...machine, target: { ...machine.target, tiles } } : machine
  const outlines = fingerprint === undefined ? undefined : outlinesOf(cache, tuned, fingerprint)
  const [runtime] = await Promise.all([loadRuntime(cache), loadLargeMemory(cache, mostKept)])
  return new NativeDevice(tuned, cache, outlines, runtime, threads, file)
}

function outlinesOf(cache: LibraryCache, machine: Machine, fingerprint: string): OutlineCache {
  const target = JSON.stringify(machine.target)
  // The engine's mathematics is in what the compiler computes of constants.
  const engine = process.versions.v8
  return new OutlineCache(cache, [fingerprint, engine, target, ...flagsFor(machine)])
}
