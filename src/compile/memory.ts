import { dtypes } from '../base/dtype.ts'
import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import { align64 } from '../loop/ir.ts'

/** When a temporary is in use: from the step that first writes it to the one that last needs it. */
export interface Lifetime {
  readonly node: Node
  readonly first: number
  readonly last: number
}

export const bytesOf = (node: Node): number =>
  align64(Math.max(1, sizeOf(node.shape)) * dtypes[node.dtype].bytes)

/**
 * Places temporaries in one arena: largest first, each at the lowest offset that no temporary in
 * use at the same time covers.
 */
export function placeInArena(lifetimes: readonly Lifetime[]): {
  offsets: Map<Node, number>
  bytes: number
} {
  const placed: (Lifetime & { offset: number; size: number })[] = []
  const offsets = new Map<Node, number>()
  let bytes = 0
  const bySize = [...lifetimes].sort(
    (a, b) => bytesOf(b.node) - bytesOf(a.node) || a.node.id - b.node.id,
  )
  for (const lifetime of bySize) {
    const size = bytesOf(lifetime.node)
    const others = placed
      .filter((other) => other.first <= lifetime.last && lifetime.first <= other.last)
      .sort((a, b) => a.offset - b.offset)
    let offset = 0
    for (const other of others) {
      if (offset + size <= other.offset) break
      offset = Math.max(offset, other.offset + other.size)
    }
    placed.push({ ...lifetime, offset, size })
    offsets.set(lifetime.node, offset)
    bytes = Math.max(bytes, offset + size)
  }
  return { offsets, bytes }
}
