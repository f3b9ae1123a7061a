import pc from 'picocolors'
import { BrickError } from '../base/errors.ts'

/** Where a command writes, and what that place can show. */
export interface Output {
  /** Whether only lines of JSON may be written. */
  readonly json: boolean
  readonly isTerminal: boolean
  /** Characters in a line. */
  readonly columns: number
  readonly color: boolean
  readonly colors: ReturnType<typeof pc.createColors>
  /** Text for people: nothing with --json. */
  print(text?: string): void
  /** A line of JSON: nothing without --json. */
  event(value: { readonly event: string; readonly [key: string]: unknown }): void
  /** Asides and errors. */
  error(text: string): void
}

/** The process's own output. */
export function processOutput({ json = false }: { json?: boolean } = {}): Output {
  const { stdout, stderr } = process
  const isTerminal = stdout.isTTY === true
  const color = isTerminal && pc.isColorSupported
  return {
    json,
    isTerminal,
    columns: Math.max(40, stdout.columns ?? 80),
    color,
    colors: pc.createColors(color),
    print: (text = '') => {
      if (!json) stdout.write(`${text}\n`)
    },
    event: (value) => {
      if (json) stdout.write(`${JSON.stringify(value)}\n`)
    },
    error: (text) => {
      stderr.write(`${text}\n`)
    },
  }
}

/** Tells of a failure: what went wrong and the remedy; where in the program only with --verbose. */
export function reportError(output: Output, error: unknown, verbose: boolean): void {
  const known = error instanceof BrickError
  const message = error instanceof Error ? error.message : String(error)
  output.event({
    event: 'error',
    kind: known ? error.kind : 'internal',
    message,
    ...(known ? partsOf(error) : {}),
  })
  const hint = known ? '' : '\nThis is a bug in Brickwork: --verbose shows where.'
  const isTraced = verbose && error instanceof Error
  output.error(isTraced ? stackOf(error) : `brickwork: ${message}${hint}`)
}

function partsOf({ where, got, wanted, remedy }: BrickError): Record<string, string | undefined> {
  return { where, got, wanted, remedy }
}

/** The stack, and the stacks of the causes. */
function stackOf(error: Error): string {
  const own = error.stack ?? error.message
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own
}
