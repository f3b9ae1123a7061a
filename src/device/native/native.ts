import { totalmem } from 'node:os'
import type { DType, TypedArray } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import type { Program } from '../../loop/ir.ts'
import type { Target, TileCost } from '../../loop/target.ts'
import { renderC } from '../../render/c/render.ts'
import type { Device, DeviceBuffer, Executable } from '../device.ts'
import { Times } from '../times.ts'
import { large, NativeBuffer } from './buffer.ts'
import { defaultCacheFolder, LibraryCache } from './cache.ts'
import { findCompiler, noCompiler, programFlags } from './compiler.ts'
import { foreign, type Library, loadLibrary, loadRuntime, type Runtime } from './library.ts'
import { detectMachine, type Machine, threadCount } from './machine.ts'
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
/** Free bytes that the C library keeps at most, for the next one who wants memory. */
const mostKept = Math.min(2 ** 29, totalmem() / 16)
/** Modest figures for one core, for the estimate alone. */
const flopsPerMicrosecond = 40_000
const bytesPerMicrosecond = 10_000
const kernelMicroseconds = 0.5

class NativeExecutable implements Executable {
  readonly program: Program
  /** Held so that the code stays loaded. */
  readonly library: Library
  /** What `brick_run` reads: the pool, the kernels, their number, and the address of each slot. */
  readonly job: BigInt64Array
  readonly jobAddress: bigint
  /** Run on the calling thread: by estimate at first, then by what runs took. */
  short: boolean
  readonly times?: Times
  private slow = 0

  constructor(program: Program, library: Library, pool: bigint, times?: Times) {
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
function estimate({ kernels }: Program): number {
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
  private readonly runtime: Runtime
  private readonly tiles: TileFile
  private pool: bigint | undefined
  /** Shared by all programs, since only one runs at a time; as large as the largest wants it. */
  private arena: NativeBuffer
  private flight: Promise<void> | undefined
  /** Milliseconds of short runs since the event loop last had a turn from here. */
  private busy = 0
  private readonly loading = new Map<string, Promise<Library>>()

  constructor(
    machine: Machine,
    cache: LibraryCache,
    runtime: Runtime,
    threads: number,
    tiles: TileFile,
  ) {
    this.machine = machine
    this.target = machine.target
    this.tiles = tiles
    this.cache = cache
    this.runtime = runtime
    this.threads = threads
    this.pool = runtime.open(threads) ?? undefined
    this.arena = new NativeBuffer(64)
    runtime.keepMemory(large, mostKept)
    // Node unloads the runtime's code when the process ends: no thread may still be running it.
    process.once('exit', this.end)
  }

  allocate(bytes: number): NativeBuffer {
    const buffer = new NativeBuffer(bytes)
    if (bytes >= worthHugePages) this.runtime.advise(buffer.address, bytes)
    return buffer
  }

  write(buffer: DeviceBuffer, data: TypedArray): void {
    own(buffer).write(data)
  }

  read(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray {
    return own(buffer).read(dtype, length)
  }

  async load(program: Program, timed = false): Promise<Executable> {
    const units = renderC(program)
    const key = units.join('\0')
    let library = this.loading.get(key)
    if (!library) {
      library = loadLibrary(this.cache, { units, flags: flagsFor(this.machine) })
      this.loading.set(key, library)
      const forget = () => this.loading.delete(key)
      library.then(forget, forget)
    }
    const code = await library
    const times = timed ? new Times(program.kernels.length) : undefined
    return new NativeExecutable(program, code, this.open(), times)
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
    if (program.arenaBytes > this.arena.bytes) this.arena = this.allocate(program.arenaBytes)
    job[3] = this.arena.address
    for (let i = 0; i < slots.length; i++) job[4 + i] = own(slots[i]!).address
    if (!executable.short || this.busy > breathMilliseconds) return this.runLong(executable, slots)
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
  const machine = detectMachine()
  const search = await findCompiler()
  if (!search.found) throw noCompiler(search.reason)
  const folder = options.cacheFolder ?? defaultCacheFolder()
  const { command, version } = search.found
  const cache = await LibraryCache.open(folder, search.found, machine.identity)
  const file = new TileFile(folder, [machine.identity, ...command, version, ...flagsFor(machine)])
  const tiles = usesTunedTiles() ? await file.read() : undefined
  const target = tiles ? { ...machine.target, tiles } : machine.target
  return new NativeDevice({ ...machine, target }, cache, await loadRuntime(cache), threads, file)
}
