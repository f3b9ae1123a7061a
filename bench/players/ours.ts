/** Brickwork as a player: `node ours.js native|wasm`. */
import { createBackend, settle, type Tensor, useBackend } from '../../src/index.ts'
import type { Stopwatch } from '../statistics.ts'
import { workloads } from '../workloads/index.ts'
import type { Prepared } from '../workloads/workload.ts'
import { type Ready, serve, type Task, timeCalls } from './serve.ts'

const backend = process.argv[2]!

async function prepare(task: Task, first: Stopwatch): Promise<Ready> {
  await first.count(async () => {
    await useBackend(await createBackend(backend, { threads: task.threads }))
  })
  const workload = workloads.find(({ name }) => name === task.workload)!
  const prepared = await workload.prepare(first)
  task.loaded()
  const kept: Result[] = []
  await first.count(async () => {
    kept.push(prepared.call())
    await settle()
  })
  const compared = prepared.compared ?? 0
  while (kept.length < compared) kept.push(prepared.call())
  await settle()
  kept.length = compared
  return {
    time: (least) => timeCalls(prepared.call, settle, least),
    results: () => values(compared ? kept : [prepared.call()]),
  }
}

type Result = ReturnType<Prepared['call']>

function values(results: readonly Result[]): Promise<ArrayLike<number>[]> {
  return Promise.all(results.flat().map((t) => (t as Tensor).data()))
}

function version(): string {
  const { node } = process.versions
  const isOld = backend === 'wasm' && Number(node.split('.')[0]) < 22
  return `Node ${node}${isOld ? ' without relaxed SIMD (npm --prefix bench ci brings a newer one)' : ''}`
}

await serve({ version, prepare })
process.exit(0)
