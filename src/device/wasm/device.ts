import type { DType, TypedArray } from '../../base/dtype.ts'
import { dtypes } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { align64, type Outline, outlineOf, type Program, scratchBytes } from '../../loop/ir.ts'
import type { Target } from '../../loop/target.ts'
import { renderWasm } from '../../render/wasm/render.ts'
import type { Device, DeviceBuffer, Executable, LoadOptions } from '../device.ts'
import { Times } from '../times.ts'
import type { KernelInfo } from './control.ts'
import { diagnose, threadCount } from './features.ts'
import { WasmBuffer, WasmMemory } from './memory.ts'
import { compileModule } from './modules.ts'
import { following } from './order.js'
import { closed, Pool, type PoolProgram, trap } from './pool.ts'
import { nextTurn } from './threads.ts'

export { diagnose, type WasmDiagnosis } from './features.ts'

export interface WasmDeviceOptions {
  /**
   * Worker threads for long programs; default BRICKWORK_THREADS, else one for each core. 0 runs all
   * on the calling thread, giving way to the event loop in between.
   */
  readonly threads?: number
}

/** Runs expected to be shorter than this stay on the calling thread. */
const SHORT_MS = 0.2
/** A cautious guess of one thread's speed, from which the expected time follows. */
const FLOPS_PER_MS = 20e6
const BYTES_PER_MS = 10e6
/** A program that took longer than this so many times is long, whatever was expected. */
const SLOW_MS = 2
const SLOW_RUNS = 3
/** On the calling thread alone, the event loop gets a turn after this time. */
const SLICE_MS = 10
/**
 * Short runs never wait for the event loop. So that timers and finalizers get their turn even in a
 * loop that does nothing else, one is given after so many bytes of new buffers, or so much time.
 */
const PRESSURE = 64 * 2 ** 20
const BUSY_MS = 50

type Kernel = (slots: number, chunk: number, scratch: number) => void

interface WasmProgram extends PoolProgram {
  readonly kernels: readonly Kernel[]
}

interface WasmExecutable extends Executable {
  readonly loaded: WasmProgram
  /** Address of the table of the slots' addresses. */
  readonly table: number
  /** Scratch memory for one thread, in bytes. */
  readonly scratch: number
  isLong: boolean
  slowRuns: number
}

/**
 * A device on WebAssembly, in Node and in browsers: 128-bit vectors, one memory of up to 4 GiB.
 *
 * @throws BrickError of kind `device` where the engine has no SIMD or no memory
 */
export async function createWasmDevice(options: WasmDeviceOptions = {}): Promise<Device> {
  const { ok, simd, shared, reason, remedy } = diagnose(options)
  if (!ok) {
    const parts = { got: reason ?? 'no WebAssembly', remedy: remedy ?? '' }
    throw new BrickError({ kind: 'device', where: 'wasm device', ...parts })
  }
  const workers = shared ? threadCount(options.threads) : 0
  return new WasmDevice(workers, simd === 'relaxed')
}

