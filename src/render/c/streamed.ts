import type { Kernel, Program } from '../../loop/ir.ts'
import { storageBytes } from '../../loop/ir.ts'
import { eachExpression, eachStatement, expressions } from '../../loop/walk.ts'

/** Bytes that no cache holds until somebody reads them again. */
const LARGE = 32 * 2 ** 20

/**
 * The buffers that a kernel writes and never reads, larger than caches: their stores go past the
 * caches, which would else fetch each line from memory before it is overwritten.
 */
export function streamedBuffers({ buffers }: Program, { body }: Kernel): Set<string> {
  const large = buffers.filter(({ dtype, size }) => {
    return dtype === 'f32' && size * storageBytes[dtype] >= LARGE
  })
  const streamed = new Set(large.map(({ name }) => name))
  if (streamed.size === 0) return streamed
  eachStatement(body, (stmt) => {
    if (stmt.kind === 'call') {
      for (const arg of stmt.args) if (arg.kind === 'pointer') streamed.delete(arg.buffer)
    }
    for (const expr of expressions(stmt)) {
      eachExpression(expr, (inner) => {
        if (inner.kind === 'load') streamed.delete(inner.buffer)
      })
    }
  })
  return streamed
}
