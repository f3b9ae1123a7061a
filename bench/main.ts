/**
 * npm run bench [-- --quick --only TEXT --json FILE --threads N]
 *
 * Times each workload on every backend, at one thread and at all, one after the other in turns
 * (A B C A B C …), beside the core's own multiply-add peak in the same turns, and reports medians.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createBackend, type currentBackend, useBackend } from '../src/index.ts'
import { peakMeters } from './peak.ts'
import { median, timeCalls } from './timing.ts'
import { type Workload, workloads } from './workloads.ts'

interface Row {
  readonly workload: string
  readonly backend: string
  readonly threads: number
  /** Median milliseconds of a call. */
  readonly milliseconds: number
  /** Milliseconds of the very first call, compilation included. */
  readonly first: number
  readonly gflops: number
  /** Median share of the measured peak of the threads in use. */
  readonly ofPeak: number
}

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    threads: { type: 'string' },
    backends: { type: 'string', default: 'native,wasm' },
    /** Set on the run under the newer Node. */
    nested: { type: 'boolean', default: false },
  },
})
const rounds = options.quick ? 3 : 9
const least = options.quick ? 40 : 120
const most = Number(options.threads ?? availableParallelism())

interface Contestant {
  readonly name: string
  readonly threads: number
  readonly backend: Awaited<ReturnType<typeof currentBackend>>
}

async function contestants(): Promise<Contestant[]> {
  const list: Contestant[] = []
  for (const name of options.backends.split(',')) {
    for (const threads of new Set([1, most])) {
      list.push({ name, threads, backend: await createBackend(name, { threads }) })
    }
  }
  return list
}

async function measure(
  workload: Workload,
  list: readonly Contestant[],
  meters: Awaited<ReturnType<typeof peakMeters>>,
) {
  const calls: (() => unknown)[] = []
  const firsts: number[] = []
  for (const { backend } of list) {
    await useBackend(backend)
    const start = performance.now()
    const call = workload.prepare()
    await timeCalls(call, 0)
    firsts.push(performance.now() - start)
    calls.push(call)
  }
  const times = list.map((): number[] => [])
  const peaks: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < list.length; i++) {
      await useBackend(list[i]!.backend)
      await timeCalls(calls[i]!, 0)
      times[i]!.push(await timeCalls(calls[i]!, least))
    }
    peaks.push(await meters.own.measure())
  }
  const peak = median(peaks)
  return list.map(({ name, threads }, i): Row => {
    const milliseconds = median(times[i]!)
    const gflops = workload.flops / milliseconds / 1e6
    return {
      workload: workload.name,
      backend: name,
      threads,
      milliseconds,
      first: firsts[i]!,
      gflops,
      ofPeak: gflops / (peak * threads),
    }
  })
}

function show(row: Row): string {
  const time =
    row.milliseconds < 1
      ? `${(row.milliseconds * 1000).toFixed(1)} µs`
      : `${row.milliseconds.toFixed(2)} ms`
  const rate = row.gflops
    ? `${row.gflops.toFixed(1).padStart(7)} GFLOP/s ${(row.ofPeak * 100).toFixed(0).padStart(4)} %`
    : ''
  return [
    row.workload.padEnd(48),
    `${row.backend} ×${row.threads}`.padEnd(20),
    time.padStart(10),
    rate.padStart(22),
    `first ${row.first.toFixed(0)} ms`.padStart(14),
  ].join(' ')
}

/** The same bench's wasm part under a Node that has relaxed SIMD, where one is installed beside the bench. */
function underNewerNode(): Row[] {
  const node = join(fileURLToPath(import.meta.url), '../../../bench/node_modules/node/bin/node')
  if (options.nested || Number(process.versions.node.split('.')[0]) >= 22) return []
  if (!existsSync(node)) {
    console.log(
      'wasm with relaxed SIMD: skipped, no newer Node here (npm --prefix bench ci brings one)',
    )
    return []
  }
  const file = join(tmpdir(), `brickwork-bench-${process.pid}.json`)
  const args = [fileURLToPath(import.meta.url), '--nested', '--backends', 'wasm', '--json', file]
  if (options.quick) args.push('--quick')
  if (options.only) args.push('--only', options.only)
  if (options.threads) args.push('--threads', options.threads)
  execFileSync(node, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  return JSON.parse(readFileSync(file, 'utf8')).rows
}

const meters = await peakMeters()
const list = await contestants()
const node = process.versions.node
const label = (row: Row): Row => ({
  ...row,
  backend: row.backend === 'wasm' ? `wasm (Node ${node.split('.')[0]})` : row.backend,
})
console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${most} threads, Node ${node}`)
console.log(
  `multiply-add peak of one core: ${(await meters.own.measure()).toFixed(1)} GFLOP/s at ${meters.own.lanes * 32} bits, ` +
    `${(await meters.narrow.measure()).toFixed(1)} at 128 bits (WebAssembly's width)`,
)
const rows: Row[] = []
for (const workload of workloads) {
  if (options.only && !workload.name.includes(options.only)) continue
  for (const row of (await measure(workload, list, meters)).map(label)) {
    rows.push(row)
    console.log(show(row))
  }
}
rows.push(...underNewerNode())
if (options.json) writeFileSync(options.json, JSON.stringify({ node, rows }, null, 2))
for (const { backend } of list) await backend.close()
process.exit(0)
