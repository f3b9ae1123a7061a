import type { Arg, Expr, Stmt } from '../../loop/ir.ts'
import { addressText, type Context, elementAt, expressionText, strip } from './expression.ts'
import { integerLiteral } from './literal.ts'
import { missing } from './missing.ts'
import { identifier } from './names.ts'
import { elementText } from './ops.ts'

/** What the text of a statement depends on: the expressions' context, and which `let`s are indices. */
export interface Scope extends Context {
  readonly indexLets: ReadonlySet<Stmt>
  /** Buffers whose stores go past the caches. */
  readonly streamed: ReadonlySet<string>
}

/** The lines of a block, one statement a line, indented by two spaces for each level. */
export function blockLines(body: readonly Stmt[], scope: Scope, level: number): string[] {
  const pad = '  '.repeat(level)
  return body.flatMap((stmt) => statementLines(stmt, scope).map((line) => pad + line))
}

/** Lines of one statement; its blocks carry one more level of indentation, the rest none. */
function statementLines(stmt: Stmt, scope: Scope): string[] {
  const text = (expr: Expr, index = false) => strip(expressionText(expr, scope, index))
  const block = (body: readonly Stmt[]) => blockLines(body, scope, 1)
  switch (stmt.kind) {
    case 'let': {
      const type = scope.prelude.type(stmt.value.dtype, stmt.value.lanes)
      const value = text(stmt.value, scope.indexLets.has(stmt))
      return [`const ${type} ${identifier(stmt.name)} = ${value};`]
    }
    case 'reg': {
      const type = scope.prelude.type(stmt.init.dtype, stmt.init.lanes)
      return [`${type} ${identifier(stmt.name)} = ${text(stmt.init)};`]
    }
    case 'set':
      return [`${identifier(stmt.name)} = ${text(stmt.value)};`]
    case 'store':
      return [storeLine(stmt, scope)]
    case 'for':
      return [
        ...(stmt.unroll ? [`#pragma GCC unroll ${tripCount(stmt)}`] : []),
        `${forHead(stmt, text)} {`,
        ...block(stmt.body),
        '}',
      ]
    case 'if':
      return [
        `if (${text(stmt.cond)}) {`,
        ...block(stmt.yes),
        ...(stmt.no.length > 0 ? ['} else {', ...block(stmt.no)] : []),
        '}',
      ]
    case 'call':
      return [`fn_${stmt.func}(${stmt.args.map((arg) => argText(arg, scope)).join(', ')});`]
    case 'comment':
      return [`/* ${commentText(stmt.text)} */`]
  }
}

/** Text that cannot end a comment early. */
export function commentText(text: string): string {
  return text.replace(/\*\//g, '* /').replace(/\s+/g, ' ')
}

function forHead(
  stmt: Stmt & { kind: 'for' },
  text: (expr: Expr, index: boolean) => string,
): string {
  const name = identifier(stmt.name)
  const step = stmt.step === 1 ? `${name}++` : `${name} += ${integerLiteral(stmt.step)}`
  return `for (int ${name} = ${text(stmt.start, true)}; ${name} < ${text(stmt.end, true)}; ${step})`
}

function tripCount({ start, end, step }: Stmt & { kind: 'for' }): number {
  if (start.kind !== 'const' || end.kind !== 'const') return missing('unroll', 'dynamic bounds')
  return Math.max(1, Math.ceil((end.value - start.value) / step))
}

function storeLine({ buffer, index, value }: Stmt & { kind: 'store' }, scope: Scope): string {
  const storage = scope.storage.get(buffer) ?? missing('store', buffer)
  const text = expressionText(value, scope)
  if (value.lanes > 1) {
    const address = addressText(buffer, index, scope)
    const { prelude, streamed } = scope
    const put = streamed.has(buffer)
      ? prelude.stream(value.lanes)
      : prelude.store(storage, value.lanes)
    return `${put}(${address}, ${strip(text)});`
  }
  const element = elementText[storage].store.replace('$x', () => text)
  return `${elementAt(buffer, index, scope)} = ${strip(element)};`
}

function argText(arg: Arg, scope: Scope): string {
  if (arg.kind === 'value') return strip(expressionText(arg.value, scope))
  return addressText(arg.buffer, arg.offset, scope)
}
