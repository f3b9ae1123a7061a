import { Worker } from 'node:worker_threads'
import { BrickError } from '../base/errors.ts'
import type { Draw } from './dataset.ts'
import type { Recipe } from './recipe.ts'

/** What a worker is started with. */
export interface WorkerStart {
  /** The recipe of a BatchMaker. */
  readonly spec: Recipe
  readonly worker: number
  readonly workers: number
}

/** Where a pass over a dataset that iterates begins. */
export interface StreamStart {
  readonly batchSize: number
  readonly dropLast: boolean
  /** The first batch that is wanted. */
  readonly from: number
}

/** Asks a worker for a batch: of these rows, or the next one of a stream. */
export interface ToLoaderWorker {
  /** Which one it is, counted over all passes. */
  readonly at: number
  readonly draw: Draw
  readonly rows: Int32Array | undefined
  /** Begins a new pass over a stream. */
  readonly stream: StreamStart | undefined
}

/** What a worker says: a batch, that there are no more, or what went wrong with one. */
export type FromLoaderWorker =
  | { readonly kind: 'batch'; readonly at: number; readonly batch: unknown }
  | { readonly kind: 'end'; readonly at: number }
  | { readonly kind: 'failed'; readonly at: number; readonly error: SentError }

/** An error as structured clone can carry it. */
export interface SentError {
  readonly message: string
  readonly stack: string | undefined
  /** The parts of a BrickError. */
  readonly parts: ConstructorParameters<typeof BrickError>[0] | undefined
}

type Outcome = { readonly batch: unknown } | 'end'

export interface CrewOptions {
  readonly spec: Recipe
  readonly workers: number
  /** Batches that each worker makes ahead. */
  readonly prefetch: number
  readonly timeout: number
}

interface Deferred {
  readonly promise: Promise<Outcome>
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: Error) => void
}

function deferred(): Deferred {
  let [resolve, reject]: [Deferred['resolve'], Deferred['reject']] = [() => {}, () => {}]
  const promise = new Promise<Outcome>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** The worker threads of a loader. They make one pass over the data at a time. */
export class Crew {
  readonly #workers: readonly Worker[]
  readonly #waiting = new Map<number, Deferred>()
  readonly #options: CrewOptions
  #broken: BrickError | undefined
  /** Batches that were asked for in all passes. */
  #asked = 0

  constructor(options: CrewOptions) {
    this.#options = options
    this.#workers = Array.from({ length: options.workers }, (_, worker) => this.#start(worker))
  }

  /** Batches of rows, in order. */
  async *batches<B>(draw: Draw, rows: readonly Int32Array[]): AsyncGenerator<B, void, undefined> {
    const first = this.#begin()
    for (let at = 0; at < rows.length; at++) {
      const ahead = Math.min(rows.length, at + this.#workers.length * this.#options.prefetch)
      while (this.#asked < first + ahead) {
        this.#ask({ draw, rows: rows[this.#asked - first], stream: undefined })
      }
      yield ((await this.#take(first + at)) as { batch: unknown }).batch as B
    }
  }

  /** Batches of a dataset that iterates, made by the first worker. */
  async *stream<B>(draw: Draw, stream: StreamStart): AsyncGenerator<B, void, undefined> {
    const first = this.#begin()
    for (let at = first; ; at++) {
      while (this.#asked < at + this.#options.prefetch) {
        const isFirst = this.#asked === first
        this.#ask({ draw, rows: undefined, stream: isFirst ? stream : undefined })
      }
      const outcome = await this.#take(at)
      if (outcome === 'end') return
      yield outcome.batch as B
    }
  }

  /** After a whole pass: the threads wait for the next one and keep no process alive. */
  rest(): void {
    for (const worker of this.#workers) worker.unref()
  }

  async end(): Promise<void> {
    for (const worker of this.#workers) worker.removeAllListeners('exit')
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  /** Forgets what the last pass has asked for too much. */
  #begin(): number {
    this.#waiting.clear()
    for (const worker of this.#workers) worker.ref()
    return this.#asked
  }

  #start(worker: number): Worker {
    const { spec, workers } = this.#options
    const workerData: WorkerStart = { spec, worker, workers }
    // From source, on engines that strip types, the worker is TypeScript too.
    const file = import.meta.url.endsWith('.ts') ? './loader-worker.ts' : './loader-worker.js'
    const thread = new Worker(new URL(file, import.meta.url), { workerData })
    thread.on('message', (message: FromLoaderWorker) => this.#receive(message))
    thread.on('messageerror', (error) => this.#breakDown(worker, error))
    thread.on('error', (error) => this.#breakDown(worker, error))
    thread.on('exit', (code) => this.#breakDown(worker, new Error(`it ended with code ${code}`)))
    return thread
  }

  #ask(request: Omit<ToLoaderWorker, 'at'>): void {
    const at = this.#asked++
    const outcome = deferred()
    // Its error is thrown when its turn has come, or never, if the loop is left before.
    outcome.promise.catch(() => {})
    this.#waiting.set(at, outcome)
    if (this.#broken) {
      outcome.reject(this.#broken)
      return
    }
    const message: ToLoaderWorker = { at, ...request }
    this.#workers[request.rows ? at % this.#workers.length : 0]!.postMessage(message)
  }

  #receive(message: FromLoaderWorker): void {
    const outcome = this.#waiting.get(message.at)
    if (message.kind === 'failed') outcome?.reject(received(message.error))
    else outcome?.resolve(message.kind === 'end' ? 'end' : message)
  }

  async #take(at: number): Promise<Outcome> {
    const { timeout } = this.#options
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooLate(timeout)), timeout)
    })
    try {
      return await Promise.race([this.#waiting.get(at)!.promise, late])
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(at)
    }
  }

  /** A worker has died: what it would have made never comes. */
  #breakDown(worker: number, cause: unknown): void {
    this.#broken ??= new BrickError({
      kind: 'device',
      where: `DataLoader: worker ${worker}`,
      wanted: 'a worker thread that goes on',
      got: cause instanceof Error ? `one that died: ${cause.message}` : String(cause),
      remedy: 'Use workers: 0 to see where it happens, or fewer workers if memory was short.',
      cause,
    })
    for (const outcome of this.#waiting.values()) outcome.reject(this.#broken)
  }
}

/** The error of a worker, with the stack it had there. */
function received({ message, stack, parts }: SentError): Error {
  const error = parts ? new BrickError(parts) : new Error(message)
  if (stack !== undefined) error.stack = `${stack}\n    in a worker thread of a DataLoader`
  return error
}

function tooLate(timeout: number): BrickError {
  return new BrickError({
    kind: 'device',
    where: 'DataLoader: workers',
    wanted: `the next batch within ${timeout} ms`,
    got: 'none',
    remedy: 'See what an item waits for with workers: 0, or raise timeout.',
  })
}
