import type { OpName } from './attributes.ts'
import { contraction } from './ops/contraction.ts'
import { elementwise } from './ops/elementwise.ts'
import { indexing } from './ops/indexing.ts'
import { loops } from './ops/loop.ts'
import { movement } from './ops/movement.ts'
import { overlaps } from './ops/overlap.ts'
import { reduce } from './ops/reduce.ts'
import { running } from './ops/running.ts'
import { aliases, sources } from './ops/sources.ts'
import { transforms } from './ops/transform.ts'
import type { AnyOp } from './record.ts'

/** Every primitive, one record each. An op without a record does not compile. */
const records: { readonly [O in OpName]: AnyOp<O> } = {
  ...sources,
  ...aliases,
  ...elementwise,
  ...movement,
  ...reduce,
  ...contraction,
  ...transforms,
  ...overlaps,
  ...indexing,
  ...running,
  ...loops,
}

/** The record of an op. */
export function recordOf<O extends OpName>(op: O): AnyOp<O> {
  return records[op] as AnyOp<O>
}

export const opNames = Object.keys(records) as readonly OpName[]

export type ElementwiseName = keyof typeof elementwise

/** The elementwise ops' names, for tables that are total over them. */
export const elementwiseNames = Object.keys(elementwise) as readonly ElementwiseName[]
