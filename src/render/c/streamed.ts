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
  if (large.length === 0) return new Set()
  const written = new Set<string>()
  const others = new Set<string>()
  eachStatement(body, (stmt) => {
    if (stmt.kind === 'store') written.add(stmt.buffer)
    if (stmt.kind === 'call') {
      for (const arg of stmt.args) if (arg.kind === 'pointer') others.add(arg.buffer)
    }
    for (const expr of expressions(stmt)) {
      eachExpression(expr, (inner) => {
        if (inner.kind === 'load') others.add(inner.buffer)
      })
    }
  })
  const names = large.map(({ name }) => name)
  return new Set(names.filter((name) => written.has(name) && !others.has(name)))
}
