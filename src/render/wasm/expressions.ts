import type { BinaryOp, Expr } from '../../loop/ir.ts'
import { pushLoad, pushLoadIntoLane } from './access.ts'
import { type Generator, malformed, valueType } from './generator.ts'
import { indexOf } from './indices.ts'
import { control, f32, f32x4, i32, i32x4, v128 } from './opcodes.ts'
import { binaryRows, unaryRows, uniformShifts } from './operators.ts'
import { isConstant, type Polynomial } from './polynomial.ts'

type Kind<K extends Expr['kind']> = Expr & { readonly kind: K }

/** Writes instructions that push the value of `e`. */
export function pushExpr(g: Generator, e: Expr): void {
  valueType(e) // rejects vectors that are too wide
  const push = writers[e.kind] as (g: Generator, e: Expr) => void
  push(g, e)
}

const writers: { readonly [K in Expr['kind']]: (g: Generator, e: Kind<K>) => void } = {
  const: (g, e) => pushLiteral(g, e, e.value),
  var: pushVariable,
  unary: (g, e) => {
    pushExpr(g, e.x)
    apply(g, unaryRows[e.op][e.x.dtype], e.x, e.op)
  },
  binary: pushBinary,
  fma: pushFma,
  select: pushSelect,
  load: (g, e) => pushLoad(g, e, indexIn(g, e.index)),
  splat: pushSplat,
  pack: pushPack,
  ramp: pushRamp,
  shuffle: (g, e) => {
    pushExpr(g, e.a)
    pushExpr(g, e.b)
    // The second vector's bytes follow the first's 16, however many lanes are in use.
    const byteOf = (lane: number) => (lane < e.lanes ? lane * 4 : 16 + (lane - e.lanes) * 4)
    const places = [0, 1, 2, 3].map((i) => byteOf(e.pick[i] ?? 0))
    g.op(v128.shuffle).code.bytes(
      places.flatMap((place) => [place, place + 1, place + 2, place + 3]),
    )
  },
  extract: (g, e) => {
    pushExpr(g, e.x)
    extractLane(g, e.dtype, e.lane)
  },
  fold: pushFold,
}

/** An index expression, with the names in scope here. */
export function indexIn(g: Generator, e: Expr): Polynomial {
  return indexOf(e, {
    variable: (name) => {
      const { index, local, literal } = g.lookup(name)
      if (index !== undefined) return index
      return g.opaque(() => (local === undefined ? g.int(literal!) : g.get(local)))
    },
    opaque: (x) => g.opaque(() => pushExpr(g, x)),
    push: (p) => g.polynomial(p),
    op: (code) => g.op(code),
  })
}

function pushLiteral(g: Generator, { dtype, lanes }: Expr, value: number): void {
  if (lanes > 1) {
    const four = <T>(x: T): T[] => [x, x, x, x]
    if (dtype === 'f32') g.vector(Float32Array.from(four(value)))
    else g.vector(Int32Array.from(four(dtype === 'bool' ? -value : value)))
  } else if (dtype === 'f32') g.op(f32.const).code.f32(value)
  else g.int(value)
}

function pushVariable(g: Generator, e: Kind<'var'>): void {
  const { local, literal } = g.lookup(e.name)
  if (local === undefined) pushLiteral(g, e, literal!)
  else g.get(local)
}

function apply(
  g: Generator,
  row: readonly [Rule, Rule] | undefined,
  { dtype, lanes }: Expr,
  op: string,
): void {
  if (row === undefined) throw malformed(`'${op}' of ${dtype}`, 'a type that the operation has')
  const rule = row[lanes === 1 ? 0 : 1]
  if (typeof rule === 'number') g.op(rule)
  else rule(g)
}
type Rule = number | ((g: Generator) => void)

function pushBinary(g: Generator, e: Kind<'binary'>): void {
  if (pushLimit(g, e)) return
  const shift = e.lanes > 1 ? uniformShifts[e.op] : undefined
  const count = shift === undefined ? undefined : uniform(e.b)
  pushExpr(g, e.a)
  pushExpr(g, count ?? e.b)
  if (shift !== undefined && count !== undefined) g.op(shift)
  else apply(g, binaryRows[e.op][e.a.dtype], e.a, e.op)
}

/** The scalar that is in every lane of e, where it is plain to see. */
function uniform(e: Expr): Expr | undefined {
  if (e.kind === 'const') return { ...e, lanes: 1 }
  return e.kind === 'splat' ? e.x : undefined
}

/**
 * min and max with a literal: one comparison in place of the general case, which has to look for
 * a NaN on both sides. `x < limit ? limit : x` keeps a NaN in x.
 */
const limits: { readonly [O in BinaryOp]?: { vector: number; beyond: number } } = {
  min: { vector: f32x4.pmin, beyond: f32.gt },
  max: { vector: f32x4.pmax, beyond: f32.lt },
}

