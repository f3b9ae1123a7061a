import type { DType, TypedArray } from '../../base/dtype.ts'
import { dtypes } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import type { DeviceBuffer } from '../device.ts'
import { Garbage } from '../garbage.ts'
import { large, takeLarge } from './large.ts'
import { foreign } from './library.ts'

const alignment = 64
/** Programs may read a vector past the end. */
const slack = 64
/** Smaller memory is left to the engine's own judgement. */
const smallestCounted = 2 ** 15

/** What is held for good is no reason to look for garbage. */
export type Life = 'passing' | 'lasting'

const garbage = new Garbage('young', 16 * 2 ** 20)

/** Copies bytes from one address to another. */
export type Copy = (to: bigint, from: bigint, bytes: number) => void

/**
 * Memory for C, at an address that never moves, for as long as somebody keeps the buffer: of an
 * ArrayBuffer that JavaScript owns and frees, or (large) of the add-on. Contents are undefined at
 * first.
 */
export class NativeBuffer implements DeviceBuffer {
  readonly bytes: number
  /** Of the first byte, a multiple of 64. */
  readonly address: bigint
  /** What keeps the memory: an ArrayBuffer or a token. */
  readonly owner: object

  constructor(bytes: number, life: Life) {
    this.bytes = Math.max(1, bytes)
    const size = this.bytes + alignment + slack
    if (life === 'passing' && this.bytes >= smallestCounted) garbage.expect(size)
    if (this.bytes < large) {
      const memory = newMemory(size)
      const address = foreign().address(memory)
      this.owner = memory
      this.address = address + (-address & BigInt(alignment - 1))
    } else {
      const taken = takeLarge(size)
      if (!taken) throw noMemory(size, 'none left')
      this.owner = taken.token
      this.address = taken.address
    }
  }

  write(data: TypedArray, copy: Copy): void {
    this.check('write', data.byteLength)
    if (data.byteLength > 0) copy(this.address, addressOf(data), data.byteLength)
  }

  read(dtype: DType, length: number, copy: Copy): TypedArray {
    const { array, bytes } = dtypes[dtype]
    this.check('read', length * bytes)
    const data = new array(length)
    if (length > 0) copy(addressOf(data), this.address, data.byteLength)
    return data
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

const addressOf = ({ buffer, byteOffset }: TypedArray): bigint =>
  foreign().address(buffer) + BigInt(byteOffset)

/** Not zeroed. */
function newMemory(bytes: number): ArrayBuffer {
  try {
    return Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer
  } catch (cause) {
    throw noMemory(bytes, (cause as Error).message, cause)
  }
}

function noMemory(bytes: number, got: string, cause?: unknown): BrickError {
  return new BrickError({
    kind: 'device',
    where: 'native device',
    wanted: `${bytes} bytes of memory`,
    got,
    remedy: 'Use a smaller batch or model, or checkpoint parts of the model.',
    cause,
  })
}
