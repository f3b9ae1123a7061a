import { randomUUID } from 'node:crypto'
import swagger from '@fastify/swagger'
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { answerBadAddress, answerBrokenClient, answerError, answerUnknown } from './answers.ts'
import { type Context, claimedBytes } from './context.ts'
import { addJsonParser } from './json-body.ts'
import type { Settings } from './options.ts'
import { Refusal } from './refusal.ts'
import { addAbout } from './routes/about.ts'
import { addClassify } from './routes/classify.ts'
import { addFeedback } from './routes/feedback.ts'
import { addInfer } from './routes/infer.ts'
import { addProtocol } from './routes/protocol.ts'
import { addRepository } from './routes/repository.ts'
import { packageVersion } from './version.ts'

/** The server's addresses, ready to listen. */
export async function buildApp(context: Context, app: FastifyInstance): Promise<void> {
  const methods = methodsByPath(app)
  addJsonParser(app)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerUnknown)
  watchRequests(app, context)
  announceEnd(app)
  await app.register(swagger, { openapi: about })
  addAbout(app, context)
  addProtocol(app, context)
  addRepository(app, context)
  await app.register((scope) => addInfer(scope, context))
  await app.register((scope) => addClassify(scope, context))
  await app.register((scope) => addFeedback(scope, context))
  refuseOtherMethods(app, methods)
  await app.ready()
}

/** The framework with our limits, and no addresses yet. */
export function createApp(settings: Settings): FastifyInstance {
  const { maxBodyBytes, timeoutMs, log, logLevel, maxConnections } = settings
  const app = fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: timeoutMs,
    // A connection on which nothing moves: sending and waiting may each take `timeoutMs`.
    connectionTimeout: 2 * timeoutMs + 1000,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: Math.min(timeoutMs, 10_000),
      // Node looks for slow clients this often; its own default is half a minute.
      connectionsCheckingInterval: Math.min(1000, Math.ceil(timeoutMs / 2)),
      requestTimeout: timeoutMs,
    },
    genReqId: ({ headers }) => requestId(headers['x-request-id']),
    // Requests have a line of their own, below.
    logController: new LogController({ disableRequestLogging: true }),
    clientErrorHandler: answerBrokenClient,
    // Its types know the answers of this one address, which has none.
    frameworkErrors: (error, _, reply) => answerBadAddress(error, reply as unknown as FastifyReply),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    logger:
      log === 'none'
        ? false
        : {
            level: logLevel,
            stream: log,
            base: null,
            timestamp: () => `,"time":"${new Date().toISOString()}"`,
            formatters: { level: (level) => ({ level }) },
          },
  })
  app.server.maxConnections = maxConnections
  return app
}

const about = {
  openapi: '3.1.0',
  info: {
    title: 'Brickwork',
    description: 'A model served: the Open Inference Protocol v2, and images.',
    version: packageVersion(),
  },
}

/** A client's own id, if it can be shown as it is. */
function requestId(given: string | readonly string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID()
}

/** Tells clients that what they send next needs a connection of its own, once the server ends. */
function announceEnd(app: FastifyInstance): void {
  let isEnding = false
  app.addHook('preClose', async () => {
    isEnding = true
  })
  app.addHook('onSend', async (_, reply) => {
    if (isEnding) reply.header('connection', 'close')
  })
}

/** Counts and logs requests, and refuses work beyond what is taken on at once. */
function watchRequests(app: FastifyInstance, { admission, metrics, settings }: Context): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff')
    reply.raw.once('close', () => {
      const status = reply.raw.writableFinished ? reply.statusCode : 499
      const route = request.routeOptions.url ?? 'none'
      metrics.answered(route, request.method, status, reply.elapsedTime)
      logRequest(request, reply, status)
    })
    checkMedia(request)
    if (!request.routeOptions.config.isWork) return
    const leave = admission.enter(claimedBytes(request, settings.maxBodyBytes))
    reply.raw.once('close', leave)
  })
}

const json = { types: /^application\/json\b|^$/, words: 'application/json' }

/** @throws Refusal 415 for a body of another media type, and for a packed one: it could be a bomb. */
function checkMedia({ method, headers, routeOptions: { config } }: FastifyRequest): void {
  if (method !== 'POST') return
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers
  if (encoding !== 'identity') {
    const got = `'${encoding.slice(0, 50)}'`
    throw new Refusal(415, { where: 'Content-Encoding', got, wanted: 'a body that is not packed' })
  }
  const { types, words } = config.accepts ?? json
  if (types.test(type)) return
  const isForm = type.startsWith('multipart/')
  throw new Refusal(415, {
    where: 'Content-Type',
    got: type ? `'${type.slice(0, 100)}'` : 'none',
    wanted: words,
    ...(isForm ? { remedy: 'Forms are not read: send the bytes themselves.' } : {}),
  })
}

function logRequest(request: FastifyRequest, reply: FastifyReply, status: number): void {
  const { method, url, ip } = request
  const path = url.split('?')[0]!.slice(0, 200)
  const ms = Math.round(reply.elapsedTime * 100) / 100
  const level = path.startsWith('/v2/health/') ? 'debug' : 'info'
  request.log[level]({ method, path, status, ms, ip }, 'request')
}

/** What stands at each path, as it is added. */
function methodsByPath(app: FastifyInstance): Map<string, string[]> {
  const methods = new Map<string, string[]>()
  app.addHook('onRoute', ({ url, method }) => {
    methods.set(url, [...(methods.get(url) ?? []), method].flat())
  })
  return methods
}

const allMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** The framework would answer 404. */
function refuseOtherMethods(
  app: FastifyInstance,
  methods: ReadonlyMap<string, readonly string[]>,
): void {
  for (const [url, known] of [...methods]) {
    const allow = [...new Set(known)].join(', ')
    app.route({
      url,
      method: allMethods.filter((method) => !known.includes(method)),
      schema: { hide: true },
      onRequest: async ({ method }) => {
        const parts = { where: url, got: method, wanted: allow }
        throw new Refusal(405, parts, { allow })
      },
      handler: async () => undefined,
    })
  }
}
