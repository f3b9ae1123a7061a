import { sizeOf } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import type { Node } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'

/** A node as a run of another one's elements: from `offset` on. */
export interface Window {
  readonly base: Node
  readonly offset: number
}

/** Follows views that show a run of elements, in order, down to what lies in memory or must. */
export function windowOf(node: Node, stop: (node: Node) => boolean): Window {
  let base = node
  let offset = 0
  while (!stop(base)) {
    if (base.is('slice')) {
      const start = runStart(base)
      if (start === undefined) break
      offset += start
    } else if (!base.is('reshape') && recordOf<OpName>(base.op).kind !== 'alias') break
    base = base.inputs[0]!
  }
  return { base, offset }
}

/** Where a slice that is a run of its input's elements begins. */
function runStart({ attrs: { start, step }, shape, inputs }: Node<'slice'>): number | undefined {
  const input = inputs[0]!.shape
  const cut = shape.findIndex((extent) => extent !== 1)
  const whole = shape.every((extent, axis) => axis <= cut || extent === input[axis])
  if (cut >= 0 && !(whole && step[cut] === 1)) return undefined
  return start.reduce((sum, at, axis) => sum + at * sizeOf(input.slice(axis + 1)), 0)
}
