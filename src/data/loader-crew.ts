import { Worker } from 'node:worker_threads'
import { BrickError } from '../base/errors.ts'
import type { Draw } from './dataset.ts'
import type { Recipe } from './recipe.ts'

/** What a worker is started with. */
export interface WorkerJob {
  /** The recipe of a BatchMaker. */
  readonly spec: Recipe
  readonly draw: Draw
  readonly worker: number
  readonly workers: number
  readonly stream: { batchSize: number; dropLast: boolean; from: number } | undefined
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

interface Job {
  readonly spec: Recipe
  readonly draw: Draw
  readonly prefetch: number
  readonly timeout: number
}

type Outcome = { readonly batch: unknown } | 'end'

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

/** The worker threads of one pass over a loader. */
export class Crew {
  readonly #workers: readonly Worker[]
  readonly #waiting = new Map<number, Deferred>()
  readonly #timeout: number
  #broken: BrickError | undefined

  /** Batches of rows, in order, made by some workers. */
  static async *batches<B>(
    job: Job & { readonly workers: number; readonly rows: readonly Int32Array[] },
  ): AsyncGenerator<B, void, undefined> {
    const { rows, prefetch } = job
    const crew = new Crew(job, Math.min(job.workers, rows.length), undefined)
    try {
      let asked = 0
      for (let at = 0; at < rows.length; at++) {
        const ahead = at + crew.#workers.length * prefetch
        for (; asked < rows.length && asked < ahead; asked++) crew.#ask(asked, rows[asked])
        yield ((await crew.#take(at)) as { batch: unknown }).batch as B
      }
    } finally {
      await crew.#end()
    }
  }

  /** Batches of a dataset that iterates, made by one worker. */
  static async *stream<B>(
    job: Job & { readonly stream: NonNullable<WorkerJob['stream']> },
  ): AsyncGenerator<B, void, undefined> {
    const crew = new Crew(job, 1, job.stream)
    try {
      let asked = 0
      for (let at = 0; ; at++) {
        for (; asked < at + job.prefetch; asked++) crew.#ask(asked, undefined)
        const outcome = await crew.#take(at)
        if (outcome === 'end') return
        yield outcome.batch as B
      }
    } finally {
      await crew.#end()
    }
  }

  private constructor({ spec, draw, timeout }: Job, workers: number, stream: WorkerJob['stream']) {
    this.#timeout = timeout
    this.#workers = Array.from({ length: workers }, (_, worker) => {
      const workerData: WorkerJob = { spec, draw, worker, workers, stream }
      return this.#start(worker, workerData)
    })
  }

  #start(index: number, workerData: WorkerJob): Worker {
    // From source, on engines that strip types, the worker is TypeScript too.
    const file = import.meta.url.endsWith('.ts') ? './loader-worker.ts' : './loader-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), { workerData })
    worker.on('message', (message: FromLoaderWorker) => this.#receive(message))
    worker.on('messageerror', (error) => this.#breakDown(index, error))
    worker.on('error', (error) => this.#breakDown(index, error))
    worker.on('exit', (code) => this.#breakDown(index, new Error(`it ended with code ${code}`)))
    return worker
  }

  #ask(at: number, rows: Int32Array | undefined): void {
    const outcome = deferred()
    // Its error is thrown when its turn has come, or never, if the loop is left before.
    outcome.promise.catch(() => {})
    this.#waiting.set(at, outcome)
    if (this.#broken) outcome.reject(this.#broken)
    else this.#workers[at % this.#workers.length]!.postMessage({ at, rows: rows && [...rows] })
  }

  #receive(message: FromLoaderWorker): void {
    const outcome = this.#waiting.get(message.at)
    if (message.kind === 'failed') outcome?.reject(received(message.error))
    else outcome?.resolve(message.kind === 'end' ? 'end' : message)
  }

  async #take(at: number): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooLate(this.#timeout)), this.#timeout)
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

  async #end(): Promise<void> {
    for (const worker of this.#workers) worker.removeAllListeners('exit')
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
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
