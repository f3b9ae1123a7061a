import type { DType, TypedArray } from '../../base/dtype.ts'
import { dtypes } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import type { DeviceBuffer } from '../device.ts'
import { foreign } from './library.ts'
import { Recycler } from './recycler.ts'

const alignment = 64
/** Programs may read a vector past the end. */
const slack = 64
/** Memory of at least a megabyte begins on a huge page, so that first touching it costs few page faults. */
const hugePage = 2 * 2 ** 20
export const smallestHuge = 2 ** 20
/** Smaller memory comes from the heap, where it is reused anyway. */
const smallestKept = 2 ** 15

const recycler = new Recycler()

/**
 * Memory of an ArrayBuffer that JavaScript owns and frees; its bytes never move, so that C can
 * keep their address for as long as somebody keeps the buffer.
 */
export class NativeBuffer implements DeviceBuffer {
  readonly bytes: number
  /** Of the first byte, a multiple of 64. */
  readonly address: bigint
  /** Never touched before. */
  readonly fresh: boolean
  private readonly memory: ArrayBuffer
  private readonly offset: number

  constructor(bytes: number) {
    this.bytes = Math.max(1, bytes)
    const align = this.bytes >= smallestHuge ? hugePage : alignment
    const size = this.bytes + align + slack
    const kept = this.bytes >= smallestKept
    const known = kept ? recycler.take(size) : undefined
    this.memory = known ?? newMemory(size)
    if (kept) recycler.watch(this, this.memory)
    this.fresh = !known
    const address = foreign().address(this.memory)
    this.offset = Number(-address & BigInt(align - 1))
    this.address = address + BigInt(this.offset)
  }

  write(data: TypedArray): void {
    this.check('write', data.byteLength)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    new Uint8Array(this.memory, this.offset, data.byteLength).set(bytes)
  }

  read(dtype: DType, length: number): TypedArray {
    const { array, bytes } = dtypes[dtype]
    this.check('read', length * bytes)
    return new array(this.memory.slice(this.offset, this.offset + length * bytes))
  }

  private check(where: string, bytes: number): void {
    if (bytes <= this.bytes) return
    throw new BrickError({
      kind: 'argument',
      where: `native device: ${where}`,
      got: `${bytes} bytes`,
      wanted: `at most the buffer's ${this.bytes}`,
    })
  }
}

function newMemory(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes)
  } catch (cause) {
    throw new BrickError({
      kind: 'device',
      where: 'native device',
      wanted: `${bytes} bytes of memory`,
      got: (cause as Error).message,
      remedy: 'Use a smaller batch or model, or checkpoint parts of the model.',
      cause,
    })
  }
}
