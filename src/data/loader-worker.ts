import { parentPort, workerData } from 'node:worker_threads'
import { BrickError } from '../base/errors.ts'
import type { BatchMaker } from './batch-maker.ts'
import type { FromLoaderWorker, SentError, ToLoaderWorker, WorkerStart } from './loader-crew.ts'
import { revive } from './recipe.ts'
import { setWorkerInfo } from './worker-info.ts'

const { spec, worker, workers } = workerData as WorkerStart
const ready = revive(spec) as Promise<BatchMaker<unknown, unknown>>
ready.catch(() => {})

let batches: AsyncGenerator<unknown, void, undefined> | undefined
/** One batch after the other: a stream has one place only. */
let last: Promise<void> = ready.then(
  () => {},
  () => {},
)

parentPort!.on('message', (request: ToLoaderWorker) => {
  last = last.then(() => answer(request))
})

async function answer({ at, draw, rows, stream }: ToLoaderWorker): Promise<void> {
  const seed = draw.seed + (worker + 1) * 2 ** 32
  setWorkerInfo({ id: worker, workers, seed, epoch: draw.epoch })
  try {
    const maker = await ready
    if (rows) return send({ kind: 'batch', at, batch: await maker.make(rows, draw) }, maker.isFresh)
    if (stream) {
      await batches?.return()
      batches = maker.stream(draw, stream.batchSize, stream.dropLast, stream.from)
    }
    const { done, value } = await batches!.next()
    send(done ? { kind: 'end', at } : { kind: 'batch', at, batch: value }, maker.isFresh)
  } catch (error) {
    parentPort!.postMessage({ kind: 'failed', at, error: sent(error) })
  }
}

/** @param isFresh Whether nobody here keeps the batch's memory: it is handed over, not copied. */
function send(message: FromLoaderWorker, isFresh: boolean): void {
  const buffers = new Set<ArrayBuffer>()
  if (isFresh && message.kind === 'batch') collectBuffers(message.batch, buffers)
  parentPort!.postMessage(message, [...buffers])
}

/** The memory of all arrays. What is in shared memory stays there. */
function collectBuffers(value: unknown, found: Set<ArrayBuffer>): void {
  if (value === null || typeof value !== 'object') return
  if (ArrayBuffer.isView(value)) {
    // A part of a larger buffer is copied: others may read the rest.
    const { buffer, byteLength } = value
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) found.add(buffer)
    return
  }
  for (const part of Object.values(value)) collectBuffers(part, found)
}

function sent(error: unknown): SentError {
  if (!(error instanceof Error))
    return { message: String(error), stack: undefined, parts: undefined }
  const { message, stack } = error
  if (!(error instanceof BrickError)) return { message, stack, parts: undefined }
  const { kind, where, got, wanted, remedy } = error
  const parts = {
    kind,
    where,
    ...(got === undefined ? {} : { got }),
    ...(wanted === undefined ? {} : { wanted }),
    ...(remedy === undefined ? {} : { remedy }),
  }
  return { message, stack, parts }
}
