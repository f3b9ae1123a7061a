/** What code of a dataset may ask about the thread that it runs in. */
export interface WorkerInfo {
  /** From 0. */
  readonly id: number
  /** Worker threads of the loader. */
  readonly workers: number
  /** Each worker's own. What examples draw doesn't depend on it. */
  readonly seed: number
  readonly epoch: number
}

let current: WorkerInfo | undefined

/** @internal */
export function setWorkerInfo(info: WorkerInfo): void {
  current = info
}

/**
 * The worker thread that this code runs in; undefined in the main thread.
 *
 * @example
 * ```ts
 * workerInfo()?.id // undefined
 * ```
 */
export function workerInfo(): WorkerInfo | undefined {
  return current
}
