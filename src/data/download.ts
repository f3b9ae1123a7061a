import { BrickError } from '../base/errors.ts'

/** How far a download is. */
export interface DownloadProgress {
  readonly file: string
  readonly url: string
  /** Bytes. */
  readonly received: number
  /** Bytes, where the server says it. */
  readonly total: number | undefined
}

export interface DownloadOptions {
  /** Milliseconds without any bytes after which a mirror is given up. Default 30,000. */
  readonly timeout?: number
  readonly onProgress?: (progress: DownloadProgress) => void
  /** Where the file may be put by hand, for the error. */
  readonly place?: string
}

/** No file that is asked for is larger. */
const MAX_BYTES = 2 ** 28

/**
 * A file's bytes from the first mirror that has it and whose bytes pass the check.
 *
 * @param check Throws if the bytes are not the file's; the next mirror is asked then.
 * @throws BrickError `network` that says of each mirror what was wrong.
 */
export async function download<T>(
  file: string,
  mirrors: readonly string[],
  check: (bytes: Uint8Array, url: string) => T | Promise<T>,
  options: DownloadOptions = {},
): Promise<{ bytes: Uint8Array; checked: T }> {
  refuseOffline(file, options)
  const failures: string[] = []
  for (const mirror of mirrors) {
    const url = `${mirror.replace(/\/+$/, '')}/${file}`
    try {
      const bytes = await fetchBytes(file, url, options)
      return { bytes, checked: await check(bytes, url) }
    } catch (error) {
      failures.push(error instanceof BrickError ? error.message : `${url}: ${reason(error)}`)
    }
  }
  throw new BrickError({
    kind: 'network',
    where: file,
    wanted: 'a mirror that has the file',
    got: failures.length === 0 ? 'no mirrors' : `\n  ${failures.join('\n  ')}\n`,
    remedy: `Check the connection, or put the file there yourself${options.place ? `: ${options.place}` : ''}.`,
  })
}

/** As the hub's downloads: nothing is asked for where the user says so. */
function refuseOffline(file: string, { place }: DownloadOptions): void {
  const variables = ['BRICKWORK_OFFLINE', 'HF_HUB_OFFLINE']
  const set = variables.find((name) => ['1', 'true'].includes(process.env[name] ?? ''))
  if (set === undefined) return
  throw new BrickError({
    kind: 'network',
    where: file,
    wanted: 'a download',
    got: `${set}=${process.env[set]}, which forbids it`,
    remedy: `Unset it, or put the file there yourself${place ? `: ${place}` : ''}.`,
  })
}

/** The innermost reason: fetch says only that it failed. */
function reason(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || String(cause) : message
}

async function fetchBytes(
  file: string,
  url: string,
  { timeout = 30_000, onProgress }: DownloadOptions,
): Promise<Uint8Array> {
  const controller = new AbortController()
  const late = () => controller.abort(new Error(`no bytes for ${timeout} ms`))
  let timer = setTimeout(late, timeout)
  try {
    const response = await fetch(url, { signal: controller.signal })
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`)
    const total = Number(response.headers.get('content-length')) || undefined
    const parts: Uint8Array[] = []
    let received = 0
    for await (const part of response.body ?? []) {
      clearTimeout(timer)
      timer = setTimeout(late, timeout)
      parts.push(part)
      received += part.length
      if (received > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`)
      onProgress?.({ file, url, received, total })
    }
    return Buffer.concat(parts)
  } finally {
    clearTimeout(timer)
    controller.abort()
  }
}
