/**
 * `npm run examples`: runs every page of examples/ on its small settings, and checks that it prints
 * what its headline comment says. `npm run examples NAME…` runs these and shows what they print;
 * arguments that begin with a dash are theirs.
 */
import { spawn } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { type Example, examplesIn, holds } from './expectation.ts'

/** Longer than any example should take on a slow machine. */
const LIMIT = 180_000

const words = process.argv.slice(2)
const options = words.filter((word) => word.startsWith('-'))
const names = words.filter((word) => !word.startsWith('-'))

interface Outcome {
  readonly output: string
  /** Why it failed. */
  readonly problem: string | undefined
}

function run({ name, expected }: Example): Promise<Outcome> {
  const program = `build/examples/${name}.js`
  const timeout = names.length > 0 ? 0 : LIMIT
  const child = spawn(process.execPath, [program, ...options], { timeout })
  let output = ''
  const hear = (stream: NodeJS.WriteStream) => (text: string) => {
    output += text
    if (names.length > 0) stream.write(text)
  }
  child.stdout.setEncoding('utf8').on('data', hear(process.stdout))
  child.stderr.setEncoding('utf8').on('data', hear(process.stderr))
  return new Promise((done) => {
    child.on('close', (code, signal) => {
      // What the comment says is about the small settings.
      const lacks = options.length > 0 ? [] : expected.filter((line) => !holds(line, output))
      if (signal) done({ output, problem: `stopped by ${signal}` })
      else if (code !== 0) done({ output, problem: `exit status ${code}` })
      else if (expected.length === 0) done({ output, problem: "no 'Expect:' in its comment" })
      else if (lacks.length > 0) done({ output, problem: `does not print: ${lacks.join(' | ')}` })
      else done({ output, problem: undefined })
    })
  })
}

function chosen(): Example[] {
  try {
    return examplesIn('examples', names)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}

let failures = 0
for (const example of chosen()) {
  const start = performance.now()
  const { output, problem } = await run(example)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  if (problem) failures++
  const verdict = problem ? `FAILED: ${problem}` : options.length > 0 ? 'done' : 'as expected'
  console.log(`${example.name.padEnd(24)} ${seconds.padStart(6)} s  ${verdict}`)
  if (problem && names.length === 0) console.log(output)
}
if (failures > 0) process.exitCode = 1
