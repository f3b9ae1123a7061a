import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  BrickError,
  backendNames,
  createBackend,
  currentBackend,
  useBackend,
} from '../../src/index.ts'
import { casesIn } from './cases.ts'
import { withTables } from './document.ts'
import { report } from './report.ts'
import { type Result, runCase } from './run.ts'

const usage = `npm run onnx-conformance -- DIR… [--backend ${backendNames.join('|')}] [--filter TEXT]

Runs the ONNX project's backend tests in folders of its layout: test_*/model.onnx with
test_data_set_*/input_*.pb and output_*.pb. Without --backend: the backend that Brickwork chooses on
this machine. --filter: cases whose names contain TEXT alone. --list: also the names of what passed.
--document FILE: writes the figures into docs/onnx.md.
`

/** Kinds of errors that come from how the command was called. */
const usageKinds: ReadonlySet<string> = new Set(['argument', 'unknown', 'file'])

/** What the command prints, and its exit code. */
export interface Ending {
  readonly text: string
  readonly code: 0 | 1 | 2
}

/**
 * The command: 0 if nothing failed, 1 if a case failed, 2 if it was called wrongly or there is nothing
 * to run.
 *
 * @param folder Where a relative DIR starts.
 */
export async function conformance(
  argv: readonly string[],
  folder = process.cwd(),
): Promise<Ending> {
  try {
    const options = parse(argv)
    if (options.help || options.folders.length === 0) {
      return { text: usage, code: options.help ? 0 : 2 }
    }
    const found = await Promise.all(options.folders.map((f) => casesIn(resolve(folder, f))))
    const cases = found.flat().filter(({ name }) => name.includes(options.filter))
    if (cases.length === 0) throw refused(`--filter ${options.filter}`, 'a part of some name')
    if (options.backend) await useBackend(await createBackend(options.backend))
    const results: Result[] = []
    for (const one of cases) results.push(await runCase(one))
    const { name } = await currentBackend()
    if (options.document) await document(options.document, results, argv)
    const code = results.some(({ status }) => status === 'failed') ? 1 : 0
    return { text: `backend ${name}\n${report(results, options.list)}`, code }
  } catch (error) {
    if (!(error instanceof BrickError)) throw error
    return { text: `onnx-conformance: ${error.message}`, code: usageKinds.has(error.kind) ? 2 : 1 }
  }
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { backend: text, filter: text, document: text, list: flag, help: flag } as const
  try {
    const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options })
    const { backend, filter = '', document: file, list = false, help = false } = values
    return { folders: positionals, backend, filter, document: file, list, help }
  } catch (cause) {
    const known = Object.keys(options).map((name) => `--${name}`)
    throw refused((cause as Error).message, known.join(', '))
  }
}

/** Writes the figures into a document; folders are called what they are called in the suite. */
async function document(path: string, results: readonly Result[], argv: readonly string[]) {
  const shown = argv.filter((word, i) => word !== '--document' && argv[i - 1] !== '--document')
  const words = shown.map((word) => (word.startsWith('-') ? word : word.replace(/^.*\//, '')))
  const text = await readFile(path, 'utf8')
  const command = `npm run onnx-conformance -- ${words.join(' ')}`
  await writeFile(path, withTables(text, results, command))
}

const refused = (got: string, wanted: string): BrickError =>
  new BrickError({ kind: 'argument', where: 'command line', got, wanted })
