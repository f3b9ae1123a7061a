import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Digest, digestOf } from '../digest.ts'
import type { Answers, Refusal, Request } from '../protocol.ts'
import { Stopwatch } from '../statistics.ts'
import type { Spec } from '../workloads/workload.ts'

/** What a player has ready after `prepare`. */
export interface Ready {
  /** Milliseconds of a call: calls it for at least so long, at least once, and waits for the end. */
  time(least: number): Promise<number>
  /** The results that are compared. */
  results(): Promise<readonly ArrayLike<number>[]>
}

export interface Player {
  version(): string
  /** Sets the workload up and makes its first calls. `loaded` is to be called once data are there. */
  prepare(task: Task, first: Stopwatch): Promise<Ready>
}

export interface Task {
  readonly workload: string
  readonly spec: Spec
  readonly threads: number
  /** Inputs and weights are in place: memory counts from here on. */
  loaded(): void
}

/** Thrown for a workload that a player can't do; the text says why. */
export class Skip extends Error {}

/** Resident bytes, now and at most since the last reset; on Linux alone. */
function resident(entry: 'VmRSS' | 'VmHWM'): number {
  try {
    const found = new RegExp(`^${entry}:\\s*(\\d+) kB`, 'm').exec(
      readFileSync('/proc/self/status', 'utf8'),
    )
    return Number(found?.[1] ?? Number.NaN) * 1024
  } catch {
    return Number.NaN
  }
}

/** Forgets what setting up took: garbage and the most bytes so far. */
function forgetPeak(): void {
  globalThis.gc?.()
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Elsewhere than on Linux nothing is measured.
  }
}

/** Answers the conductor's lines until there are no more. */
export async function serve(player: Player): Promise<void> {
  // Libraries that print would garble the answers.
  console.log = console.info = console.debug = console.error
  globalThis.gc?.()
  const before = resident('VmRSS')
  let ready: Ready | undefined

  const answers: { [K in Request['do']]: (r: Request) => Promise<Answers[K]> } = {
    hello: async () => ({ version: player.version() }),
    prepare: async (request) => {
      const { workload, spec, threads } = request as Extract<Request, { do: 'prepare' }>
      const first = new Stopwatch()
      ready = await player.prepare({ workload, spec, threads, loaded: forgetPeak }, first)
      return { first: first.milliseconds }
    },
    time: async (request) => {
      const { least } = request as Extract<Request, { do: 'time' }>
      return { milliseconds: await ready!.time(least) }
    },
    memory: async () => ({ bytes: resident('VmHWM') - before }),
    check: async () => ({ digests: (await ready!.results()).map(digestOf) as readonly Digest[] }),
  }

  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request
    const answer = await answers[request.do](request).catch(refusal)
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
}

function refusal(cause: unknown): Refusal {
  if (cause instanceof Skip) return { skip: cause.message }
  return { error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) }
}

/** Milliseconds of one call: as many as fill `least` milliseconds, waited for at the end. */
export async function timeCalls(
  call: () => unknown,
  settle: () => unknown,
  least: number,
): Promise<number> {
  let calls = 0
  const start = performance.now()
  let elapsed = 0
  do {
    // Calls that take long are waited for one by one, so that results need not all be kept.
    const batch = elapsed > 0.5 * calls ? 1 : Math.max(1, Math.min(100, calls))
    for (let i = 0; i < batch; i++) call()
    await settle()
    calls += batch
    elapsed = performance.now() - start
  } while (elapsed < least)
  return elapsed / calls
}
