import { setTimeout as sleep } from 'node:timers/promises'
import { HubApiError } from '@huggingface/hub'
import { BrickError } from '../base/errors.ts'
import type { Repository } from './options.ts'

/** A server that sends a whole file where a part was asked for. */
export class NoRanges extends Error {
  override readonly message = 'the server sends no parts of files'
}

/**
 * `fetch` for one request to the hub, which gives up when nothing comes for a while and remembers
 * what the hub said was wrong.
 */
export class Connection {
  /** The hub's own word for what is wrong: `GatedRepo`, `EntryNotFound`. */
  code: string | undefined
  /** Whether a whole file came where a part was asked for. */
  ignoresRanges = false
  private readonly timeout: number
  private timer: NodeJS.Timeout | undefined
  private controller = new AbortController()

  constructor(timeout: number) {
    this.timeout = timeout
  }

  readonly fetch: typeof fetch = async (input, init) => {
    this.controller = new AbortController()
    this.alive()
    const response = await fetch(input, { ...init, signal: this.controller.signal })
    this.alive()
    this.code = response.headers.get('x-error-code') ?? undefined
    const range = new Headers(init?.headers).get('range') ?? ''
    if (response.status === 200 && /^bytes=[1-9]/.test(range)) {
      this.ignoresRanges = true
      this.end()
      throw new NoRanges()
    }
    return response
  }

  /** Something came: wait for more. */
  alive(): void {
    clearTimeout(this.timer)
    const late = () => this.controller.abort(new Error(`no bytes for ${this.timeout} ms`))
    this.timer = setTimeout(late, this.timeout)
  }

  /** Nothing more is wanted. */
  end(): void {
    clearTimeout(this.timer)
    this.controller.abort()
  }
}

/**
 * Asks the hub, again and again if it could help: not if the hub says no.
 *
 * @param what What is asked for, for errors.
 * @throws BrickError `network` if the hub can't be reached, `unknown` if there is no such thing,
 * `argument` if one may not have it.
 */
export async function ask<T>(
  repository: Repository,
  what: string,
  request: (connection: Connection) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const connection = new Connection(repository.timeout)
    try {
      return await request(connection)
    } catch (error) {
      // Streams pass on texts of errors only.
      if (connection.ignoresRanges) throw new NoRanges()
      if (error instanceof BrickError) throw error
      if (!isPassing(error) || attempt >= repository.retries) {
        throw hubError(repository, what, error, connection.code)
      }
      await pause(attempt)
    } finally {
      connection.end()
    }
  }
}

/** A quarter of a second, and twice as long each time, up to eight seconds. */
export const pause = (attempt: number): Promise<void> => sleep(Math.min(8000, 250 * 2 ** attempt))

/** Whether the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof HubApiError)) return true
  return error.statusCode >= 500 || error.statusCode === 429 || error.statusCode === 408
}

/** What went wrong, as the user's error. */
export function hubError(
  { name, revision, hubUrl, token }: Repository,
  what: string,
  error: unknown,
  code?: string,
): BrickError {
  const status = error instanceof HubApiError ? error.statusCode : undefined
  const where = `${hubUrl}/${name}`
  if (status === 404 || code === 'RepoNotFound') {
    const hint = token ? '' : ' A private repository needs a token: pass { token } or set HF_TOKEN.'
    return new BrickError({
      kind: 'unknown',
      where,
      wanted: code === 'RepoNotFound' ? 'a repository that is there' : `${what} at '${revision}'`,
      got: `none (${status}${code ? ` ${code}` : ''})`,
      remedy: `Check the name and the revision.${code === 'RepoNotFound' ? hint : ''}`,
      cause: error,
    })
  }
  if (status === 401 || status === 403) {
    return new BrickError({
      kind: 'argument',
      where,
      wanted: `access to ${what}`,
      got: `${status}${code ? ` ${code}` : ''}, ${token ? 'with a token' : 'without a token'}`,
      remedy: `Accept its terms at ${where}, make a token at ${hubUrl}/settings/tokens, and pass { token } or set HF_TOKEN.`,
      cause: error,
    })
  }
  return new BrickError({
    kind: 'network',
    where,
    wanted: what,
    got: status === undefined ? reasonOf(error) : `${status} ${(error as Error).message}`,
    remedy:
      'Check the connection and try again, or name a folder or file of weights on this machine.',
    cause: error,
  })
}

/** The innermost reason: fetch says only that it failed, and streams pass on texts. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { message, cause } = error
  return cause instanceof Error ? cause.message || String(cause) : message
}
