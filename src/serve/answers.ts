import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { badBody, Refusal } from './refusal.ts'

/** What the framework itself refuses, in our words. */
const ownWords: Readonly<Record<string, (error: FastifyError, request: FastifyRequest) => string>> =
  {
    FST_ERR_CTP_BODY_TOO_LARGE: (_, { server }) =>
      `body: expected at most ${server.initialConfig.bodyLimit} bytes. Send less at once, or raise --max-body-mb.`,
    FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
      'body: its length is not what the header Content-Length says.',
  }

/** Answers with `{ "error": … }`. What is the server's own fault is told to the log alone. */
export function answerError(
  error: FastifyError | Refusal,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  if (reply.raw.destroyed) return gone(reply)
  if (error instanceof Refusal) {
    if (error.status >= 500) request.log.warn({ reason: error.message }, 'refused')
    return reply.code(error.status).headers(error.headers).send({ error: error.message })
  }
  const { statusCode = 500, code, validation, validationContext } = error
  if (validation) return answerError(badBody(validation, validationContext), request, reply)
  if (statusCode < 500) {
    const text = ownWords[code]?.(error, request) ?? error.message
    return reply.code(statusCode).send({ error: text })
  }
  request.log.error({ err: error }, 'failed')
  const text = `server: an error of its own. The log has it under ${request.id}.`
  return reply.code(500).send({ error: text })
}

/** Nobody is there to be answered. 499 is what proxies write into their logs for it. */
function gone(reply: FastifyReply) {
  return reply.code(499).send({ error: 'client: it went away.' })
}

export function answerUnknown({ method, url }: FastifyRequest, reply: FastifyReply) {
  const path = url.split('?')[0]!.slice(0, 200)
  const error = `${method} ${path}: no such address. GET / lists those that are here.`
  return reply.code(404).send({ error })
}

/** An address that no route is looked for. */
export function answerBadAddress({ statusCode = 400 }: FastifyError, reply: FastifyReply): void {
  reply.code(statusCode).send({ error: 'address: it is malformed, or too long.' })
}

/** What is no HTTP, or comes too slowly: there is no request yet to answer to. */
export function answerBrokenClient(
  error: NodeJS.ErrnoException,
  socket: { readonly writable: boolean; end(text: string): void; destroy(): void },
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, text] = brokenClients[error.code ?? ''] ?? [
    '400 Bad Request',
    'request: no valid HTTP.',
  ]
  const body = JSON.stringify({ error: text })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const brokenClients: Readonly<Record<string, readonly [status: string, text: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'request: it took too long to arrive. Send it faster, or raise --timeout-ms.',
  ],
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'request: its headers are too long.',
  ],
}
