import type { FromWorker, ToWorker } from './control.ts'
import { isNode } from './features.ts'

/** A worker, in Node or in a browser. */
export interface Thread {
  post(message: ToWorker): void
  /** Whether the thread keeps the process alive. It does not at first. */
  hold(alive: boolean): void
  end(): Promise<void>
}

export interface Listener {
  readonly message: (message: FromWorker) => void
  /** The thread has ended by itself. */
  readonly failure: (cause: unknown) => void
}

const script = (): URL => new URL('./worker.js', import.meta.url)

/** Starts a worker; it says `ready` once it listens. */
export function startThread(listener: Listener): Promise<Thread> {
  return isNode() ? startInNode(listener) : Promise.resolve(startInBrowser(listener))
}

async function startInNode({ message, failure }: Listener): Promise<Thread> {
  const { Worker } = await import('node:worker_threads')
  const worker = new Worker(script(), { execArgv: [], env: {} })
  worker.on('message', message)
  worker.on('error', failure)
  worker.on('exit', (code) => failure(new Error(`worker thread ended with code ${code}`)))
  worker.unref()
  return {
    post: (it) => worker.postMessage(it),
    hold: (alive) => (alive ? worker.ref() : worker.unref()),
    end: async () => {
      worker.removeAllListeners('exit')
      await worker.terminate()
    },
  }
}

function startInBrowser({ message, failure }: Listener): Thread {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  worker.addEventListener('message', (event) => message(event.data as FromWorker))
  worker.addEventListener('error', (event) => failure(event.error ?? event.message))
  return {
    post: (it) => worker.postMessage(it),
    hold: () => {},
    end: async () => worker.terminate(),
  }
}

/** Resolves in a later turn of the event loop: timers, messages and finalizers get their chance. */
export function nextTurn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve))
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
