import type { NodeCall } from '../run/call.ts'
import type { Slot, Value } from '../run/value.ts'

/** What an operator means: one record each, in the tables of this folder. */
export interface Op {
  /** The version of its domain since which it is what `run` computes. */
  readonly since: number
  /** The last version that had it, if a later one dropped it. */
  readonly until?: number
  /** Inputs that are read on the host (shapes, sizes): constants there are not weights. */
  readonly host?: readonly number[]
  /** Float inputs that are kept but not trained: running statistics, bounds, scales. */
  readonly fixed?: readonly number[]
  /** Gives other numbers each time: never taken for a constant. */
  readonly random?: boolean
  run(call: NodeCall): Value | readonly Slot[]
}

export type OpTable = Readonly<Record<string, Op>>
