import { type Contestant, contestantLabel } from './contestants.ts'
import { difference } from './digest.ts'
import type { Entry, Outcome } from './race.ts'
import { type Ratios, ratiosOf } from './ratios.ts'
import { median } from './statistics.ts'
import type { Described } from './workloads/workload.ts'

/** One contestant's figures for a workload. */
export interface Figures {
  readonly name: string
  readonly threads: number
  readonly isOurs: boolean
  /** Of a call, the median. */
  readonly milliseconds: number
  /** Milliseconds to the first result: with no compiled program at hand, and with those of the run before. */
  readonly first: number
  readonly firstWarm?: number | undefined
  /** Most bytes of the process, beyond what it takes by itself; null where the system doesn't tell. */
  readonly bytes: number | null
  /** GFLOP/s of contractions, or GB/s where bytes are the point. */
  readonly rate?: number | undefined
  /** Its share of what the machine can do with these threads. */
  readonly ofLimit?: number | undefined
  /** How many times as fast as each peer; ours only. */
  readonly ratios?: Ratios | undefined
  /** Those whose results differ too much, and by how much; ours only. */
  readonly disagrees: readonly string[]
  readonly note?: string | undefined
}

export interface Missing {
  readonly name: string
  readonly threads: number
  readonly reason: string
  /** Whether it can't do the workload, rather than that something broke. */
  readonly isSkip: boolean
}

/** What a run found out about one workload, for the table and for JSON. */
export interface Row {
  readonly workload: string
  readonly unit: 'GFLOP/s' | 'GB/s'
  readonly about: About
  /** By number of threads, what the machine can do, in `unit`. */
  readonly limits: Readonly<Record<number, number>>
  /** The share of the machine that others used. */
  readonly bystanders: number
  readonly figures: readonly Figures[]
  readonly missing: readonly Missing[]
  /** Why nobody did it. */
  readonly skipped?: string
}

/** The circumstances of a run. */
export interface About {
  readonly date: string
  readonly machine: string
  /** All threads. */
  readonly threads: number
  readonly versions: Readonly<Record<string, string>>
  readonly quick: boolean
}

export function rowOf(workload: Described, outcome: Outcome, about: About): Row {
  const { entries, absent, limits, bystanders } = outcome
  return {
    workload: workload.name,
    unit: workload.bytes ? 'GB/s' : 'GFLOP/s',
    about,
    limits,
    bystanders,
    figures: entries.map((entry) => figuresOf(workload, outcome, entry)),
    missing: absent.map(({ contestant: { name, threads }, reason, isSkip }) => {
      return { name, threads, reason, isSkip }
    }),
  }
}

export const skippedRow = (workload: string, skipped: string, about: About): Row => ({
  workload,
  unit: 'GFLOP/s',
  about,
  limits: {},
  bystanders: 0,
  figures: [],
  missing: [],
  skipped,
})

function figuresOf(workload: Described, { entries, limits }: Outcome, entry: Entry): Figures {
  const { contestant, times, first, firstWarm, bytes, note } = entry
  const { name, threads, isOurs } = contestant
  const milliseconds = median(times)
  const work = workload.bytes || workload.flops
  const rate = work ? work / milliseconds / 1e6 : undefined
  const limit = limits[threads]
  return {
    name,
    threads,
    isOurs,
    milliseconds,
    first,
    firstWarm,
    bytes: Number.isFinite(bytes) ? bytes : null,
    rate,
    ofLimit: rate && limit ? rate / limit : undefined,
    ratios: isOurs ? ratiosOf(entry, entries) : undefined,
    disagrees: isOurs ? disagreements(workload, entry, entries) : [],
    note,
  }
}

/** Others whose results differ by more than is tolerated. */
function disagreements({ tolerance }: Described, entry: Entry, entries: readonly Entry[]) {
  return entries.flatMap((other) => {
    const found = difference(entry.digests, other.digests)
    if (other === entry || found <= tolerance) return []
    return [`${contestantLabel(other.contestant)} by ${found.toExponential(1)}`]
  })
}

/** Whether so much of the machine was in others' hands that the figures mean little. */
export const isBusy = ({ bystanders }: Row): boolean => bystanders > 0.1

export const figuresFor = (row: Row, { name, threads }: Pick<Contestant, 'name' | 'threads'>) =>
  row.figures.find((f) => f.name === name && f.threads === threads)

/** The fastest peer's advantage turned round: how many times as fast we are as the best of them. */
export function againstBest({ ratios }: Figures): { peer: string; ratio: number } | undefined {
  const all = Object.entries(ratios ?? {})
  if (all.length === 0) return undefined
  const [peer, ratio] = all.reduce((a, b) => (b[1] < a[1] ? b : a))
  return { peer, ratio }
}
