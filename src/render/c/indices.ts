import type { Expr, Stmt } from '../../loop/ir.ts'
import { blocks, expressions, operands } from '../../loop/walk.ts'
import { indexRows } from './ops.ts'

/** Whether an operand of this expression is an index when the expression itself is one. */
export function passesIndexOn(expr: Expr): boolean {
  return expr.kind === 'binary' && expr.op in indexRows
}

/** Which expressions of a statement are indices: they stay inside some buffer. */
export function indexExpressions(stmt: Stmt): readonly Expr[] {
  if (stmt.kind === 'store') return [stmt.index]
  if (stmt.kind === 'for') return [stmt.start, stmt.end]
  if (stmt.kind !== 'call') return []
  return stmt.args.flatMap((arg) => (arg.kind === 'pointer' ? [arg.offset] : []))
}

/**
 * The `let`s whose every use is (part of) an index. They can be computed in plain C arithmetic,
 * which lets the C compiler turn `x[i * 24 + j]` into stepping addresses; other integers wrap.
 *
 * Statements are read from last to first, so that all uses of a name come before its `let`.
 */
export function indexLets(body: readonly Stmt[]): ReadonlySet<Stmt> {
  const found = new Set<Stmt>()
  /** For each name used further down: whether every use so far is an index. */
  const uses = new Map<string, boolean>()
  const use = (expr: Expr, index: boolean): void => {
    if (expr.kind === 'var') uses.set(expr.name, index && (uses.get(expr.name) ?? true))
    const inside = expr.kind === 'load' || (index && passesIndexOn(expr))
    for (const operand of operands(expr)) use(operand, inside)
  }
  const read = (block: readonly Stmt[]): void => {
    for (const stmt of [...block].reverse()) {
      for (const inner of blocks(stmt)) read(inner)
      const index = stmt.kind === 'let' && uses.get(stmt.name) === true
      if (index) found.add(stmt)
      if (stmt.kind === 'let' || stmt.kind === 'reg' || stmt.kind === 'for') uses.delete(stmt.name)
      const indices = indexExpressions(stmt)
      for (const expr of expressions(stmt)) use(expr, index || indices.includes(expr))
    }
  }
  read(body)
  return found
}
