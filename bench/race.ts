import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { calm, shareOfBystanders } from './bystanders.ts'
import { type Contestant, contestantLabel } from './contestants.ts'
import type { Digest } from './digest.ts'
import type { Meters } from './meters.ts'
import { Absent, PlayerProcess } from './player-process.ts'
import { median } from './statistics.ts'
import type { Workload } from './workloads/workload.ts'

/** Milliseconds that a player may take: to start, to set up (ours, peers), for a call, to be checked. */
const limits = { start: 60_000, ours: 300_000, peers: 60_000, call: 20_000, check: 120_000 }
/** A call that takes longer needs no other one before it to warm caches up. */
const LONG_CALL = 100
/** Whoever takes this long for the first call has no unmeasured turn; the others do, of a few times their turn. */
const LONG_FIRST = 5000
/** A peer whose turns have taken so long in all has no further ones. */
const PATIENCE = 20_000
const WARM_UP = 3

/** How thoroughly to measure. */
export interface Effort {
  readonly rounds: number
  /** Milliseconds of each contestant's turn in a round, at least. */
  readonly least: number
}

/** What was measured of one contestant. */
export interface Entry {
  readonly contestant: Contestant
  /** Milliseconds of a call in each round. */
  readonly times: readonly number[]
  /** Milliseconds until the first result. */
  readonly first: number
  /** The same in a second process, with what the first one left in the cache of programs. */
  readonly firstWarm?: number | undefined
  /** Most bytes, beyond what the process takes by itself; NaN where the system doesn't tell. */
  readonly bytes: number
  readonly digests: readonly Digest[]
  /** A word about the result. */
  readonly note?: string
}

export interface Absence {
  readonly contestant: Contestant
  readonly reason: string
  readonly isSkip: boolean
}

export interface Outcome {
  readonly entries: readonly Entry[]
  readonly absent: readonly Absence[]
  /** What the machine could do at most, by number of threads: GB/s where bytes count, else GFLOP/s. */
  readonly limits: Readonly<Record<number, number>>
  /** The share of the machine that was not to be had (see {@link shareOfBystanders}), the median of the rounds. */
  readonly bystanders: number
}

/** Meters by number of threads; empty where there is no C compiler. */
export type MetersByThreads = ReadonlyMap<number, Meters>

interface Runner {
  readonly contestant: Contestant
  readonly player: PlayerProcess
  readonly cache: string
  readonly times: number[]
  first: number
  firstWarm?: number
  bytes: number
  digests: readonly Digest[]
  absent?: Absent
}

/**
 * Has all contestants do a workload, each in a fresh process, in turns: A B C A B C …, with the
 * machine's own limits measured in the same turns.
 */
export async function race(
  workload: Workload,
  contestants: readonly Contestant[],
  meters: MetersByThreads,
  effort: Effort,
): Promise<Outcome> {
  const caches = mkdtempSync(join(tmpdir(), 'brickwork-bench-'))
  const runners = contestants.map((contestant): Runner => {
    const cache = join(caches, contestantLabel(contestant))
    const player = new PlayerProcess(contestant, cache)
    return { contestant, player, cache, times: [], first: 0, bytes: 0, digests: [] }
  })
  const machine = new Map<number, number[]>()
  const bystanders: number[] = []
  try {
    for (const runner of runners) await attempt(runner, () => start(runner))
    for (const runner of runners) await attempt(runner, () => prepare(runner, workload))
    for (const runner of runners) await attempt(runner, () => warmUp(runner, effort.least))
    for (let round = 0; round < effort.rounds; round++) {
      bystanders.push(await shareOfBystanders())
      for (const runner of runners) await attempt(runner, () => turn(runner, effort.least))
      await measureMachine(workload, meters, machine)
    }
    for (const runner of runners) await attempt(runner, () => conclude(runner))
    for (const runner of runners) await attempt(runner, () => prepareAgain(runner, workload))
  } finally {
    for (const { player } of runners) player.end()
    rmSync(caches, { recursive: true, force: true })
  }
  const most = new Map([...machine].map(([threads, values]) => [threads, median(values)]))
  return outcomeOf(runners, most, median(bystanders))
}

async function attempt(runner: Runner, body: () => Promise<void>): Promise<void> {
  if (runner.absent) return
  try {
    await body()
  } catch (cause) {
    if (!(cause instanceof Absent)) throw cause
    runner.absent = cause
  }
}

/** All start at once; nobody is measured before the last one is there. */
async function start({ player }: Runner): Promise<void> {
  await player.ask({ do: 'hello' }, limits.start)
}

async function prepare(runner: Runner, workload: Workload): Promise<void> {
  runner.first = await firstCall(runner.player, workload)
}

/** Milliseconds that a player takes to set a workload up and for its first call. */
async function firstCall(player: PlayerProcess, { name, spec }: Workload): Promise<number> {
  const { threads, isOurs } = player.contestant
  const task = { do: 'prepare', workload: name, spec, threads } as const
  return (await player.ask(task, isOurs ? limits.ours : limits.peers)).first
}

/** Lets just-in-time compilers and allocators come to rest. */
async function warmUp({ player, first }: Runner, least: number): Promise<void> {
  const milliseconds = WARM_UP * least
  if (first < LONG_FIRST || player.contestant.isOurs)
    await player.ask({ do: 'time', least: milliseconds }, limits.call + milliseconds)
  await calm()
}

async function turn({ player, times }: Runner, least: number): Promise<void> {
  const spent = times.reduce((a, b) => a + Math.max(b, least), 0)
  if (!player.contestant.isOurs && spent > PATIENCE) return
  const time = async (ms: number) =>
    (await player.ask({ do: 'time', least: ms }, limits.call + ms)).milliseconds
  // The others had the caches meanwhile.
  if ((times.at(-1) ?? 0) < LONG_CALL) await time(0)
  times.push(await time(least))
  await calm()
}

async function conclude(runner: Runner): Promise<void> {
  const { player } = runner
  runner.bytes = (await player.ask({ do: 'memory' }, limits.call)).bytes
  runner.digests = (await player.ask({ do: 'check' }, limits.check)).digests
  player.end()
}

/** The first call of a second process, which finds the first one's compiled programs. */
async function prepareAgain(runner: Runner, workload: Workload): Promise<void> {
  const { contestant, cache } = runner
  if (contestant.name !== 'native') return
  const player = new PlayerProcess(contestant, cache)
  try {
    await player.ask({ do: 'hello' }, limits.start)
    runner.firstWarm = await firstCall(player, workload)
  } finally {
    player.end()
  }
}

/** Puts the limit that matters to this workload beside the others of its number of threads. */
async function measureMachine(
  { flops, bytes, onlyReads }: Workload,
  meters: MetersByThreads,
  machine: Map<number, number[]>,
): Promise<void> {
  if (!flops && !bytes) return
  for (const [threads, meter] of meters) {
    const limit = bytes ? (onlyReads ? meter.read : meter.copy) : meter.peak
    const values = machine.get(threads) ?? []
    values.push(await limit())
    machine.set(threads, values)
  }
}

function outcomeOf(
  runners: readonly Runner[],
  machine: ReadonlyMap<number, number>,
  bystanders: number,
): Outcome {
  return {
    entries: runners.filter(({ absent }) => !absent),
    absent: runners.flatMap(({ contestant, absent }) =>
      absent ? [{ contestant, reason: absent.message, isSkip: absent.isSkip }] : [],
    ),
    limits: Object.fromEntries(machine),
    bystanders,
  }
}
