import type { DType, TypedArray } from '../../base/dtype.ts'
import { dtypes } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import type { DeviceBuffer } from '../device.ts'
import { Garbage } from '../garbage.ts'
import { foreign } from './library.ts'
import { Recycler } from './recycler.ts'

const alignment = 64
const hugePage = 2 * 2 ** 20
/** Programs may read a vector past the end. */
const slack = 64
/** Smaller memory is left to the engine's own judgement. */
const smallestCounted = 2 ** 15
/** Memory of at least so many bytes is recycled by ourselves, smaller one by the C library. */
export const large = 32 * 2 ** 20

/** What is held for good is no reason to look for garbage. */
export type Life = 'passing' | 'lasting'

const recycler = new Recycler()
const garbage = new Garbage('young', 16 * 2 ** 20)

/**
 * Memory of an ArrayBuffer that JavaScript owns and frees; its bytes never move, so that C can
 * keep their address for as long as somebody keeps the buffer.
 */
export class NativeBuffer implements DeviceBuffer {
  readonly bytes: number
  /** Of the first byte, a multiple of 64. */
  readonly address: bigint
  private readonly memory: ArrayBuffer
  private readonly offset: number

  constructor(bytes: number, life: Life) {
    this.bytes = Math.max(1, bytes)
    const align = this.bytes >= large ? hugePage : alignment
    this.memory = this.take(this.bytes + align + slack, life)
    const address = foreign().address(this.memory)
    this.offset = Number(-address & BigInt(align - 1))
    this.address = address + BigInt(this.offset)
  }

  private take(size: number, life: Life): ArrayBuffer {
    if (this.bytes < large) {
      if (life === 'passing' && this.bytes >= smallestCounted) garbage.expect(size)
      return newMemory(size)
    }
    const memory = recycler.take(size) ?? newMemory(size)
    recycler.watch(this, memory)
    return memory
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

/** Not zeroed. */
function newMemory(bytes: number): ArrayBuffer {
  try {
    return Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer
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
