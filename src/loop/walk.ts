import type { Expr, Stmt } from './ir.ts'

/** The expressions an expression is made of, in order. */
export function operands(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'const':
    case 'var':
      return []
    case 'unary':
    case 'splat':
    case 'extract':
    case 'fold':
      return [expr.x]
    case 'binary':
    case 'shuffle':
      return [expr.a, expr.b]
    case 'fma':
      return [expr.a, expr.b, expr.c]
    case 'select':
      return [expr.cond, expr.yes, expr.no]
    case 'load':
      return [expr.index]
    case 'pack':
      return expr.items
    case 'ramp':
      return [expr.base]
  }
}

/** The expressions that a statement itself holds, not those of its blocks. */
export function expressions(stmt: Stmt): readonly Expr[] {
  switch (stmt.kind) {
    case 'let':
    case 'set':
      return [stmt.value]
    case 'reg':
      return [stmt.init]
    case 'store':
      return [stmt.index, stmt.value]
    case 'for':
      return [stmt.start, stmt.end]
    case 'if':
      return [stmt.cond]
    case 'call':
      return stmt.args.map((arg) => (arg.kind === 'pointer' ? arg.offset : arg.value))
    case 'comment':
      return []
  }
}

/** The blocks inside a statement. */
export function blocks(stmt: Stmt): readonly (readonly Stmt[])[] {
  if (stmt.kind === 'for') return [stmt.body]
  return stmt.kind === 'if' ? [stmt.yes, stmt.no] : []
}

/** Visits every statement of a block and of the blocks inside it, in order. */
export function eachStatement(body: readonly Stmt[], visit: (stmt: Stmt) => void): void {
  for (const stmt of body) {
    visit(stmt)
    for (const block of blocks(stmt)) eachStatement(block, visit)
  }
}

/** Visits an expression and everything inside it. */
export function eachExpression(expr: Expr, visit: (expr: Expr) => void): void {
  visit(expr)
  for (const operand of operands(expr)) eachExpression(operand, visit)
}
