/**
 * npm run bench: see docs/benchmarks.md.
 *
 * Times each workload on our backends and, in the same turns, on each peer that is present.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { contestants, howToInstall, peerNames } from './contestants.ts'
import { writeDocuments } from './document.ts'
import { epoch, epochObstacle, raceEpoch } from './epoch.ts'
import { createMeters, type Meters } from './meters.ts'
import { type Options, readOptions, usage } from './options.ts'
import { PlayerProcess } from './player-process.ts'
import { type Effort, type MetersByThreads, race } from './race.ts'
import { type About, type Row, rowOf, skippedRow } from './row.ts'
import { measureServing, type Served, servingName } from './serving/serving.ts'
import { showServed, writeServing } from './serving/table.ts'
import { showTargets, targetsOf } from './targets.ts'
import { showRow } from './terminal.ts'
import { workloads } from './workloads/index.ts'

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2), peerNames)
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

/** The versions of those that answer; for each of the others, a line that says what to install. */
async function whoIsThere(names: readonly string[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {}
  for (const name of names) {
    const player = new PlayerProcess(contestants([name], 1)[0]!, '')
    try {
      const { version } = await player.ask({ do: 'hello' }, 60_000)
      versions[name] = version
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
      console.log(`native    not here, nor the machine's limits: ${(cause as Error).message}`)
      break
    }
  }
  return found
}

async function describeMachine(threads: number, meters: Meters): Promise<string> {
  const [peak, narrow] = [await meters.peak(), await meters.narrowPeak()]
  const [copy, read] = [await meters.copy(), await meters.read()]
  return (
    `machine   ×${threads}: ${peak.toFixed(0)} GFLOP/s (${narrow.toFixed(0)} with vectors of 128 bits, ` +
    `WebAssembly's), copy ${copy.toFixed(1)} GB/s, read ${read.toFixed(1)} GB/s`
  )
}

const chosenBy =
  ({ only }: Options) =>
  ({ name }: { readonly name: string }): boolean =>
    !only.length || only.some((text) => name.includes(text))

/** Loads our servers, where the native backend takes part. */
async function loadServers(options: Options, about: About): Promise<Served[]> {
  if (!('native' in about.versions) || !chosenBy(options)({ name: servingName })) return []
  const served: Served[] = []
  console.log(`\n${servingName}`)
  for await (const row of measureServing(options.threads, options.quick)) {
    served.push(row)
    console.log(showServed(row))
  }
  return served
}

/** Rows in the order of the table, as they become known. */
async function* measure(
  options: Options,
  about: About,
  meters: MetersByThreads,
): AsyncGenerator<Row> {
  const effort: Effort = options.quick ? { rounds: 3, least: 40 } : { rounds: 7, least: 120 }
  const isChosen = chosenBy(options)
  const present = Object.keys(about.versions)
  for (const workload of workloads.filter(isChosen)) {
    const names = present.filter((n) => n !== 'openblas' || workload.spec.kind === 'gemm')
    const outcome = await race(workload, contestants(names, options.threads), meters, effort)
    yield rowOf(workload, outcome, about)
  }
  if (!isChosen(epoch)) return
  const obstacle = epochObstacle()
  if (obstacle) yield skippedRow(epoch.name, obstacle, about)
  else {
    const all = contestants(present, options.threads)
    yield rowOf(epoch, await raceEpoch(all, options.quick ? 1 : 3), about)
  }
}

/** Rows of the table. */
const order = [...workloads, epoch].map(({ name }) => name)

const options = optionsOrExit()
const machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${options.threads} threads`
console.log(machine)
const meters = await metersFor(options.threads)
// Where the meters find no compiler, the native backend finds none.
const backends = options.backends.filter((name) => name !== 'native' || meters.size > 0)
const about: About = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  threads: options.threads,
  versions: await whoIsThere([...backends, ...options.peers]),
  quick: options.quick,
}
for (const [threads, meter] of meters) console.log(await describeMachine(threads, meter))
const rows: Row[] = []
for await (const row of measure(options, about, meters)) {
  rows.push(row)
  console.log(`\n${showRow(row)}`)
}
const served = await loadServers(options, about)
const targets = targetsOf(rows)
if (targets.length) console.log(`\n${showTargets(targets)}`)
if (options.write && rows.length) writeDocuments(rows, order)
if (options.write && served.length) writeServing(served, about)
if (options.json)
  writeFileSync(options.json, `${JSON.stringify({ about, rows, served, targets }, null, 1)}\n`)
for (const meter of meters.values()) await meter.close()
const wrong = rows.flatMap(({ figures }) => figures).filter((f) => f.disagrees.length)
const broken = rows.flatMap(({ missing }) => missing).filter(({ isSkip }) => !isSkip)
const failed = served.some((row) => row.failed > 0)
process.exit(wrong.length || broken.length || failed ? 1 : 0)
