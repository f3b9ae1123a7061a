import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { shareOfBystanders } from './bystanders.ts'
import { type Contestant, contestantLabel } from './contestants.ts'
import { digestOf } from './digest.ts'
import { reasonIn } from './player-process.ts'
import type { Absence, Entry, Outcome } from './race.ts'
import { median } from './statistics.ts'
import type { Described } from './workloads/workload.ts'

/** An epoch takes longer than this only if something is wrong. */
const LIMIT = 600_000

export const epoch: Described = {
  name: 'epoch of MNIST, LeNet 20-50-500, from process start to accuracy',
  flops: 0,
  bytes: 0,
  // Of the accuracy; the orders of the examples differ.
  tolerance: 0.01,
}

/** Why the epoch can't be run here, if it can't: nothing is downloaded for a benchmark. */
export function epochObstacle(): string | undefined {
  const folder = process.env['BRICKWORK_DATA']
  if (folder && existsSync(join(folder, 'mnist', 'train-images-idx3-ubyte.gz'))) return undefined
  return 'set BRICKWORK_DATA to a folder with MNIST in mnist/'
}

const run = promisify(execFile)

/** Milliseconds of a whole process, and the accuracy that it prints last. */
async function trainOnce({ epoch: command, environment }: Contestant, cache: string) {
  const [program, ...rest] = command!
  const env = { ...process.env, ...environment, BRICKWORK_CACHE: cache }
  const start = performance.now()
  const { stdout } = await run(program!, rest, { env, timeout: LIMIT })
  const milliseconds = performance.now() - start
  const { accuracy } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { accuracy: number }
  return { milliseconds, accuracy }
}

interface Runner {
  readonly contestant: Contestant
  readonly cache: string
  readonly times: number[]
  first: number
  accuracy: number
  reason?: string
}

/**
 * Has each contestant train for an epoch, in turns, in processes of their own: once with no
 * compiled program at hand, which counts as the first time, then `rounds` times.
 */
export async function raceEpoch(
  contestants: readonly Contestant[],
  rounds: number,
): Promise<Outcome> {
  const caches = mkdtempSync(join(tmpdir(), 'brickwork-bench-'))
  const runners = contestants
    .filter(({ epoch: command }) => command)
    .map((contestant): Runner => {
      const cache = join(caches, contestantLabel(contestant))
      return { contestant, cache, times: [], first: 0, accuracy: 0 }
    })
  const bystanders: number[] = []
  try {
    for (let round = 0; round <= rounds; round++) {
      bystanders.push(await shareOfBystanders())
      for (const runner of runners) await turn(runner, round === 0)
    }
  } finally {
    rmSync(caches, { recursive: true, force: true })
  }
  return {
    entries: runners.filter(({ reason }) => !reason).map(entryOf),
    absent: runners.flatMap(absenceOf),
    limits: {},
    bystanders: median(bystanders),
  }
}

async function turn(runner: Runner, isFirst: boolean): Promise<void> {
  if (runner.reason) return
  try {
    const { milliseconds, accuracy } = await trainOnce(runner.contestant, runner.cache)
    runner.accuracy = accuracy
    if (isFirst) runner.first = milliseconds
    else runner.times.push(milliseconds)
  } catch (cause) {
    runner.reason = reasonIn((cause as Error).message)
  }
}

function entryOf({ contestant, times, first, accuracy }: Runner): Entry {
  const note = `accuracy ${(accuracy * 100).toFixed(2)} %`
  const digests = [digestOf([accuracy])]
  return { contestant, times, first, bytes: Number.NaN, digests, note }
}

const absenceOf = ({ contestant, reason }: Runner): Absence[] =>
  reason ? [{ contestant, reason, isSkip: false }] : []
