import type { BinaryOp, RegisterType, UnaryOp } from '../../loop/ir.ts'
import { type Generator, malformed } from './generator.ts'
import { control, f32, f32x4, i32, i32x4, v128 } from './opcodes.ts'

/** An instruction, or a few: the operands are on the stack and the result takes their place. */
type Rule = number | ((g: Generator) => void)
/** How an operation is written for one operand type: as a scalar, and lane by lane. */
type Row = readonly [scalar: Rule, vector: Rule]
type Rows = { readonly [T in RegisterType]?: Row }

const nothing = (): void => {}

export const unaryRows: { readonly [O in UnaryOp]: Rows } = {
  neg: { f32: [f32.neg, f32x4.neg], i32: [negate, i32x4.neg] },
  abs: { f32: [f32.abs, f32x4.abs], i32: [absolute, i32x4.abs] },
  sqrt: { f32: [f32.sqrt, f32x4.sqrt] },
  floor: { f32: [f32.floor, f32x4.floor] },
  ceil: { f32: [f32.ceil, f32x4.ceil] },
  not: { bool: [i32.eqz, v128.not] },
  toF32: {
    f32: [nothing, nothing],
    i32: [f32.convertI32S, f32x4.convertI32x4S],
    bool: [f32.convertI32S, oneWhereTrue],
  },
  toI32: {
    f32: [i32.truncSatF32S, i32x4.truncSatF32x4S],
    i32: [nothing, nothing],
    bool: [nothing, i32x4.neg],
  },
  toBool: {
    f32: [differsFrom(f32.const, f32.ne), differsFromZeros(f32x4.ne)],
    i32: [differsFrom(i32.const, i32.ne), differsFromZeros(i32x4.ne)],
    bool: [nothing, nothing],
  },
  bitsToF32: { i32: [f32.reinterpretI32, nothing] },
  bitsToI32: { f32: [i32.reinterpretF32, nothing] },
}

/** Rows are chosen by the operands' type. */
export const binaryRows: { readonly [O in BinaryOp]: Rows } = {
  add: { f32: [f32.add, f32x4.add], i32: [i32.add, i32x4.add] },
  sub: { f32: [f32.sub, f32x4.sub], i32: [i32.sub, i32x4.sub] },
  mul: { f32: [f32.mul, f32x4.mul], i32: [i32.mul, i32x4.mul] },
  div: { f32: [f32.div, f32x4.div], i32: [i32.divS, scalarOnly] },
  rem: { i32: [i32.remS, scalarOnly] },
  min: { f32: [f32.min, f32x4.min], i32: [choose(i32.ltS), i32x4.minS] },
  max: { f32: [f32.max, f32x4.max], i32: [choose(i32.gtS), i32x4.maxS] },
  and: { i32: [i32.and, v128.and], bool: [i32.and, v128.and] },
  or: { i32: [i32.or, v128.or], bool: [i32.or, v128.or] },
  xor: { i32: [i32.xor, v128.xor], bool: [i32.xor, v128.xor] },
  shl: { i32: [i32.shl, laneByLane(i32.shl)] },
  shr: { i32: [i32.shrU, laneByLane(i32.shrU)] },
  lt: { f32: [f32.lt, f32x4.lt], i32: [i32.ltS, i32x4.ltS] },
  le: { f32: [f32.le, f32x4.le], i32: [i32.leS, i32x4.leS] },
  eq: { f32: [f32.eq, f32x4.eq], i32: [i32.eq, i32x4.eq], bool: [i32.eq, i32x4.eq] },
  ne: { f32: [f32.ne, f32x4.ne], i32: [i32.ne, i32x4.ne], bool: [i32.ne, i32x4.ne] },
}

/** Shifts of all lanes by one scalar count are single instructions. */
export const uniformShifts: { readonly [O in BinaryOp]?: number } = {
  shl: i32x4.shl,
  shr: i32x4.shrU,
}

function scalarOnly(): never {
  throw malformed('a division of i32 vectors', 'scalars')
}

function negate(g: Generator): void {
  g.int(-1)
  g.op(i32.mul)
}

/** (x ^ s) − s, where s is the sign, 0 or −1. */
function absolute(g: Generator): void {
  g.withTemps(['i32', 'i32'], (x, sign) => {
    g.tee(x!)
    g.int(31)
    g.op(i32.shrS).tee(sign!)
    g.get(x!)
    g.op(i32.xor).get(sign!)
    g.op(i32.sub)
  })
}

function oneWhereTrue(g: Generator): void {
  g.vector(Float32Array.of(1, 1, 1, 1))
  g.op(v128.and)
}

function differsFrom(literal: number, compare: number): Rule {
  return (g) => {
    g.op(literal)
    if (literal === f32.const) g.code.f32(0)
    else g.code.i32(0)
    g.op(compare)
  }
}

function differsFromZeros(compare: number): Rule {
  return (g) => {
    g.vector(new Int32Array(4))
    g.op(compare)
  }
}

/** compare(a, b) ? a : b, of two i32 scalars. */
function choose(compare: number): Rule {
  return (g) =>
    g.withTemps(['i32', 'i32'], (a, b) => {
      g.set(b!)
      g.tee(a!)
      g.get(b!)
      g.get(a!)
      g.get(b!)
      g.op(compare).op(control.select)
    })
}

/** For what has no vector instruction. */
function laneByLane(scalar: number): Rule {
  return (g) =>
    g.withTemps(['v128', 'v128'], (a, b) => {
      g.set(b!)
      g.set(a!)
      g.get(a!)
      for (let lane = 0; lane < 4; lane++) {
        for (const operand of [a!, b!]) {
          g.get(operand)
          g.op(i32x4.extractLane).code.byte(lane)
        }
        g.op(scalar).op(i32x4.replaceLane).code.byte(lane)
      }
    })
}
