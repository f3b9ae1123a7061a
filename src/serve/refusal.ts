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
