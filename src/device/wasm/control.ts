/** What the threads of the WebAssembly device say to each other. */
import type { Again } from './order.js'

/** Words of shared memory, by index from `CONTROL`. */
export const words = {
  /** Counts runs; workers wait for it to change. */
  RUN: 0,
  /** Parameters of the run: the program's number, the slot table's address, scratch memory. */
  PROGRAM: 1,
  SLOTS: 2,
  SCRATCH: 3,
  /** Bytes of scratch memory for each thread. */
  STRIDE: 4,
  /** The last run in which a kernel failed: it ends at the next barrier. */
  FAILED: 5,
  /**
   * Where a run that is timed leaves its times, else 0: an f64 for the present kernel's start, then
   * one for each kernel's nanoseconds, to which they are added.
   */
  TIMES: 6,
  /** Threads that have begun such a run. */
  BEGUN: 7,
  /** The next chunk; in a cache line of its own. */
  NEXT: 16,
  /** Threads that have come to the barrier, and barriers passed. */
  ARRIVED: 32,
  PHASE: 48,
  /** One for each worker: 1 while it is in its event loop and needs a message to wake. */
  PARKED: 64,
} as const

/** Where the words begin. Nothing else lies below the renderer's guard. */
export const CONTROL = 64
export const MOST_THREADS = 256
export const WORDS = words.PARKED + MOST_THREADS

export interface WorkerInit {
  readonly kind: 'init'
  readonly memory: WebAssembly.Memory
  readonly index: number
  readonly threads: number
  readonly control: number
  readonly words: number
  readonly at: typeof words
}

/** What is to know about a kernel to run it. */
export interface KernelInfo {
  readonly chunks: number
  /** If a loop ends with it. */
  readonly again?: Again
}

export type ToWorker =
  | WorkerInit
  | {
      readonly kind: 'load'
      readonly id: number
      readonly module: WebAssembly.Module
      readonly kernels: readonly KernelInfo[]
    }
  | { readonly kind: 'unload'; readonly id: number }
  | { readonly kind: 'wake' }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly kernel: number; readonly text: string }
  | { readonly kind: 'done'; readonly run: number }
