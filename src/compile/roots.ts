import type { OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'

/**
 * Roots that lie in memory already (buffers, what loops leave), or the same node twice, become
 * copies, so that each has memory of its own.
 */
export function distinctRoots(roots: readonly Node[]): Node[] {
  const seen = new Set<Node>()
  return roots.map((root) => {
    const lies = root.is('buffer') || recordOf<OpName>(root.op).kind === 'part'
    if (!lies && !seen.has(root)) {
      seen.add(root)
      return root
    }
    return make('reshape', [root], { shape: root.shape })
  })
}
