import { BrickError } from '../base/errors.ts'
import type { Node } from '../graph/node.ts'

let current: Node | undefined

/** The number of the round, i32 [], while the body of a scan is traced. */
export function currentRound(): Node | undefined {
  return current
}

/** Traces a scan's body. */
export const inRound = <T>(round: Node, body: () => T): T => during(round, body)

/** Does what is done once, whatever is traced. */
export const outsideRounds = <T>(body: () => T): T => during(undefined, body)

function during<T>(round: Node | undefined, body: () => T): T {
  const before = current
  current = round
  try {
    return body()
  } finally {
    current = before
  }
}

/** Throws while a scan's body is traced: what happens once for all rounds can't have this effect. */
export function refuseInRound(got: string, remedy: string): void {
  if (!current) return
  throw new BrickError({
    kind: 'argument',
    where: 'scan',
    got,
    wanted: 'tensor operations alone',
    remedy,
  })
}
