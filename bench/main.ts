/**
 * npm run bench: see docs/benchmarks.md and {@link usage}.
 *
 * Times each workload on our backends and, in the same turns, on each peer that is present.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { contestants, howToInstall, peerNames } from './contestants.ts'
import { createMeters, type Meters } from './meters.ts'
import { readOptions, usage } from './options.ts'
import { PlayerProcess } from './player-process.ts'
import { type MetersByThreads, type Outcome, race } from './race.ts'
import { disagreements } from './ratios.ts'
import { showOutcome } from './terminal.ts'
import { workloads } from './workloads/index.ts'

function optionsOrExit() {
  try {
    return readOptions(process.argv.slice(2), peerNames)
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

/** The versions of those that answer; for each of the others, a line that says what to install. */
async function whoIsThere(names: readonly string[]): Promise<Map<string, string>> {
  const versions = new Map<string, string>()
  for (const name of names) {
    const player = new PlayerProcess(contestants([name], 1)[0]!, '')
    try {
      const { version } = await player.ask({ do: 'hello' }, 60_000)
      versions.set(name, version)
      console.log(`${name.padEnd(9)} ${version}`)
    } catch (cause) {
      console.log(`${name.padEnd(9)} not here (${(cause as Error).message}): ${howToInstall(name)}`)
    }
    player.end()
  }
  return versions
}

async function metersFor(most: number): Promise<MetersByThreads> {
  const found = new Map<number, Meters>()
  for (const threads of new Set([1, most])) {
    try {
      found.set(threads, await createMeters(threads))
    } catch (cause) {
      console.log(`machine   not measured: ${(cause as Error).message}`)
      break
    }
  }
  return found
}

const options = optionsOrExit()
const effort = options.quick ? { rounds: 3, least: 40 } : { rounds: 7, least: 120 }
const chosen = workloads.filter(
  ({ name }) => !options.only.length || options.only.some((text) => name.includes(text)),
)
console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${options.threads} threads`)
const versions = await whoIsThere([...options.backends, ...options.peers])
const meters = await metersFor(options.threads)
for (const [threads, meter] of meters) {
  console.log(
    `machine   ×${threads}: ${(await meter.peak()).toFixed(0)} GFLOP/s (${(await meter.narrowPeak()).toFixed(0)} at 128 bits, WebAssembly's width), copy ${(await meter.copy()).toFixed(1)} GB/s, read ${(await meter.read()).toFixed(1)} GB/s`,
  )
}
const outcomes: Outcome[] = []
let wrong = 0
for (const workload of chosen) {
  const isGemm = workload.spec.kind === 'gemm'
  const names = [...versions.keys()].filter((name) => isGemm || name !== 'openblas')
  const outcome = await race(workload, contestants(names, options.threads), meters, effort)
  outcomes.push(outcome)
  console.log(`\n${showOutcome(workload, outcome)}`)
  wrong += outcome.entries.filter(
    (entry) => entry.isOurs && disagreements(entry, workload.tolerance).length,
  ).length
}
if (options.json) writeFileSync(options.json, JSON.stringify(outcomes, null, 2))
for (const meter of meters.values()) await meter.close()
process.exit(wrong ? 1 : 0)
