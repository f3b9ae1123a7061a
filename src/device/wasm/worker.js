// @ts-check
/**
 * One thread of the WebAssembly device. It is plain JavaScript, so that it runs unbuilt.
 *
 * All workers execute the same run together. Words in shared memory (see `control.ts`) carry the
 * run's parameters and the counters; messages only wake a worker that has gone back to its event
 * loop, and tell the main thread that a run has ended.
 *
 * @typedef {import('./control.ts').KernelInfo & { run: (slots: number, chunk: number, scratch: number) => void }} Kernel
 * @typedef {import('./control.ts').WorkerInit} WorkerInit
 * @typedef {import('./control.ts').ToWorker} ToWorker
 * @typedef {import('./control.ts').FromWorker} FromWorker
 */
import { following } from './order.js'

/** How often a barrier is looked at before the thread goes to sleep: some ten microseconds. */
const SPINS = 3000
/** For how many milliseconds a worker stays at the counter for the next run. */
const LINGER = 2

/** @type {(message: FromWorker) => void} */
let post = () => {}
/** @type {WorkerInit} */
let init
/** @type {Int32Array} */
let words
/** @type {Map<number, Kernel[]>} */
const loaded = new Map()
/** The last run that this worker took part in, and the barriers it has passed, modulo 2³². */
let lastRun = 0
let phase = 0

/** @param {ToWorker} message */
function receive(message) {
  if (message.kind === 'init') {
    init = message
    words = new Int32Array(init.memory.buffer, init.control, init.words)
    return
  }
  if (message.kind === 'load') load(message.id, message.module, message.kernels)
  else if (message.kind === 'unload') loaded.delete(message.id)
  serve()
}

/** @type {(id: number, module: WebAssembly.Module, infos: readonly import('./control.ts').KernelInfo[]) => void} */
function load(id, module, infos) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory: init.memory } })
  const kernels = infos.map((info, k) => {
    const run = /** @type {Kernel['run']} */ (exports[`k${k}`])
    return { ...info, run }
  })
  loaded.set(id, kernels)
}

/** Takes part in runs until none has come for a while, or one needs a program still in the post. */
function serve() {
  const { RUN, PROGRAM, PARKED } = init.at
  const parked = PARKED + init.index
  Atomics.store(words, parked, 0)
  for (;;) {
    const run = Atomics.load(words, RUN)
    if (run !== lastRun) {
      const kernels = loaded.get(Atomics.load(words, PROGRAM))
      if (kernels === undefined) break
      lastRun = run
      execute(kernels)
    } else if (waitForChange(RUN, run) === run) {
      Atomics.store(words, parked, 1)
      if (Atomics.load(words, RUN) === run) return
      Atomics.store(words, parked, 0)
    }
  }
  Atomics.store(words, parked, 1)
}

/**
 * Waits for a word to change, a few milliseconds at most, and returns what it is then.
 *
 * @type {(word: number, old: number) => number}
 */
function waitForChange(word, old) {
  for (let i = 0; i < SPINS; i++) if (Atomics.load(words, word) !== old) break
  if (Atomics.load(words, word) === old) Atomics.wait(words, word, old, LINGER)
  return Atomics.load(words, word)
}

/** @param {readonly Kernel[]} kernels */
function execute(kernels) {
  const { SLOTS, SCRATCH, STRIDE, FAILED, TIMES, BEGUN } = init.at
  const slots = Atomics.load(words, SLOTS)
  const scratch = (Atomics.load(words, SCRATCH) + init.index * Atomics.load(words, STRIDE)) | 0
  const address = Atomics.load(words, TIMES)
  const times =
    address === 0 ? undefined : new Float64Array(init.memory.buffer, address, kernels.length + 1)
  if (times && Atomics.add(words, BEGUN, 1) === 0) times[0] = clock()
  let base = 0
  for (let k = 0; k < kernels.length; ) {
    const kernel = /** @type {Kernel} */ (kernels[k])
    try {
      share(kernel, base, slots, scratch)
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      post({ kind: 'failed', kernel: k, text })
      Atomics.store(words, FAILED, lastRun)
    }
    base += kernel.chunks + init.threads // each thread takes one number too many
    barrier(k, times)
    if (Atomics.load(words, FAILED) === lastRun) break
    k = following(k, kernel.again, init.memory.buffer, slots)
  }
  if (init.index === 0) post({ kind: 'done', run: lastRun })
}

/** @type {(kernel: Kernel, base: number, slots: number, scratch: number) => void} */
function share({ chunks, run }, base, slots, scratch) {
  const { NEXT } = init.at
  for (;;) {
    const chunk = Atomics.add(words, NEXT, 1) - base
    if (chunk >= chunks) return
    run(slots, chunk, scratch)
  }
}

/**
 * Nanoseconds, on one clock for all threads.
 *
 * @type {() => number}
 */
const clock =
  typeof process === 'object' && process.hrtime
    ? () => Number(process.hrtime.bigint())
    : () => (performance.timeOrigin + performance.now()) * 1e6

/**
 * Gives the time since the last barrier to a kernel.
 *
 * @type {(times: Float64Array, kernel: number) => void}
 */
function lap(times, kernel) {
  const now = clock()
  times[kernel + 1] =
    /** @type {number} */ (times[kernel + 1]) + now - /** @type {number} */ (times[0])
  times[0] = now
}

/**
 * No thread goes on before all have come. The last one to come notes the kernel's time.
 *
 * @type {(kernel: number, times: Float64Array | undefined) => void}
 */
function barrier(kernel, times) {
  const { ARRIVED, PHASE } = init.at
  const old = phase
  phase = (phase + 1) | 0
  if (Atomics.add(words, ARRIVED, 1) === init.threads - 1) {
    if (times) lap(times, kernel)
    Atomics.store(words, ARRIVED, 0)
    Atomics.store(words, PHASE, phase)
    Atomics.notify(words, PHASE)
    return
  }
  for (let i = 0; i < SPINS; i++) if (Atomics.load(words, PHASE) !== old) return
  while (Atomics.load(words, PHASE) === old) Atomics.wait(words, PHASE, old)
}

if (typeof process === 'object' && process.versions?.node) {
  const { parentPort } = await import('node:worker_threads')
  if (parentPort) {
    post = (message) => parentPort.postMessage(message)
    parentPort.on('message', receive)
  }
} else {
  post = (message) => globalThis.postMessage(message)
  globalThis.addEventListener('message', (event) => receive(event.data))
}
post({ kind: 'ready' })
