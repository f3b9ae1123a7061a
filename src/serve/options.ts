import { BrickError } from '../base/errors.ts'

/** How a server serves. Every limit has a default. */
export interface ServeOptions {
  /** Default 8080; 0 takes a free one. */
  readonly port?: number
  /** Default '127.0.0.1': reachable from this machine alone. */
  readonly host?: string
  /** Examples that are computed together, at most. Default 32. */
  readonly maxBatch?: number
  /** How long an example waits for others, in milliseconds, at most. Default 5. */
  readonly maxDelayMs?: number
  /** Requests that are taken on at once; others are answered 429. Default 256. */
  readonly queue?: number
  /** Bytes of a request's body, at most. Default 16 MiB. */
  readonly maxBodyBytes?: number
  /** Bytes of all bodies that are taken on at once. Default 16 times the most of one. */
  readonly maxInFlightBytes?: number
  /** How long a client may take to send a request, and to wait for its answer. Default 30,000. */
  readonly timeoutMs?: number
  /** Connections that are open at once. Default 1024. */
  readonly maxConnections?: number
  /** Files, the first of which that exists is watched: another one in its place is loaded. */
  readonly watch?: readonly string[]
  /** How often to look. Default 1000. */
  readonly watchEveryMs?: number
  /** Whether `POST /v2/repository/models/{model}/load` is let in. Default false. */
  readonly allowReload?: boolean
  /** A folder for images with corrected labels. Default: none, and no `POST /feedback`. */
  readonly feedback?: string
  /** Images that the folder may hold. Default 100,000. */
  readonly feedbackImages?: number
  /** Bytes that the folder may hold. Default 1 GiB. */
  readonly feedbackBytes?: number
  /** How long a server that is being closed answers what is under way. Default 10,000. */
  readonly graceMs?: number
  /** Where lines of JSON go; 'none' for no log. Default: stderr. */
  readonly log?: { write(line: string): void } | 'none'
  /** From which level on. Default 'info': requests, versions, errors. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
}

export type Settings = { readonly [K in keyof ServeOptions]-?: Exclude<ServeOptions[K], undefined> }

const MiB = 2 ** 20

/**
 * The options with their defaults.
 *
 * @throws BrickError `argument` for a number out of its range.
 */
export function settingsOf(options: ServeOptions): Settings {
  const maxBodyBytes = options.maxBodyBytes ?? 16 * MiB
  const settings = {
    port: 8080,
    host: '127.0.0.1',
    maxBatch: 32,
    maxDelayMs: 5,
    queue: 256,
    maxInFlightBytes: 16 * maxBodyBytes,
    timeoutMs: 30_000,
    maxConnections: 1024,
    watch: [],
    watchEveryMs: 1000,
    allowReload: false,
    feedback: '',
    feedbackImages: 100_000,
    feedbackBytes: 2 ** 30,
    graceMs: 10_000,
    log: process.stderr,
    logLevel: 'info',
    ...given(options),
    maxBodyBytes,
  } as const
  for (const [name, [least, most]] of Object.entries(ranges)) {
    const value = settings[name as keyof typeof ranges]
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue
    const wanted = `a whole number from ${least} to ${most}`
    throw new BrickError({ kind: 'argument', where: `serve: ${name}`, wanted, got: `${value}` })
  }
  return settings
}

/** Those that are not undefined. */
function given(options: ServeOptions): ServeOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

const DAY = 86_400_000

const ranges = {
  port: [0, 65535],
  maxBatch: [1, 4096],
  maxDelayMs: [0, 60_000],
  queue: [1, 1e6],
  maxBodyBytes: [1, 2 ** 31 - 1],
  maxInFlightBytes: [1, Number.MAX_SAFE_INTEGER],
  timeoutMs: [1, DAY],
  maxConnections: [1, 1e6],
  watchEveryMs: [1, DAY],
  feedbackImages: [0, 1e9],
  feedbackBytes: [0, Number.MAX_SAFE_INTEGER],
  graceMs: [0, DAY],
} as const satisfies Partial<Record<keyof ServeOptions, readonly [number, number]>>
