import { type Shape, sizeOf } from '../base/shape.ts'
import { unavailable } from './refusal.ts'
import type { Servable } from './servable.ts'

/** What became of one batch. */
export interface BatchReport {
  /** Examples that were asked for, without those that fill up the batch. */
  readonly rows: number
  /** The longest that one of them waited. */
  readonly waitedMs: number
  readonly ranMs: number
}

export interface BatcherOptions {
  /** Examples in a batch, at most. */
  readonly maxBatch: number
  /** How long an example waits for others, at most, while nothing runs. */
  readonly maxDelayMs: number
  /** How long an example waits at all, at most. */
  readonly timeoutMs: number
  readonly onBatch?: (report: BatchReport) => void
}

interface Waiting {
  readonly data: Float32Array
  readonly rows: number
  readonly since: number
  answer(result: Float32Array): void
  fail(reason: unknown): void
}

/** Examples in a queue, and what will become of them. */
function waitingFor(data: Float32Array, rows: number) {
  let [answer, fail]: [Waiting['answer'], Waiting['fail']] = [() => {}, () => {}]
  const result = new Promise<Float32Array>((resolve, reject) => {
    answer = resolve
    fail = reject
  })
  const item: Waiting = { data, rows, since: performance.now(), answer, fail }
  return { item, result }
}

/**
 * The sizes of the batches that run: powers of two, and the largest. Others are filled up, so that
 * few programs are compiled.
 *
 * @example
 * ```ts
 * batchSizes(12) // [1, 2, 4, 8, 12]
 * ```
 */
export function batchSizes(maxBatch: number): number[] {
  const sizes: number[] = []
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size)
  return [...sizes, maxBatch]
}

/**
 * Gathers examples of several requests into batches and runs these one after the other. A batch
 * starts when it is full, or when its oldest example has waited for `maxDelayMs`; what comes while
 * one runs waits for the next.
 */
export class Batcher {
  readonly #servable: Servable
  readonly #options: BatcherOptions
  /** The sizes of the batches that run. */
  readonly sizes: readonly number[]
  readonly #inputShape: Shape
  #queue: Waiting[] = []
  #rows = 0
  #isRunning = false
  #maxDelayMs: number
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  constructor(servable: Servable, options: BatcherOptions) {
    this.#servable = servable
    this.#options = options
    this.#maxDelayMs = options.maxDelayMs
    this.sizes = servable.batch ? [servable.batch] : batchSizes(options.maxBatch)
    this.#inputShape = servable.inputs[0].shape.slice(1)
  }

  /** Examples of a batch, and of one request, at most. */
  get most(): number {
    return this.sizes.at(-1)!
  }

  /** Examples that wait for a batch. */
  get waiting(): number {
    return this.#rows
  }

  /** Runs each size of batch once, so that no request waits for a compiler. */
  async warmUp(): Promise<void> {
    for (const size of this.sizes) {
      await this.#run(new Float32Array(size * sizeOf(this.#inputShape)), size)
    }
  }

  /**
   * The results of `rows` examples, no more than {@link most}, when their batch has run.
   *
   * @param signal Takes the examples out again, if their batch has not started yet.
   * @throws Refusal 503 if they had to wait for too long; what the model throws.
   */
  async submit(data: Float32Array, rows: number, signal?: AbortSignal): Promise<Float32Array> {
    signal?.throwIfAborted()
    const { timeoutMs } = this.#options
    const { item, result } = waitingFor(data, rows)
    const leave = (reason: unknown) => {
      if (this.#remove(item)) item.fail(reason)
    }
    const gone = () => leave(signal?.reason)
    signal?.addEventListener('abort', gone)
    const timer = setTimeout(() => {
      leave(unavailable(`no answer within ${timeoutMs} ms`, 'fewer requests at a time'))
    }, timeoutMs)
    this.#queue.push(item)
    this.#rows += rows
    this.#schedule()
    try {
      return await result
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', gone)
    }
  }

  /** From now on nothing waits for others: there will be none. */
  hurry(): void {
    this.#maxDelayMs = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#schedule()
  }

  #remove(item: Waiting): boolean {
    const at = this.#queue.indexOf(item)
    if (at < 0) return false
    this.#queue.splice(at, 1)
    this.#rows -= item.rows
    return true
  }

  /** Starts a batch now, or sees to it that one starts in time. */
  #schedule(): void {
    const oldest = this.#queue[0]
    if (this.#isRunning || !oldest) return
    const rest = this.#maxDelayMs - (performance.now() - oldest.since)
    if (this.#rows >= this.most) this.#start()
    else if (rest > 0) this.#timer ??= setTimeout(() => this.#start(), rest)
    // Requests that the system has handed over already are read before it.
    else this.#immediate ??= setImmediate(() => this.#start())
  }

  #start(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timer = undefined
    this.#immediate = undefined
    const items = this.#take()
    if (items.length === 0) return
    this.#isRunning = true
    this.#serve(items).finally(() => {
      this.#isRunning = false
      this.#schedule()
    })
  }

  /** The oldest requests that fit into one batch. */
  #take(): Waiting[] {
    let rows = 0
    let count = 0
    for (const item of this.#queue) {
      if (rows + item.rows > this.most) break
      rows += item.rows
      count++
    }
    this.#rows -= rows
    return this.#queue.splice(0, count)
  }

  async #serve(items: readonly Waiting[]): Promise<void> {
    const start = performance.now()
    const rows = items.reduce((sum, item) => sum + item.rows, 0)
    try {
      const results = await this.#run(this.#joined(items, rows), this.#sizeFor(rows))
      const width = results.length / this.#sizeFor(rows)
      const waitedMs = start - items[0]!.since
      this.#options.onBatch?.({ rows, waitedMs, ranMs: performance.now() - start })
      let row = 0
      for (const item of items) {
        item.answer(results.subarray(row * width, (row + item.rows) * width))
        row += item.rows
      }
    } catch (reason) {
      for (const item of items) item.fail(reason)
    }
  }

  #sizeFor(rows: number): number {
    return this.sizes.find((size) => size >= rows)!
  }

  #joined(items: readonly Waiting[], rows: number): Float32Array {
    const size = this.#sizeFor(rows)
    const [first] = items
    if (items.length === 1 && first!.rows === size) return first!.data
    const data = new Float32Array(size * sizeOf(this.#inputShape))
    let at = 0
    for (const item of items) {
      data.set(item.data, at)
      at += item.data.length
    }
    return data
  }

  async #run(data: Float32Array, size: number): Promise<Float32Array> {
    const shape = [size, ...this.#inputShape]
    return (await this.#servable.run({ dtype: 'f32', shape, data })).data
  }
}
