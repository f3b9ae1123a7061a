import type { BinaryOp, Expr, RegisterType, Stmt, StorageType, UnaryOp } from './ir.ts'
import { registerOf } from './ir.ts'

/** Short constructors for expressions and statements, with the folding that keeps printouts readable. */

export const f32 = (value: number, lanes = 1): Expr => ({
  kind: 'const',
  dtype: 'f32',
  lanes,
  value,
})
export const i32 = (value: number, lanes = 1): Expr => ({
  kind: 'const',
  dtype: 'i32',
  lanes,
  value,
})
export const bool = (value: boolean, lanes = 1): Expr => ({
  kind: 'const',
  dtype: 'bool',
  lanes,
  value: value ? 1 : 0,
})
export const variable = (name: string, dtype: RegisterType = 'i32', lanes = 1): Expr => ({
  kind: 'var',
  dtype,
  lanes,
  name,
})

const unaryResult: { readonly [O in UnaryOp]?: RegisterType } = {
  toF32: 'f32',
  toI32: 'i32',
  toBool: 'bool',
  bitsToF32: 'f32',
  bitsToI32: 'i32',
}

export function unary(op: UnaryOp, x: Expr): Expr {
  const dtype = unaryResult[op] ?? x.dtype
  if (op === 'neg' && x.kind === 'const') return { ...x, value: -x.value }
  if (dtype === x.dtype && op.startsWith('to')) return x
  if (x.kind === 'const' && op === 'toF32') return f32(x.value, x.lanes)
  return { kind: 'unary', dtype, lanes: x.lanes, op, x }
}

const comparisons: ReadonlySet<BinaryOp> = new Set(['lt', 'le', 'eq', 'ne'])

export function binary(op: BinaryOp, a: Expr, b: Expr): Expr {
  const lanes = Math.max(a.lanes, b.lanes)
  const x = widen(a, lanes)
  const y = widen(b, lanes)
  const dtype = comparisons.has(op) ? 'bool' : x.dtype
  return (
    (x.dtype === 'i32' ? foldInteger(op, x, y) : undefined) ?? {
      kind: 'binary',
      dtype,
      lanes,
      op,
      a: x,
      b: y,
    }
  )
}

/** Index arithmetic folds: x + 0, x · 1, x · 0 and literals. */
function foldInteger(op: BinaryOp, a: Expr, b: Expr): Expr | undefined {
  const x = a.kind === 'const' ? a.value : undefined
  const y = b.kind === 'const' ? b.value : undefined
  if (op === 'add') {
    if (x === 0) return b
    if (y === 0) return a
    if (x !== undefined && y !== undefined) return i32((x + y) | 0, a.lanes)
  }
  if (op === 'sub' && y === 0) return a
  if (op === 'mul') {
    if (x === 1) return b
    if (y === 1) return a
    if (x === 0 || y === 0) return i32(0, a.lanes)
    if (x !== undefined && y !== undefined) return i32(Math.imul(x, y), a.lanes)
  }
  if (op === 'div' && y === 1) return a
  if (x !== undefined && y !== undefined && a.lanes === 1) {
    if (op === 'sub') return i32((x - y) | 0)
    if (op === 'div' && y > 0) return i32(Math.trunc(x / y))
    if (op === 'rem' && y > 0) return i32(x % y)
    if (op === 'min') return i32(Math.min(x, y))
    if (op === 'max') return i32(Math.max(x, y))
  }
  return undefined
}

export function fma(a: Expr, b: Expr, c: Expr): Expr {
  const lanes = Math.max(a.lanes, b.lanes, c.lanes)
  return {
    kind: 'fma',
    dtype: 'f32',
    lanes,
    a: widen(a, lanes),
    b: widen(b, lanes),
    c: widen(c, lanes),
  }
}

export function select(cond: Expr, yes: Expr, no: Expr): Expr {
  const lanes = Math.max(cond.lanes, yes.lanes, no.lanes)
  if (cond.kind === 'const') return widen(cond.value ? yes : no, lanes)
  return {
    kind: 'select',
    dtype: yes.dtype,
    lanes,
    cond,
    yes: widen(yes, lanes),
    no: widen(no, lanes),
  }
}

export function load(buffer: string, storage: StorageType, index: Expr, lanes = 1): Expr {
  return { kind: 'load', dtype: registerOf[storage], lanes, buffer, index }
}

/** x in every one of `lanes` lanes. */
export function widen(x: Expr, lanes: number): Expr {
  if (x.lanes === lanes) return x
  if (x.kind === 'const') return { ...x, lanes }
  return { kind: 'splat', dtype: x.dtype, lanes, x }
}

export const pack = (items: readonly Expr[]): Expr => ({
  kind: 'pack',
  dtype: items[0]!.dtype,
  lanes: items.length,
  items,
})
export const ramp = (base: Expr, lanes: number): Expr => ({
  kind: 'ramp',
  dtype: 'i32',
  lanes,
  base,
})
export const fold = (op: 'add' | 'mul' | 'min' | 'max' | 'or' | 'and', x: Expr): Expr =>
  x.lanes === 1 ? x : { kind: 'fold', dtype: x.dtype, lanes: 1, op, x }
/** Lane i is lane pick[i] of a's lanes followed by b's. */
export const shuffle = (a: Expr, b: Expr, pick: readonly number[]): Expr => ({
  kind: 'shuffle',
  dtype: a.dtype,
  lanes: pick.length,
  a,
  b,
  pick,
})
export const extract = (x: Expr, lane: number): Expr => ({
  kind: 'extract',
  dtype: x.dtype,
  lanes: 1,
  x,
  lane,
})

export const add = (a: Expr, b: Expr): Expr => binary('add', a, b)
export const sub = (a: Expr, b: Expr): Expr => binary('sub', a, b)
export const mul = (a: Expr, b: Expr): Expr => binary('mul', a, b)

export const declare = (name: string, value: Expr): Stmt => ({ kind: 'let', name, value })
export const register = (name: string, init: Expr): Stmt => ({ kind: 'reg', name, init })
export const set = (name: string, value: Expr): Stmt => ({ kind: 'set', name, value })
export const store = (buffer: string, index: Expr, value: Expr): Stmt => ({
  kind: 'store',
  buffer,
  index,
  value,
})
export const loop = (
  name: string,
  start: Expr,
  end: Expr,
  body: readonly Stmt[],
  { step = 1, unroll = false } = {},
): Stmt => ({ kind: 'for', name, start, end, step, unroll, body })
export const comment = (text: string): Stmt => ({ kind: 'comment', text })
