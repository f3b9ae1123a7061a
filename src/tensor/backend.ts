import type { Node } from '../graph/node.ts'
import type { Storage } from './storage.ts'

/** What one program computes: values to return, and buffers to overwrite when all values are known. */
export interface Task {
  /** The structure of the graph, whole: what tasks of equal keys compute is the same. */
  readonly key: string
  /** The buffers that the graph reads or updates, in slot order. */
  readonly buffers: readonly Node<'buffer'>[]
  readonly outputs: readonly Node[]
  readonly updates: readonly { readonly buffer: number; readonly value: Node }[]
}

/** A task that can run, again and again, on other storages of the same shapes. */
export interface Runnable {
  /** Reads `buffers`, writes `outputs` and updates `buffers` in place. Undefined: already complete. */
  run(buffers: readonly Storage[], outputs: readonly Storage[]): Promise<void> | undefined
}

/** Evaluates tasks: the interpreter, or the compiler with a device. */
export interface Backend {
  readonly name: string
  /** Compiles a task, or whatever else it takes before it can run. */
  prepare(task: Task): Promise<Runnable>
  close(): Promise<void>
}
