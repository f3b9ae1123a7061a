import type { DType, TypedArray } from '../base/dtype.ts'
import type { Outline, Program } from '../loop/ir.ts'
import type { Target, TileCost } from '../loop/target.ts'
import type { Times } from './times.ts'

/** Memory that a device can compute on. It is freed once it is unreachable. */
export interface DeviceBuffer {
  readonly bytes: number
}

/** A program, ready to run on the device that loaded it. */
export interface Executable {
  readonly program: Outline
  /** What its runs took, if it was loaded to record that. */
  readonly times?: Times
}

export interface LoadOptions {
  /** The executable records its times. */
  readonly timed?: boolean
  /** Says what the program was compiled from: under it, the device may keep it for {@link Device.recall}. */
  readonly key?: string
}

/**
 * Where programs run. One contract for every backend; nothing outside `device/` and `render/`
 * knows which one it is.
 */
export interface Device {
  readonly name: 'native' | 'wasm'
  readonly target: Target
  readonly threads: number

  /** New memory of this many bytes (at least 1), aligned to 64. Its contents are undefined. 64 bytes past its end may be read, too. */
  allocate(bytes: number): DeviceBuffer

  /** Copies elements into the buffer, from its start. Call it only when no run is in flight that uses the buffer. */
  write(buffer: DeviceBuffer, data: TypedArray): void

  /** A copy of the first `length` elements. Call it only when no run is in flight that writes the buffer. */
  read(buffer: DeviceBuffer, dtype: DType, length: number): TypedArray

  /** Renders, compiles and loads a program. The device caches by content: an equal program is not compiled twice. */
  load(program: Program, options?: LoadOptions): Promise<Executable>

  /**
   * What was loaded under this key before, by this process or an earlier one, if the device keeps
   * such and has it still: whoever asks first may spare making the program.
   */
  recall?(key: string): Promise<Executable | undefined>

  /**
   * Runs all kernels in order. `slots[i]` is the memory of slot i + 1; the device itself provides
   * slot 0, the arena. Only one run is in flight at a time: the caller waits for a promise before
   * it starts the next run. Returns undefined if the run is already complete (a short program,
   * run on the calling thread), else a promise; a long run never blocks the event loop.
   */
  run(executable: Executable, slots: readonly DeviceBuffer[]): Promise<void> | undefined

  /**
   * Keeps what tiles cost on this machine: the targets of devices that are made later have it.
   * Devices without a place for it have no such method.
   */
  keepTiles?(tiles: readonly TileCost[]): Promise<void>

  /** Ends worker threads, so that the process can exit. The device can't be used afterwards. */
  close(): Promise<void>
}
