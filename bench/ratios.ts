import type { Entry, Outcome } from './race.ts'
import { median } from './statistics.ts'

/** How many times as fast an entry is as each peer, by name. */
export type Ratios = Readonly<Record<string, number>>

/**
 * Peers' times over an entry's, round by round, their median. Of a peer's numbers of threads, the
 * better one counts in each round.
 */
export function ratiosOf({ times }: Entry, { entries }: Outcome): Ratios {
  const peers = new Map<string, Entry[]>()
  for (const entry of entries) {
    if (!entry.isOurs) peers.set(entry.name, [...(peers.get(entry.name) ?? []), entry])
  }
  return Object.fromEntries(
    [...peers].map(([name, variants]) => {
      const rounds = times.map((ours, r) => Math.min(...variants.map((v) => v.times[r]!)) / ours)
      return [name, median(rounds)]
    }),
  )
}

/** Entries whose results are too far from this one's, with the difference. */
export function disagreements(entry: Entry, tolerance: number): string[] {
  return Object.entries(entry.differences)
    .filter(([, difference]) => !(difference <= tolerance))
    .map(([other, difference]) => `${other} (${difference.toExponential(1)})`)
}
