import type { DType } from '../base/dtype.ts'
import type { Attributes, OpName } from '../graph/attributes.ts'
import type { ElementwiseName } from '../graph/ops.ts'
import { binary, i32, select, unary } from '../loop/build.ts'
import type { BinaryOp, Expr, UnaryOp } from '../loop/ir.ts'
import * as math from './math.ts'

type Row = (args: readonly Expr[], attrs: Attributes[OpName], naming: math.Naming) => Expr

const one =
  (op: UnaryOp): Row =>
  ([x]) =>
    unary(op, x!)
const two =
  (op: BinaryOp): Row =>
  ([x, y]) =>
    binary(op, x!, y!)
/** Truth values are compared as integers. */
const compare =
  (op: BinaryOp): Row =>
  ([x, y]) =>
    x!.dtype === 'bool' ? binary(op, unary('toI32', x!), unary('toI32', y!)) : binary(op, x!, y!)
const composed =
  (f: (x: Expr, naming: math.Naming) => Expr): Row =>
  ([x], _, naming) =>
    f(x!, naming)

/** What each elementwise op is in the loop language. Total: an op without a row does not compile. */
const rows: { readonly [E in ElementwiseName]: Row } = {
  neg: one('neg'),
  abs: one('abs'),
  sqrt: one('sqrt'),
  floor: one('floor'),
  not: one('not'),
  exp: composed(math.exp),
  expm1: composed(math.expm1),
  log: composed(math.log),
  log1p: composed(math.log1p),
  sin: composed(math.sin),
  cos: composed(math.cos),
  tanh: composed(math.tanh),
  erf: composed(math.erf),
  cast: ([x], attrs) => convert(x!, (attrs as Attributes['cast']).to),
  add: two('add'),
  sub: two('sub'),
  mul: two('mul'),
  div: two('div'),
  max: two('max'),
  min: two('min'),
  pow: ([x, y], _, naming) => math.pow(x!, y!, naming),
  lt: compare('lt'),
  le: compare('le'),
  eq: compare('eq'),
  ne: compare('ne'),
  and: two('and'),
  or: two('or'),
  xor: two('xor'),
  shl: two('shl'),
  shr: two('shr'),
  where: ([condition, yes, no]) => select(condition!, yes!, no!),
}

/** The register value of an op. */
export function scalarRow(
  op: ElementwiseName,
  args: readonly Expr[],
  attrs: Attributes[OpName],
  naming: math.Naming,
): Expr {
  return rows[op](args, attrs, naming)
}

function convert(x: Expr, to: DType): Expr {
  switch (to) {
    case 'f32':
      return unary('toF32', x)
    case 'i32':
      return unary('toI32', x)
    case 'u8':
      return binary('and', unary('toI32', x), i32(255))
    case 'bool':
      return unary('toBool', x)
  }
}
