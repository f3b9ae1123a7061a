import type { Entry } from './race.ts'
import { median } from './statistics.ts'

/** How many times as fast as each peer, by name. */
export type Ratios = Readonly<Record<string, number>>

/** A time in a round; of who was too slow to go on, the one that is typical. */
const inRound = ({ times }: Entry, round: number): number => times[round] ?? median(times)

/**
 * Peers' times over ours, round by round, their median. Of a peer's numbers of threads, the better
 * one counts in each round.
 */
export function ratiosOf({ times }: Entry, entries: readonly Entry[]): Ratios {
  const peers = entries.filter(({ contestant }) => !contestant.isOurs)
  const names = new Set(peers.map(({ contestant }) => contestant.name))
  return Object.fromEntries(
    [...names].map((name) => {
      const variants = peers.filter(({ contestant }) => contestant.name === name)
      const rounds = times.map((ours, r) => Math.min(...variants.map((v) => inRound(v, r))) / ours)
      return [name, median(rounds)]
    }),
  )
}
