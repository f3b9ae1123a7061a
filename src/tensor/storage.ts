import { type DType, dtypes, type TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { requireCountable } from '../base/shape.ts'
import type { Device, DeviceBuffer } from '../device/device.ts'
import type { Node } from '../graph/node.ts'

/**
 * The contents of a buffer node: on the host, on a device, or still to be computed. It moves
 * between them when asked, and is collected with the last node that refers to it.
 */
export class Storage {
  readonly dtype: DType
  /** In elements. */
  readonly size: number
  /** Raised by each update in place; graphs built on an older version are refused. */
  version = 0
  /** What a state will hold once it is asked for. */
  pending: Node | undefined
  /** The run that writes it, while it is under way. Never rejects. */
  busy: Promise<void> | undefined
  /** Why its contents could not be computed. */
  failure: unknown
  private host: TypedArray | undefined
  private device: Device | undefined
  private buffer: DeviceBuffer | undefined

  constructor(dtype: DType, size: number, host?: TypedArray) {
    requireCountable(size, 'tensor')
    this.dtype = dtype
    this.size = size
    this.host = host
  }

  /** Host memory with the contents; what is there must have been computed. */
  read(): TypedArray {
    if (!this.host) {
      if (!this.device || !this.buffer) {
        throw new BrickError({
          kind: 'argument',
          where: 'tensor',
          wanted: 'a tensor with contents',
          got: 'one that was made inside a compiled function, or whose computation failed',
          remedy: 'Return it from the compiled function, and use what the call returns.',
        })
      }
      this.host = this.device.read(this.buffer, this.dtype, this.size)
    }
    return this.host
  }

  /** The contents, if the host has them and nothing is about to change them. */
  settled(): TypedArray | undefined {
    return this.pending || this.busy || this.failure ? undefined : this.host
  }

  /** Replaces the contents from the host. */
  replace(data: TypedArray): void {
    this.host = data
    this.buffer = undefined
    this.pending = undefined
    this.failure = undefined
  }

  /** Memory on the device with the contents, copied there if need be. */
  on(device: Device): DeviceBuffer {
    if (this.buffer && this.device === device) return this.buffer
    const data = this.read()
    const buffer = device.allocate(Math.max(1, this.size * dtypes[this.dtype].bytes))
    device.write(buffer, data)
    this.device = device
    this.buffer = buffer
    // Whoever asks for the contents again gets the device's: two copies would be one too many.
    this.host = undefined
    return buffer
  }

  /** Fresh memory on the device, to be written by a program. */
  blank(device: Device): DeviceBuffer {
    this.device = device
    this.buffer = device.allocate(Math.max(1, this.size * dtypes[this.dtype].bytes))
    this.host = undefined
    return this.buffer
  }

  /** The device's memory has been written: what the host knows is out of date. */
  written(): void {
    this.host = undefined
  }
}
