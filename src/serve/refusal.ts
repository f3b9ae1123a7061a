import { BrickError, type ErrorParts } from '../base/errors.ts'

/** An error with its HTTP status: what the client is told, in the house's words. */
export class Refusal extends BrickError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    parts: Omit<ErrorParts, 'kind'>,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super({ kind: status === 404 ? 'unknown' : 'argument', ...parts })
    this.name = 'Refusal'
    this.status = status
    this.headers = headers
  }
}

/** What a schema says against a body, or another part of a request. */
export function badBody(
  problems: readonly { readonly instancePath?: string; readonly message?: string }[],
  part = 'body',
): Refusal {
  const { instancePath = '', message = 'something else' } = problems[0] ?? {}
  const wanted = message
    .replace(/^must be /, '')
    .replace(/^must have /, 'one with ')
    .replace(/^must NOT have /, 'one without ')
  const remedy = 'GET /openapi.json describes it.'
  return new Refusal(400, { where: `${part}${instancePath}`, wanted, remedy })
}

/** What the client should wait before it comes again, in seconds. */
const RETRY_SECONDS = '1'

/** More than the server takes on at once: 429. */
export function tooBusy(got: string, wanted: string): Refusal {
  const remedy = 'Try again in a moment, or send less at once.'
  return new Refusal(
    429,
    { where: 'server', got, wanted, remedy },
    { 'retry-after': RETRY_SECONDS },
  )
}

/** Not now, but later: 503. */
export function unavailable(got: string, wanted: string): Refusal {
  const parts = { where: 'server', got, wanted, remedy: 'Try again in a moment.' }
  return new Refusal(503, parts, { 'retry-after': RETRY_SECONDS })
}
