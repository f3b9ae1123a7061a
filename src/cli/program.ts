import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { processOutput, reportError } from './output.ts'
import { addDoctor, addPlot, addRuns, addTune } from './usage/about.ts'
import { addEval, addFinetune, addPredict, addTrain } from './usage/learning.ts'
import { DONE, type Done, FAILED, USAGE } from './usage/options.ts'
import { addClassify, addExport, addServe, addSimilar } from './usage/using.ts'

/**
 * Runs one command of the command line.
 *
 * @param argv What stands after `brickwork`.
 * @returns The exit code: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.
 * @example
 * ```ts
 * process.exitCode = await runCommand(['doctor'])
 * ```
 */
export async function runCommand(argv: readonly string[]): Promise<number> {
  let code = DONE
  const program = commandLine((result) => {
    code = result
  })
  // Whoever reads the output may have had enough (`| head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? DONE : FAILED)
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : USAGE
    const options = { json: argv.includes('--json'), verbose: argv.includes('--verbose') }
    reportError(processOutput(options), error, options.verbose)
    return FAILED
  }
}

function commandLine(done: Done): Command {
  const program = new Command('brickwork')
    .description('Deep learning in TypeScript: train, evaluate and use neural networks.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => write(inOurWords(text)),
    })
  const commands = [
    ...[addTrain, addFinetune, addEval, addPredict],
    ...[addClassify, addSimilar, addExport, addServe],
    ...[addRuns, addPlot, addDoctor, addTune],
  ]
  for (const add of commands) add(program, done)
  return program
}

/** What commander says of a wrong call, as we say it. */
const inOurWords = (text: string): string =>
  text
    .replace(/^error: /, 'brickwork: ')
    .replace(/command-argument value ('.*') is invalid for argument '(.*)'\./, '$2: $1 is unknown.')

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
