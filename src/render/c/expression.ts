import type { Expr, StorageType } from '../../loop/ir.ts'
import { passesIndexOn } from './indices.ts'
import { floatLiteral, integerLiteral } from './literal.ts'
import { missing } from './missing.ts'
import { identifier } from './names.ts'
import { binaryRows, elementText, indexRows, type Row, unaryRows } from './ops.ts'
import type { Prelude } from './prelude.ts'

/** What the text of an expression depends on. */
export interface Context {
  readonly prelude: Prelude
  /** Storage types of the buffers, scratch arrays and pointers in scope. */
  readonly storage: ReadonlyMap<string, StorageType>
}

/** The C text of an expression; parenthesised where it needs to be. */
export function expressionText(expr: Expr, context: Context, index = false): string {
  const { prelude } = context
  const of = (x: Expr, inIndex = false) => expressionText(x, context, inIndex)
  const plain = (x: Expr) => strip(of(x))
  switch (expr.kind) {
    case 'const': {
      const text = literal(expr)
      if (expr.lanes === 1) return text
      return `${prelude.splat(expr.dtype, expr.lanes)}(${strip(text)})`
    }
    case 'var':
      return identifier(expr.name)
    case 'unary': {
      const row = unaryRows[expr.op][expr.x.dtype] ?? missing(expr.op, expr.x.dtype)
      if ('lane' in row) {
        const name = prelude.row(expr.op, row, expr.x.dtype, expr.dtype, expr.lanes, ['x'])
        return `${name}(${plain(expr.x)})`
      }
      return fill(row, expr, { x: of(expr.x) }, prelude)
    }
    case 'binary':
      return binaryText(expr, context, index)
    case 'fma':
      return `(${of(expr.a)} * ${of(expr.b)} + ${of(expr.c)})`
    case 'select': {
      if (expr.cond.lanes === 1) return `(${of(expr.cond)} ? ${of(expr.yes)} : ${of(expr.no)})`
      const operands = [expr.cond, expr.yes, expr.no]
      return `${prelude.select(expr.dtype, expr.lanes)}(${operands.map(plain).join(', ')})`
    }
    case 'load':
      return loadText(expr, context)
    case 'splat':
      return `${prelude.splat(expr.dtype, expr.lanes)}(${plain(expr.x)})`
    case 'pack': {
      const item = (x: Expr) => (expr.dtype === 'bool' ? `-${of(x)}` : plain(x))
      return `(${prelude.type(expr.dtype, expr.lanes)}){${expr.items.map(item).join(', ')}}`
    }
    case 'ramp':
      return `${prelude.ramp(expr.lanes)}(${plain(expr.base)})`
    case 'shuffle':
      return `${prelude.shuffle(expr.dtype, expr.lanes, expr.pick)}(${plain(expr.a)}, ${plain(expr.b)})`
    case 'extract': {
      const lane = `${expr.x.kind === 'var' ? of(expr.x) : `(${plain(expr.x)})`}[${expr.lane}]`
      return expr.dtype === 'bool' ? `(${lane} != 0)` : lane
    }
    case 'fold': {
      const call = `${prelude.fold(expr.op, expr.dtype, expr.x.lanes)}(${plain(expr.x)})`
      return expr.dtype === 'bool' ? `(-${call})` : call
    }
  }
}

/** Without the parentheses around the whole. */
export function strip(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text
  let depth = 0
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')') depth--
    if (depth === 0) return text
  }
  return text.slice(1, -1)
}

function literal(expr: Expr & { kind: 'const' }): string {
  return expr.dtype === 'f32' ? floatLiteral(expr.value) : integerLiteral(expr.value)
}

function binaryText(expr: Expr & { kind: 'binary' }, context: Context, index: boolean): string {
  const { op, a, b, dtype, lanes } = expr
  const inIndex = index && passesIndexOn(expr)
  const row =
    (inIndex ? indexRows[op] : undefined) ?? binaryRows[op][a.dtype] ?? missing(op, a.dtype)
  const left = expressionText(a, context, inIndex)
  const right = expressionText(b, context, inIndex)
  if (!('lane' in row)) return fill(row, expr, { a: left, b: right }, context.prelude)
  // A literal comes first: it is no NaN, so half of the test for NaN falls away.
  const swap = b.kind === 'const' && !Number.isNaN(b.value)
  const name = context.prelude.row(op, row, a.dtype, dtype, lanes, ['a', 'b'])
  return `${name}(${(swap ? [right, left] : [left, right]).map(strip).join(', ')})`
}

/** A row's text with its operands and types in place. */
function fill(
  row: Row,
  expr: Expr,
  operands: { readonly [name: string]: string },
  prelude: Prelude,
): string {
  const text = expr.lanes === 1 ? row.scalar : row.vector
  return text.replace(/\$(u?\w)/g, (_, name: string) => {
    if (name === 'T') return prelude.type(expr.dtype, expr.lanes)
    if (name === 'U') return prelude.unsigned(expr.lanes)
    return name.length > 1 ? unsigned(operands[name.slice(1)]!) : operands[name]!
  })
}

/** A scalar integer as unsigned; one that has just been cast to int is cast no more. */
function unsigned(text: string): string {
  if (/^\d+$/.test(text)) return `${text}u`
  return /^\(int\)\(\(?\(unsigned\)|^\(int\)\(\w+u /.test(text)
    ? text.slice('(int)'.length)
    : `(unsigned)${text}`
}

function loadText(expr: Expr & { kind: 'load' }, context: Context): string {
  const storage = context.storage.get(expr.buffer) ?? missing('load', expr.buffer)
  const address = addressText(expr.buffer, expr.index, context)
  if (expr.lanes > 1) return `${context.prelude.load(storage, expr.lanes)}(${address})`
  const element = elementAt(expr.buffer, expr.index, context)
  return elementText[storage].load.replace('$x', element)
}

/** `x[i + 3]` */
export function elementAt(buffer: string, index: Expr, context: Context): string {
  return `${identifier(buffer)}[${strip(expressionText(index, context, true))}]`
}

/** `x + i + 3` */
export function addressText(buffer: string, index: Expr, context: Context): string {
  const name = identifier(buffer)
  if (index.kind === 'const' && index.value === 0) return name
  const offset = expressionText(index, context, true)
  return `${name} + ${passesIndexOn(index) ? strip(offset) : offset}`
}
