import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  BrickError,
  backendNames,
  createBackend,
  currentBackend,
  useBackend,
} from '../../src/index.ts'
import { type Case, readCases } from './format.ts'
import { report } from './report.ts'
import { type Mode, modes, type Result, runCase } from './run.ts'

const usage = `npm run parity -- [DIR] [--backend ${backendNames.join('|')}] [--mode ${modes.join('|')}] [--group NAME]

Runs the PyTorch reference cases in DIR (test/parity-cases) and compares values and gradients.
Without --backend: the backend that Brickwork chooses on this machine. Without --mode: eager.
`

/** Kinds of errors that come from how the command was called. */
const usageKinds: ReadonlySet<string> = new Set(['argument', 'unknown', 'file'])

/** What the command prints, and its exit code. */
export interface Ending {
  readonly text: string
  readonly code: 0 | 1 | 2
}

/**
 * The parity command: 0 if nothing failed, 1 if a case (or the backend) failed, 2 if it was called
 * wrongly or the cases can't be read.
 *
 * @param folder Where a relative DIR starts.
 */
export async function parity(argv: readonly string[], folder = process.cwd()): Promise<Ending> {
  try {
    const options = parse(argv)
    if (options.help) return { text: usage, code: 0 }
    const cases = select(await readCases(resolve(folder, options.folder)), options.group)
    if (options.backend) await useBackend(await createBackend(options.backend))
    const results = await runAll(cases, options.mode)
    const { name } = await currentBackend()
    const text = `backend ${name}, mode ${options.mode}\n${report(results)}`
    return { text, code: results.some((r) => r.status === 'failed') ? 1 : 0 }
  } catch (error) {
    if (!(error instanceof BrickError)) throw error
    return { text: `parity: ${error.message}`, code: usageKinds.has(error.kind) ? 2 : 1 }
  }
}

/** Runs cases one after the other. */
export async function runAll(cases: readonly Case[], mode: Mode): Promise<Result[]> {
  const results: Result[] = []
  for (const one of cases) results.push(await runCase(one, mode))
  return results
}

interface Options {
  readonly folder: string
  readonly backend: string | undefined
  readonly mode: Mode
  readonly group: string | undefined
  readonly help: boolean
}

function parse(argv: readonly string[]): Options {
  const { values, positionals } = parseCommandLine(argv)
  if (positionals.length > 1) {
    throw argumentError(positionals.join(' '), 'one folder', 'Quote a name with spaces.')
  }
  const mode = modes.find((known) => known === (values.mode ?? 'eager'))
  if (!mode) throw argumentError(`--mode ${values.mode}`, modes.join(' or '))
  return {
    folder: positionals[0] ?? 'test/parity-cases',
    backend: values.backend,
    mode,
    group: values.group,
    help: values.help ?? false,
  }
}

function parseCommandLine(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const options = { backend: text, mode: text, group: text, help: { type: 'boolean' } } as const
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options })
  } catch (cause) {
    const known = Object.keys(options).map((name) => `--${name}`)
    throw argumentError((cause as Error).message, known.join(', '), undefined, cause)
  }
}

function select(cases: readonly Case[], group: string | undefined): readonly Case[] {
  if (group === undefined) return cases
  const chosen = cases.filter((one) => one.group === group)
  if (chosen.length > 0) return chosen
  const known = [...new Set(cases.map((one) => one.group))]
  throw argumentError(`--group ${group}`, known.join(', '))
}

function argumentError(got: string, wanted: string, remedy?: string, cause?: unknown): BrickError {
  return new BrickError({
    kind: 'argument',
    where: 'command line',
    got,
    wanted,
    cause,
    ...(remedy ? { remedy } : {}),
  })
}
