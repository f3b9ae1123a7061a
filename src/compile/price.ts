import type { Expr, Stmt } from '../loop/ir.ts'
import { operands } from '../loop/walk.ts'

/** About how many instructions statements take, loops with literal bounds multiplied out. */
export function priceOf(statements: readonly Stmt[]): number {
  return statements.reduce((sum, statement) => sum + priceOfStatement(statement), 0)
}

function priceOfStatement(statement: Stmt): number {
  switch (statement.kind) {
    case 'let':
    case 'set':
      return priceOfExpression(statement.value)
    case 'store':
      return 1 + priceOfExpression(statement.value) + priceOfExpression(statement.index)
    case 'for': {
      const { start, end, step, body } = statement
      const length = end.kind === 'const' && start.kind === 'const' ? end.value - start.value : step
      return Math.ceil(length / step) * (priceOf(body) + 1)
    }
    case 'if':
      return 1 + priceOf(statement.yes) + priceOf(statement.no)
    default:
      return 0
  }
}

function priceOfExpression(expr: Expr): number {
  return operands(expr).reduce((sum, operand) => sum + priceOfExpression(operand), own(expr))
}

/** An expression's own instructions. Addresses are mostly part of the instruction that uses them. */
function own(expr: Expr): number {
  const { kind, dtype, lanes } = expr
  if (kind === 'const' || kind === 'var') return 0
  if (kind === 'splat') return 0.25
  if (kind === 'pack') return expr.items.every((item) => item.kind === 'const') ? 0 : lanes
  if (kind === 'fold') return 2 * Math.log2(expr.x.lanes)
  if (kind !== 'binary' || dtype !== 'i32' || lanes > 1) return 1
  return expr.op === 'div' || expr.op === 'rem' ? 4 : 0.25
}
