import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import type { Axis, Contraction } from './contraction.ts'
import { extentOf, merged } from './contraction.ts'
import type { Nest } from './nest.ts'
import {
  addPositions,
  fixed,
  type Loop,
  loopPosition,
  type Position,
  scalePosition,
} from './position.ts'
import { coordinates, Reader } from './value.ts'

/** Rows this many elements apart (4 KiB), or a multiple, fall into the same few sets of a cache. */
export const CONFLICT = 1024
/** So few rows do not. */
const FEW_ROWS = 16
/** Elements between the rows of a copy. */
const GAP = 16

/** Whether rows of the left operand, read side by side, would push each other out of the caches. */
export function rowsConflict({ m }: Contraction): boolean {
  const pitch = merged(m, 0)[0]?.stride ?? 1
  return pitch % CONFLICT === 0 && extentOf(m) > FEW_ROWS
}

/** A left operand copied into rows that don't conflict, and the contraction that reads the copy. */
export function straighten(
  contraction: Contraction,
  make: (size: number) => Node,
): { nest: Nest; copy: Node; contraction: Contraction } {
  const { batch, m, k, a } = contraction
  const depth = extentOf(k)
  const pitch = depth + GAP
  const groups: [axes: readonly Axis[], unit: number][] = [
    [batch, extentOf(m) * pitch],
    [m, pitch],
    [k, 1],
  ]
  const steps = groups.flatMap(([axes, unit]) =>
    axes.map((axis, i) => ({ axis, step: unit * extentOf(axes.slice(i + 1)) })),
  )
  const stepOf = new Map(steps.map(({ axis, step }) => [axis, step]))
  const shape = steps.map(({ axis }) => axis.extent)
  const outer: Loop = { name: 'o', extent: sizeOf(shape) }
  const coords = coordinates(loopPosition(outer), shape)
  const along = (step: (i: number) => number, start: number): Position =>
    coords.reduce((sum, coord, i) => addPositions(sum, scalePosition(coord, step(i))), fixed(start))
  const copy = make(extentOf(batch) * extentOf(m) * pitch)
  const at = along((i) => steps[i]!.axis.strides[0], a.at.constant)
  const value = new Reader(() => undefined).intern({ kind: 'load', from: a.base, at, dtype: 'f32' })
  const write = { to: copy, at: along((i) => steps[i]!.step, 0), value }
  const turn = (axes: readonly Axis[]) =>
    axes.map((axis) => ({ ...axis, strides: [stepOf.get(axis)!, axis.strides[1]] as const }))
  return {
    nest: { outer, stages: [{ folds: [], writes: [write] }], origin: `rows of ${a.base.op} apart` },
    copy,
    contraction: {
      ...contraction,
      a: { base: copy, at: fixed(0) },
      batch: turn(batch),
      m: turn(m),
      k: turn(k),
    },
  }
}
