import type { BinaryOp, Expr } from '../../loop/ir.ts'
import { i32 } from './opcodes.ts'
import type { Polynomial } from './polynomial.ts'
import {
  add,
  atomsOf,
  constant,
  isConstant,
  keyOfTerms,
  multiply,
  ofAtom,
  scale,
} from './polynomial.ts'

/** How index arithmetic meets the code around it. */
export interface IndexContext {
  /** The value of a name. */
  readonly variable: (name: string) => Polynomial
  /** A value outside the algebra, pushed by code for the expression. */
  readonly opaque: (e: Expr) => Polynomial
  readonly push: (p: Polynomial) => void
  readonly op: (code: number) => void
}

/** Operations outside the ring: equal operands still give equal values. */
const operations: { readonly [O in BinaryOp]?: { code: number; fold: Fold } } = {
  div: { code: i32.divS, fold: (a, b) => (b === 0 ? undefined : (a / b) | 0) },
  rem: { code: i32.remS, fold: (a, b) => (b === 0 ? undefined : (a % b) | 0) },
  and: { code: i32.and, fold: (a, b) => a & b },
  or: { code: i32.or, fold: (a, b) => a | b },
  xor: { code: i32.xor, fold: (a, b) => a ^ b },
  shl: { code: i32.shl, fold: (a, b) => a << b },
  shr: { code: i32.shrU, fold: (a, b) => (a >>> b) | 0 },
}
type Fold = (a: number, b: number) => number | undefined

/** A scalar i32 expression as a polynomial. */
export function indexOf(e: Expr, context: IndexContext): Polynomial {
  if (e.kind === 'const') return constant(e.value)
  if (e.kind === 'var') return context.variable(e.name)
  if (e.kind === 'unary' && e.op === 'neg') return scale(indexOf(e.x, context), -1)
  if (e.kind !== 'binary') return context.opaque(e)
  if (e.op === 'add') return add(indexOf(e.a, context), indexOf(e.b, context))
  if (e.op === 'sub') return add(indexOf(e.a, context), scale(indexOf(e.b, context), -1))
  return productOrOperation(e, context)
}

function productOrOperation(e: Expr & { kind: 'binary' }, context: IndexContext): Polynomial {
  if (e.op === 'mul') {
    const a = indexOf(e.a, context)
    const b = indexOf(e.b, context)
    return multiply(a, b) ?? operation('mul', i32.mul, a, b, context)
  }
  const known = operations[e.op]
  if (known === undefined || e.dtype !== 'i32') return context.opaque(e)
  const a = indexOf(e.a, context)
  const b = indexOf(e.b, context)
  if (isConstant(b) && e.op === 'shl') return scale(a, 1 << b.constant)
  if (isConstant(a) && isConstant(b)) {
    const value = known.fold(a.constant, b.constant)
    if (value !== undefined) return constant(value)
  }
  return operation(e.op, known.code, a, b, context)
}

function operation(
  op: BinaryOp,
  code: number,
  a: Polynomial,
  b: Polynomial,
  { push, op: write }: IndexContext,
): Polynomial {
  const atoms = [...atomsOf(a), ...atomsOf(b)]
  return ofAtom({
    key: `(${keyOfTerms(a)}+${a.constant} ${op} ${keyOfTerms(b)}+${b.constant})`,
    depends: new Set(atoms.flatMap(({ depends }) => [...depends])),
    fixed: atoms.every(({ fixed }) => fixed),
    push: () => {
      push(a)
      push(b)
      write(code)
    },
  })
}

/** Whether it is cheap and safe to compute p again instead of keeping it in a local. */
export function isPlain(p: Polynomial): boolean {
  return (
    p.terms.size <= 12 && atomsOf(p).every(({ key, fixed, depends }) => fixed && depends.has(key))
  )
}
