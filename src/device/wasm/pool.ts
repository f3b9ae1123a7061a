import { BrickError } from '../../base/errors.ts'
import {
  CONTROL,
  type FromWorker,
  type KernelInfo,
  type ToWorker,
  WORDS,
  words,
} from './control.ts'
import { startThread, type Thread } from './threads.ts'

/** A program as workers know it. */
export interface PoolProgram {
  readonly id: number
  readonly module: WebAssembly.Module
  readonly infos: readonly KernelInfo[]
  /** What each kernel computes, for errors. */
  readonly origins: readonly string[]
}

export interface PoolRun {
  readonly program: PoolProgram
  readonly slots: number
  readonly scratch: number
  /** Bytes of scratch memory for each thread. */
  readonly stride: number
  /** Address for the times: see `words.TIMES`. */
  readonly times: number
}

interface Pending {
  readonly program: PoolProgram
  readonly resolve: () => void
  readonly reject: (error: BrickError) => void
  isDone: boolean
  failure: BrickError | undefined
}

/** Worker threads that execute one run at a time, all of them together. */
export class Pool {
  readonly #threads: readonly Thread[]
  readonly #control: Int32Array
  readonly #loaded = new Set<number>()
  #pending: Pending | undefined
  #broken: BrickError | undefined

  /** Starts the workers; they keep no process alive while they have nothing to do. */
  static async start(count: number, memory: WebAssembly.Memory): Promise<Pool> {
    let pool: Pool | undefined
    let early: unknown
    let awaited = count
    let started: () => void = () => {}
    const allReady = new Promise<void>((resolve) => {
      started = resolve
    })
    const listener = {
      message: (message: FromWorker) => {
        if (message.kind !== 'ready') pool?.receive(message)
        else if (--awaited === 0) started()
      },
      failure: (cause: unknown) => {
        early ??= cause
        started()
        pool?.breakDown(cause)
      },
    }
    const threads = await Promise.all(Array.from({ length: count }, () => startThread(listener)))
    for (const thread of threads) thread.hold(true)
    await allReady
    for (const thread of threads) thread.hold(false)
    pool = new Pool(threads, memory)
    if (early !== undefined) pool.breakDown(early)
    return pool
  }

  private constructor(threads: readonly Thread[], memory: WebAssembly.Memory) {
    this.#threads = threads
    this.#control = new Int32Array(memory.buffer, CONTROL, WORDS)
    threads.forEach((thread, index) => {
      const size = { threads: threads.length, control: CONTROL, words: WORDS }
      thread.post({ kind: 'init', memory, index, ...size, at: words })
      this.#control[words.PARKED + index] = 1
    })
  }

  /** All kernels of a program, in order. One run at a time. */
  run({ program, slots, scratch, stride, times }: PoolRun): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken)
    this.#load(program)
    const at = words
    Atomics.store(this.#control, at.PROGRAM, program.id)
    Atomics.store(this.#control, at.SLOTS, slots)
    Atomics.store(this.#control, at.SCRATCH, scratch)
    Atomics.store(this.#control, at.STRIDE, stride)
    Atomics.store(this.#control, at.TIMES, times)
    Atomics.store(this.#control, at.BEGUN, 0)
    Atomics.store(this.#control, at.NEXT, 0)
    const done = new Promise<void>((resolve, reject) => {
      this.#pending = { program, resolve, reject, isDone: false, failure: undefined }
    })
    for (const thread of this.#threads) thread.hold(true)
    this.#start()
    return done
  }

  /** Forgets a program in all workers. */
  unload(id: number): void {
    if (this.#loaded.delete(id)) this.#post({ kind: 'unload', id })
  }

  async close(): Promise<void> {
    this.#broken ??= closed()
    await Promise.all(this.#threads.map((thread) => thread.end()))
    this.#settle(this.#broken)
  }

  receive(message: FromWorker): void {
    const pending = this.#pending
    if (pending === undefined) return
    if (message.kind === 'failed') pending.failure ??= trap(pending.program, message)
    if (message.kind === 'done') pending.isDone = true
    const run = Atomics.load(this.#control, words.RUN)
    const hasFailed = Atomics.load(this.#control, words.FAILED) === run
    if (pending.isDone && (!hasFailed || pending.failure)) this.#settle(pending.failure)
  }

  /** A worker has died: nothing can run any more. */
  breakDown(cause: unknown): void {
    this.#broken ??= new BrickError({
      kind: 'device',
      where: 'wasm worker',
      got: `a worker thread that ended: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: 'Create the device again; BRICKWORK_THREADS=1 needs the least memory.',
      cause,
    })
    this.#settle(this.#broken)
  }

  #load(program: PoolProgram): void {
    const { id, module, infos } = program
    if (this.#loaded.has(id)) return
    this.#loaded.add(id)
    this.#post({ kind: 'load', id, module, kernels: infos })
  }

  #start(): void {
    Atomics.add(this.#control, words.RUN, 1)
    Atomics.notify(this.#control, words.RUN)
    this.#threads.forEach((thread, index) => {
      const isParked = Atomics.load(this.#control, words.PARKED + index) === 1
      if (isParked) thread.post({ kind: 'wake' })
    })
  }

  #post(message: ToWorker): void {
    for (const thread of this.#threads) thread.post(message)
  }

  #settle(error: BrickError | undefined): void {
    const pending = this.#pending
    this.#pending = undefined
    for (const thread of this.#threads) thread.hold(false)
    if (error) pending?.reject(error)
    else pending?.resolve()
  }
}

/** A trap in a kernel, as an error. */
export function trap(
  { origins }: Pick<PoolProgram, 'origins'>,
  { kernel, text }: { readonly kernel: number; readonly text: string },
): BrickError {
  return new BrickError({
    kind: 'device',
    where: `wasm kernel ${kernel}: ${origins[kernel]}`,
    got: text,
    remedy: 'This is a bug in Brickwork: please report it.',
  })
}

export function closed(): BrickError {
  return new BrickError({
    kind: 'device',
    where: 'wasm device',
    got: 'a use after close()',
    remedy: 'Create a new device.',
  })
}