class WasmDevice implements Device {
  readonly name = 'wasm'
  readonly target: Target
  readonly threads: number
  readonly #workers: number
  readonly #memory: WasmMemory
  readonly #programs = new WeakMap<WebAssembly.Module, WasmProgram>()
  readonly #tables = new FinalizationRegistry<number>((table) => this.#memory.give(table))
  readonly #unloads = new FinalizationRegistry<number>((id) => {
    void this.#pool?.then((pool) => pool.unload(id))
  })
  readonly #arena: Area
  readonly #scratch: Area
  readonly #times: Area
  /** What the run in flight needs; else it might be freed under it. */
  readonly #inUse = new Set<object>()
  #pool: Promise<Pool> | undefined
  #serial = 0
  /** Spent in short runs since the event loop last had a turn. */
  #busyMs = 0
  #isClosed = false

  constructor(workers: number, relaxedSimd: boolean) {
    this.#workers = workers
    this.threads = Math.max(1, workers)
    this.target = { lanes: 4, registers: 15, fma: relaxedSimd, l1: 32 * 1024, l2: 512 * 1024 }
    this.#memory = new WasmMemory(workers > 0)
    this.#arena = new Area(this.#memory)
    this.#scratch = new Area(this.#memory)
    this.#times = new Area(this.#memory)
  }

  allocate(bytes: number): DeviceBuffer {
    return this.#memory.buffer(bytes)
  }

  write(buffer: DeviceBuffer, data: TypedArray): void {
    this.#memory.write(addressOf(buffer, data.byteLength, 'write'), data)
  }

  read(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray {
    const address = addressOf(buffer, length * dtypes[dtype].bytes, 'read')
    return this.#memory.read(address, dtype, length)
  }

  async load(program: Program, { timed = false }: LoadOptions = {}): Promise<Executable> {
    if (this.#isClosed) throw closed()
    const features = { relaxedSimd: this.target.fma, shared: this.#workers > 0, maxPages: 65536 }
    const module = await compileModule(renderWasm(program, features))
    const executable: WasmExecutable = {
      // The loops are not needed any more, and large.
      program: outlineOf(program),
      loaded: await this.#instantiate(module, program),
      table: this.#memory.take(4 * program.slots),
      scratch: Math.max(0, ...program.kernels.map(scratchBytes)),
      isLong: expectedMs(program) > SHORT_MS,
      slowRuns: 0,
      ...(timed ? { times: new Times(program.kernels.length) } : {}),
    }
    this.#tables.register(executable, executable.table)
    return executable
  }

  run(executable: Executable, slots: readonly DeviceBuffer[]): Promise<void> | undefined {
    if (this.#isClosed) return Promise.reject(closed())
    const it = executable as WasmExecutable
    this.#fillTable(it, slots)
    if (it.isLong) return this.#runLong(it, slots)
    const scratch = this.#scratch.atLeast(it.scratch)
    const start = performance.now()
    runKernels(it, scratch, this.#memory.memory)
    const ms = performance.now() - start
    it.times?.count(ms, 1)
    if (ms > SLOW_MS) it.isLong = ++it.slowRuns >= SLOW_RUNS
    this.#busyMs += ms
    const isDue = this.#memory.sinceTurn > PRESSURE || this.#busyMs > BUSY_MS
    return isDue ? this.#takeTurn() : undefined
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const pool = await this.#pool
    await pool?.close()
  }

  async #instantiate(module: WebAssembly.Module, program: Program): Promise<WasmProgram> {
    const known = this.#programs.get(module)
    if (known) return known
    const { memory } = this.#memory
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } })
    const made: WasmProgram = {
      id: ++this.#serial,
      module,
      kernels: program.kernels.map((_, k) => exports[`k${k}`] as Kernel),
      infos: infosOf(program),
      origins: program.kernels.map(({ origin, name }) => origin || name),
    }
    this.#programs.set(module, made)
    this.#unloads.register(made, made.id)
    return made
  }

  #fillTable({ program, table }: WasmExecutable, slots: readonly DeviceBuffer[]): void {
    if (slots.length !== program.slots - 1) {
      const wanted = `${program.slots - 1} buffers`
      const parts = { where: 'run', got: `${slots.length} buffers`, wanted }
      throw new BrickError({ kind: 'argument', ...parts })
    }
    this.#memory.setWord(table, this.#arena.atLeast(program.arenaBytes))
    for (let i = 0; i < slots.length; i++) {
      this.#memory.setWord(table + 4 * (i + 1), addressOf(slots[i]!, 0, 'run'))
    }
  }

  async #runLong(it: WasmExecutable, slots: readonly DeviceBuffer[]): Promise<void> {
    const stride = align64(it.scratch) + 64
    const scratch = this.#scratch.atLeast(stride * this.threads)
    const inUse = { it, slots }
    this.#inUse.add(inUse)
    try {
      this.#pool ??= this.#workers > 0 ? this.#startPool() : undefined
      const pool = await this.#pool
      if (this.#isClosed) throw closed()
      const start = performance.now()
      if (pool) {
        const times = it.times ? this.#times.atLeast(8 * (1 + it.times.nanoseconds.length)) : 0
        if (times) this.#memory.doubles(times, 1 + it.loaded.kernels.length).fill(0)
        await pool.run({ program: it.loaded, slots: it.table, scratch, stride, times })
        it.times?.add(this.#memory.doubles(times + 8, it.loaded.kernels.length))
      } else {
        await runSlices(it, scratch, this.#memory.memory)
        await nextTurn()
      }
      it.times?.count(performance.now() - start, this.threads)
    } finally {
      this.#inUse.delete(inUse)
      this.#hadTurn()
    }
  }

  #startPool(): Promise<Pool> {
    return Pool.start(this.#workers, this.#memory.memory)
  }

  async #takeTurn(): Promise<void> {
    this.#hadTurn()
    await nextTurn()
  }

  #hadTurn(): void {
    this.#memory.sinceTurn = 0
    this.#busyMs = 0
  }
}

