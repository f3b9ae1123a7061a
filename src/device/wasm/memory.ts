import type { DType, TypedArray } from '../../base/dtype.ts'
import { dtypes } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { GUARD } from '../../render/wasm/render.ts'
import type { DeviceBuffer } from '../device.ts'
import { canCollect, Garbage } from '../garbage.ts'
import { Allocator } from './allocator.ts'

const PAGE = 65536
/** 4 GiB, the most that 32-bit addresses reach. */
const MOST_PAGES = 65536
/** Memory grows by at least this much at a time. */
const GROWTH = 256
/** Programs may read a vector past the end of any memory. */
const SLACK = 64

/** What keeping track of a buffer takes of JavaScript's memory, roughly. */
const KEEPING = 2048

/** A piece of the device's memory. */
export class WasmBuffer implements DeviceBuffer {
  readonly bytes: number
  readonly address: number
  readonly weight: ArrayBuffer | undefined

  constructor(bytes: number, address: number) {
    this.bytes = bytes
    this.address = address
    this.weight = canCollect() ? undefined : weightOf(bytes)
  }
}

/**
 * As many bytes of JavaScript memory, never touched: the garbage collector counts them, and so
 * learns that a small object that holds them is worth collecting. For engines that can't be asked
 * to collect; the others would collect far too often. A large one is resizable: that
 * kind is mapped anew from the system and takes address space only, where a plain one might be
 * cleared by writing.
 */
function weightOf(bytes: number): ArrayBuffer {
  if (bytes < MAPPED) return new ArrayBuffer(bytes)
  try {
    return new ResizableBuffer(bytes, { maxByteLength: bytes })
  } catch {
    return new ArrayBuffer(0) // longer than the engine's limit: collected when other things are
  }
}

/** Below this, mapping takes longer than clearing. */
const MAPPED = 128 * 1024

const ResizableBuffer = ArrayBuffer as {
  new (bytes: number, options: { maxByteLength: number }): ArrayBuffer
}

/** The one memory of all programs on a device. */
export class WasmMemory {
  readonly memory: WebAssembly.Memory
  readonly maxPages: number
  /** Bytes handed out since {@link settle}: what garbage may have piled up. */
  sinceTurn = 0
  #bytes: Uint8Array
  #words: Uint32Array
  readonly #allocator: Allocator
  readonly #garbage = new Garbage('all', 128 * 2 ** 20)
  readonly #registry = new FinalizationRegistry<number>((address) => this.give(address))

  constructor(shared: boolean) {
    const { memory, maxPages } = reserve(shared)
    this.memory = memory
    this.maxPages = maxPages
    this.#bytes = new Uint8Array(memory.buffer)
    this.#words = new Uint32Array(memory.buffer)
    this.#allocator = new Allocator(GUARD, memory.buffer.byteLength, (bytes) => this.#grow(bytes))
  }

  /** A buffer with undefined contents, freed once it is unreachable. */
  buffer(bytes: number): WasmBuffer {
    const size = Math.max(1, bytes)
    const address = this.take(size)
    const buffer = new WasmBuffer(size, address)
    this.#registry.register(buffer, address)
    this.sinceTurn += size
    return buffer
  }

  /** Memory with undefined contents, until `give`. */
  take(bytes: number): number {
    this.#garbage.expect(bytes + KEEPING)
    const address = this.#allocator.take(bytes + SLACK)
    if (address === undefined) throw this.#full(bytes)
    return address
  }

  give(address: number): void {
    this.#allocator.give(address)
  }

  write(address: number, data: TypedArray): void {
    this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), address)
  }

  read(address: number, dtype: DType, length: number): TypedArray {
    const { array, bytes } = dtypes[dtype]
    const copy = new array(length)
    const to = new Uint8Array(copy.buffer)
    to.set(this.#bytes.subarray(address, address + length * bytes))
    return copy
  }

  /** The doubles that lie there. */
  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length)
  }

  setWord(address: number, value: number): void {
    this.#words[address / 4] = value
  }

  #grow(bytes: number): number | undefined {
    const pages = Math.ceil(bytes / PAGE)
    for (const more of [Math.max(pages, GROWTH, Math.ceil(this.#bytes.length / PAGE / 8)), pages]) {
      try {
        this.memory.grow(more)
        this.#bytes = new Uint8Array(this.memory.buffer)
        this.#words = new Uint32Array(this.memory.buffer)
        return this.#bytes.length
      } catch {
        // Beyond the maximum: try to get just what is needed.
      }
    }
    return undefined
  }

  #full(bytes: number): BrickError {
    const most = this.maxPages * PAGE
    return new BrickError({
      kind: 'device',
      where: 'wasm memory',
      got: `a request for ${mebibytes(bytes)} with ${mebibytes(this.#allocator.used)} in use`,
      wanted: `at most ${mebibytes(most - GUARD)} in all, in one piece`,
      remedy: 'Use a smaller batch or model, let go of tensors, or use the native device.',
    })
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** Reserves as large a range as the engine grants. */
function reserve(shared: boolean): { memory: WebAssembly.Memory; maxPages: number } {
  const initial = GUARD / PAGE + 16
  for (let maximum = MOST_PAGES; maximum > initial; maximum /= 2) {
    try {
      const memory = new WebAssembly.Memory({ initial, maximum, shared })
      return { memory, maxPages: maximum }
    } catch {
      // The engine or a limit of the process refuses: ask for less.
    }
  }
  throw new BrickError({
    kind: 'device',
    where: 'wasm memory',
    got: 'no address space for WebAssembly memory',
    remedy: 'Raise the limit on virtual memory (`ulimit -v unlimited`) or close other programs.',
  })
}
