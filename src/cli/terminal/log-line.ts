import type { Output } from '../output.ts'

interface Entry {
  readonly level?: string
  readonly time?: string
  readonly msg?: string
  readonly reqId?: string
  readonly method?: string
  readonly path?: string
  readonly status?: number
  readonly ms?: number
  readonly model?: string
  readonly version?: string
  readonly batches?: readonly number[]
  readonly reason?: string
  readonly err?: { readonly message?: string; readonly stack?: string }
}

/**
 * A line of a server's log for people: the time of day, what was asked, how it was answered, and how
 * long it took.
 */
export function logLine(line: string, colors: Output['colors']): string {
  const entry = parse(line)
  if (!entry) return line
  const time = colors.dim(entry.time?.slice(11, 19) ?? '')
  if (entry.msg === 'request') return `${time} ${requestText(entry, colors)}\n`
  const isBad = entry.level === 'error' || entry.level === 'warn'
  const word = isBad ? colors.red(entry.msg ?? '') : colors.green(entry.msg ?? '')
  const { model, version, batches, ms, reason, err } = entry
  const parts = [
    model,
    version && `version ${version}`,
    batches && `for batches of ${batches.join(', ')}`,
    ms !== undefined && `in ${ms} ms`,
    reason ?? err?.stack ?? err?.message,
  ]
  return `${time} ${word} ${parts.filter(Boolean).join(' ')}\n`
}

function requestText({ method = '', path, status = 0, ms = 0 }: Entry, colors: Output['colors']) {
  const color = status < 400 ? colors.green : status < 500 ? colors.yellow : colors.red
  return `${color(`${status}`)} ${method.padEnd(4)} ${path}  ${colors.dim(`${ms} ms`)}`
}

function parse(line: string): Entry | undefined {
  try {
    return JSON.parse(line) as Entry
  } catch {
    return undefined
  }
}