/** Memory that is reused from run to run and only grows. */
class Area {
  readonly #memory: WasmMemory
  #address = 0
  #bytes = 0

  constructor(memory: WasmMemory) {
    this.#memory = memory
  }

  atLeast(bytes: number): number {
    if (bytes <= this.#bytes) return this.#address
    if (this.#bytes > 0) this.#memory.give(this.#address)
    this.#bytes = 0
    this.#address = this.#memory.take(bytes)
    this.#bytes = bytes
    return this.#address
  }
}

function addressOf(buffer: DeviceBuffer, bytes: number, where: string): number {
  if (buffer instanceof WasmBuffer && bytes <= buffer.bytes) return buffer.address
  const isOurs = buffer instanceof WasmBuffer
  throw new BrickError({
    kind: 'argument',
    where,
    got: isOurs ? `${bytes} bytes for a buffer of ${buffer.bytes}` : 'a buffer of another device',
    wanted: isOurs ? 'no more than the buffer holds' : 'a buffer of the wasm device',
  })
}

function expectedMs({ kernels }: Outline): number {
  let ms = 0
  for (const { flops, bytes } of kernels) ms += Math.max(flops / FLOPS_PER_MS, bytes / BYTES_PER_MS)
  return ms
}

function infosOf({ kernels, loops = [], buffers }: Program): KernelInfo[] {
  return kernels.map(({ chunks }, k) => {
    const loop = loops.find(({ last }) => last === k)
    if (!loop) return { chunks }
    const counter = buffers.find(({ name }) => name === loop.counter)!.offset
    return { chunks, again: { times: loop.times, back: k - loop.first, counter } }
  })
}

function runKernels(
  { loaded, table, times }: WasmExecutable,
  scratch: number,
  memory: WebAssembly.Memory,
): void {
  const { kernels, infos } = loaded
  let k = 0
  let start = times ? performance.now() : 0
  try {
    while (k < kernels.length) {
      const run = kernels[k]!
      const { chunks, again } = infos[k]!
      for (let chunk = 0; chunk < chunks; chunk++) run(table, chunk, scratch)
      if (times) start = times.lap(k, start)
      k = again ? following(k, again, memory.buffer, table) : k + 1
    }
  } catch (error) {
    throw trap(loaded, { kernel: k, text: String(error) })
  }
}

/** As {@link runKernels}, letting other work go first every few milliseconds. */
async function runSlices(
  { loaded, table, times }: WasmExecutable,
  scratch: number,
  memory: WebAssembly.Memory,
): Promise<void> {
  let since = performance.now()
  for (let k = 0; k < loaded.kernels.length; ) {
    const run = loaded.kernels[k]!
    const { chunks, again } = loaded.infos[k]!
    let start = performance.now()
    for (let chunk = 0; chunk < chunks; chunk++) {
      try {
        run(table, chunk, scratch)
      } catch (error) {
        throw trap(loaded, { kernel: k, text: String(error) })
      }
      if (performance.now() - since < SLICE_MS) continue
      times?.lap(k, start)
      await nextTurn()
      since = performance.now()
      start = since
    }
    times?.lap(k, start)
    k = following(k, again, memory.buffer, table)
  }
}