function pushLimit(g: Generator, { op, a, b, dtype, lanes }: Kind<'binary'>): boolean {
  const row = limits[op]
  const limit = b.kind === 'const' ? b : a.kind === 'const' ? a : undefined
  if (!row || dtype !== 'f32' || !limit || Number.isNaN(limit.value)) return false
  const x = limit === b ? a : b
  if (lanes > 1) {
    pushExpr(g, x)
    pushExpr(g, limit)
    g.op(row.vector)
    return true
  }
  g.withTemps(['f32'], (value) => {
    pushExpr(g, x)
    g.set(value!)
    pushExpr(g, limit)
    g.get(value!)
    g.get(value!)
    pushExpr(g, limit)
    g.op(row.beyond).op(control.select)
  })
  return true
}

function pushFma(g: Generator, { a, b, c, lanes }: Kind<'fma'>): void {
  pushExpr(g, a)
  pushExpr(g, b)
  if (lanes > 1 && g.relaxed) {
    pushExpr(g, c)
    g.op(f32x4.relaxedMadd)
    return
  }
  g.op(lanes > 1 ? f32x4.mul : f32.mul)
  pushExpr(g, c)
  g.op(lanes > 1 ? f32x4.add : f32.add)
}

function pushSelect(g: Generator, { cond, yes, no }: Kind<'select'>): void {
  const known = literalCondition(g, cond)
  if (known !== undefined) {
    pushExpr(g, known ? yes : no)
    return
  }
  pushExpr(g, yes)
  pushExpr(g, no)
  pushExpr(g, cond)
  if (cond.lanes === 1) g.op(control.select)
  else g.op(g.relaxed ? i32x4.relaxedLaneselect : v128.bitselect)
}

/** The value of a scalar comparison of integers that are known here (in unrolled loops). */
export function literalCondition(g: Generator, e: Expr): boolean | undefined {
  if (e.lanes !== 1) return undefined
  if (e.kind === 'const') return e.value !== 0
  if (e.kind !== 'binary' || e.a.dtype !== 'i32') return undefined
  const compare = comparisons[e.op]
  if (compare === undefined) return undefined
  const a = indexIn(g, e.a)
  const b = indexIn(g, e.b)
  return isConstant(a) && isConstant(b) ? compare(a.constant, b.constant) : undefined
}

const comparisons: { readonly [O in BinaryOp]?: (a: number, b: number) => boolean } = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
}

function pushSplat(g: Generator, { x, dtype }: Kind<'splat'>): void {
  if (x.kind === 'load' && g.buffer(x.buffer).dtype === dtype && dtype !== 'bool') {
    const offset = g.address(x.buffer, indexIn(g, x.index))
    g.op(v128.load32Splat).code.u32(2).u32(offset)
    return
  }
  pushMask(g, x)
  g.op(dtype === 'f32' ? f32x4.splat : i32x4.splat)
}

/** Pushes a scalar as it is kept in a vector's lane: a truth value as 0 or −1. */
function pushMask(g: Generator, x: Expr): void {
  if (x.dtype === 'bool') g.int(0)
  pushExpr(g, x)
  if (x.dtype === 'bool') g.op(i32.sub)
}

function pushPack(g: Generator, { items, dtype }: Kind<'pack'>): void {
  if (items.every((x) => x.kind === 'const')) {
    const values = [0, 1, 2, 3].map((lane) => items[lane]?.value ?? 0)
    if (dtype === 'f32') g.vector(Float32Array.from(values))
    else g.vector(Int32Array.from(dtype === 'bool' ? values.map((value) => -value) : values))
    return
  }
  const areLoads = items.every((x) => x.kind === 'load' && g.buffer(x.buffer).dtype === dtype)
  if (areLoads && dtype !== 'bool') {
    pushLoadIntoLane(g, items as Kind<'load'>[], indexIn)
    return
  }
  items.forEach((item, lane) => {
    pushMask(g, item)
    if (lane === 0) g.op(dtype === 'f32' ? f32x4.splat : i32x4.splat)
    else g.op(dtype === 'f32' ? f32x4.replaceLane : i32x4.replaceLane).code.byte(lane)
  })
}

function pushRamp(g: Generator, { base }: Kind<'ramp'>): void {
  pushExpr(g, base)
  g.op(i32x4.splat)
  g.vector(Int32Array.of(0, 1, 2, 3))
  g.op(i32x4.add)
}

function extractLane(g: Generator, dtype: Expr['dtype'], lane: number): void {
  g.op(dtype === 'f32' ? f32x4.extractLane : i32x4.extractLane).code.byte(lane)
  if (dtype !== 'bool') return
  g.int(1)
  g.op(i32.and)
}

/** Lane i with lane i + n/2, halving n; the other lanes hold what nobody reads. */
function pushFold(g: Generator, { op, x }: Kind<'fold'>): void {
  pushExpr(g, x)
  for (let half = x.lanes / 2; half >= 1; half /= 2) {
    g.withTemps([valueType(x)], (value) => {
      g.tee(value!)
      g.get(value!)
      g.get(value!)
      shiftLanes(g, half)
      apply(g, binaryRows[op][x.dtype], x, op)
    })
  }
  extractLane(g, x.dtype, 0)
}

/** Two vectors → lanes `by` and up of the first, from lane 0. */
function shiftLanes(g: Generator, by: number): void {
  const bytes = Array.from({ length: 16 }, (_, byte) => Math.min(by * 4 + byte, 15))
  g.op(v128.shuffle).code.bytes(bytes)
}
