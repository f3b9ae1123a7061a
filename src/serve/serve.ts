import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { BrickError } from '../base/errors.ts'
import { Admission } from './admission.ts'
import { buildApp, createApp } from './app.ts'
import type { Context } from './context.ts'
import { FeedbackStore } from './feedback-store.ts'
import { FileWatch } from './file-watch.ts'
import { LiveModel, type ReloadListener } from './live-model.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type ServeOptions, type Settings, settingsOf } from './options.ts'
import { RecentImages } from './recent-images.ts'
import type { OpenServable, Servable } from './servable.ts'

/** Images that corrected labels may be about: of late, and so many bytes. */
const RECENT_IMAGES = 1000
const RECENT_BYTES = 64 * 2 ** 20

/** How often idle connections are looked for while a server ends. */
const SWEEP_MS = 20

/** A server that runs. */
export interface Server {
  /** `http://127.0.0.1:8080` */
  readonly url: string
  /** The version that answers now. */
  readonly servable: Servable
  /**
   * Loads the model anew and lets the new version answer, without losing a request. The old one
   * goes on if that fails.
   *
   * @throws what `open` throws.
   */
  reload(): Promise<void>
  /** Takes nothing new on, answers what is under way (for `graceMs` at most), and ends. */
  close(): Promise<void>
}

/**
 * Serves a model over HTTP: the Open Inference Protocol v2, images at `/classify`, corrected labels
 * at `/feedback`, counters at `/metrics`. Examples of requests that come at the same time are
 * computed together. See docs/serving.md.
 *
 * @param open Loads the model: now, and again for each reload.
 * @returns The server, when the model is loaded and answers.
 * @throws BrickError `argument` for an option out of its range, `network` if the address can't be
 * had, and what `open` throws.
 * @example
 * ```ts
 * const model = new nn.Linear(4, 3)
 * const server = await serve(
 *   (version) => servableOf(model, { name: 'linear', version, inputShape: [4] }),
 *   { port: 0, log: 'none' },
 * )
 * const answer = await fetch(`${server.url}/v2/health/ready`)
 * answer.status // 200
 * await server.close()
 * ```
 */
export async function serve(open: OpenServable, options: ServeOptions = {}): Promise<Server> {
  const settings = settingsOf(options)
  const app = createApp(settings)
  const context = await createContext(open, settings, app)
  const { live } = context
  await buildApp(context, app)
  const watch = new FileWatch(settings.watch, settings.watchEveryMs, () => {
    // Told by the listener.
    live.load().catch(() => {})
  })
  const url = await listen(app, settings)
  try {
    await watch.start()
    await live.load()
  } catch (error) {
    watch.stop()
    await app.close()
    throw error
  }
  return {
    url,
    get servable() {
      return live.require().servable
    },
    reload: async () => {
      await live.load()
    },
    close: async () => {
      watch.stop()
      live.live?.batcher.hurry()
      await close(app, settings.graceMs)
      context.metrics.registry.clear()
    },
  }
}

async function createContext(
  open: OpenServable,
  settings: Settings,
  app: FastifyInstance,
): Promise<Context> {
  const { maxBatch, maxDelayMs, timeoutMs } = settings
  const admission = new Admission(settings.queue, settings.maxInFlightBytes)
  const metrics: Metrics = createMetrics({
    waiting: () => live.live?.batcher.waiting ?? 0,
    requests: () => admission.requests,
    model: () => live.live?.servable,
  })
  const batching = { maxBatch, maxDelayMs, timeoutMs, onBatch: metrics.batch }
  const live = new LiveModel(open, batching, listenerOf(app, metrics))
  const context = { settings, live, metrics, admission }
  if (!settings.feedback) return context
  const { feedback: folder, feedbackImages: mostImages, feedbackBytes: mostBytes } = settings
  const store = await FeedbackStore.open(folder, { mostImages, mostBytes })
  const recent = new RecentImages(RECENT_IMAGES, RECENT_BYTES)
  return { ...context, feedback: { store, recent } }
}

function listenerOf({ log }: FastifyInstance, metrics: Metrics): ReloadListener {
  return {
    preparing: ({ name, version }, batches) => {
      log.info({ model: name, version, batches }, 'preparing')
    },
    loaded: ({ servable: { name, version } }, milliseconds) => {
      metrics.reload('done')
      log.info({ model: name, version, ms: Math.round(milliseconds) }, 'loaded')
    },
    failed: (version, reason) => {
      metrics.reload('failed')
      const known = reason instanceof BrickError ? { reason: reason.message } : { err: reason }
      log.error({ version, ...known }, 'not loaded')
    },
  }
}

async function listen(app: FastifyInstance, { port, host }: Settings): Promise<string> {
  try {
    await app.listen({ port, host, listenTextResolver: (at) => `listening at ${at}` })
  } catch (error) {
    await app.close()
    const { code, message } = error as NodeJS.ErrnoException
    throw new BrickError({
      kind: 'network',
      where: `serve: ${host}, port ${port}`,
      got: code === 'EADDRINUSE' ? 'one that is in use (EADDRINUSE)' : message,
      wanted: 'an address of this machine that can be listened at',
      remedy: 'Choose another --port or --host; port 0 takes a free one.',
      cause: error,
    })
  }
  const { address, port: bound, family } = app.server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
}

/** Ends when all that is under way is answered, or else after the time of grace. */
async function close(app: FastifyInstance, graceMs: number): Promise<void> {
  const { server } = app
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs)
  // Connections become idle when what was under way on them is answered.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
  try {
    await app.close()
  } finally {
    clearTimeout(deadline)
    clearInterval(sweep)
  }
}
