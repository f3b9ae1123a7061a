import type { DType } from '../src/base/dtype.ts'
import * as b from '../src/loop/build.ts'
import type { BinaryOp, Expr, UnaryOp } from '../src/loop/ir.ts'
import { CaseBuilder, type LoopCase, range } from './loop-case.ts'

/** Conformance programs for every op on every type it takes, and for folds. */

const fround = Math.fround

/** Twelve values a float op may trip over; their 144 pairs fill vectors of 16. */
const floats = [0, 1, -1.5, 2.5, -3, 1e30, -1e30, 1e-42, Infinity, -Infinity, NaN, 0.3].map(fround)
/** Sixteen floats that round in every way, below 2³¹. */
const finite = [
  0, 0.5, -0.5, 1.5, -1.5, 2.999, -2.999, 7, -7, 8388609, -8388609, 2147483520, -2147483520, 1e-42,
  0.3, 123456.789,
].map(fround)
const integers = [0, 1, -1, 2, 7, -8, 31, 255, 256, -1000, 2147483647, -2147483648]
const pairs = <T>(xs: readonly T[]): [T[], T[]] => [
  xs.flatMap((x) => xs.map(() => x)),
  xs.flatMap(() => xs),
]

const bitsOf = (x: number): number => new Int32Array(new Float32Array([x]).buffer)[0]!
const floatOf = (bits: number): number => new Float32Array(new Int32Array([bits]).buffer)[0]!

/** What each unary op means, for each type it takes, on values of that type. */
const unaryMeaning: {
  readonly [O in UnaryOp]: { readonly [D in 'f32' | 'i32' | 'bool']?: (x: number) => number }
} = {
  neg: { f32: (x) => -x, i32: (x) => -x | 0 },
  abs: { f32: Math.abs, i32: (x) => Math.abs(x) | 0 },
  sqrt: { f32: (x) => fround(Math.sqrt(x)) },
  floor: { f32: Math.floor },
  ceil: { f32: Math.ceil },
  not: { bool: (x) => 1 - x },
  toF32: { i32: fround, bool: (x) => x },
  toI32: { f32: Math.trunc, bool: (x) => x },
  toBool: { f32: (x) => Number(x !== 0), i32: (x) => Number(x !== 0) },
  bitsToF32: { i32: floatOf },
  bitsToI32: { f32: bitsOf },
}

const unaryResult: { readonly [O in UnaryOp]?: DType } = {
  toF32: 'f32',
  toI32: 'i32',
  toBool: 'bool',
  bitsToF32: 'f32',
  bitsToI32: 'i32',
}

export function unaries(lanes: number): LoopCase {
  const test = new CaseBuilder('unary', lanes)
  const special = [...floats, 4, 0.25, -2147483520, 16777217]
  const data = {
    f32: special,
    i32: [...integers, 3, 16777217, 1078530011, -1082130432],
    bool: range(16).map((i) => (i % 3) & 1),
  }
  for (const op of Object.keys(unaryMeaning) as UnaryOp[]) {
    for (const dtype of ['f32', 'i32', 'bool'] as const) {
      const meaning = unaryMeaning[op][dtype]
      if (!meaning) continue
      // A NaN's bits are free, and only finite floats below 2³¹ become integers.
      const tame = dtype === 'f32' && (op === 'toI32' || op === 'bitsToI32')
      const values = tame ? finite : data[dtype].map((x) => (dtype === 'f32' ? fround(x) : x))
      const input = { dtype, buffer: test.input(dtype, values) }
      const expected = values.map(meaning)
      const f = (x: Expr) => b.unary(op, x)
      test.map(`${op} ${dtype}`, [input], f, unaryResult[op] ?? dtype, expected)
    }
  }
  return test.done()
}

type Meaning = (x: number, y: number) => number

const compare: { readonly [O in 'lt' | 'le' | 'eq' | 'ne']: Meaning } = {
  lt: (x, y) => Number(x < y),
  le: (x, y) => Number(x <= y),
  eq: (x, y) => Number(x === y),
  ne: (x, y) => Number(x !== y),
}

const isComparison = (op: string): boolean => op in compare

const floatMeaning: { readonly [O in BinaryOp]?: Meaning } = {
  add: (x, y) => fround(x + y),
  sub: (x, y) => fround(x - y),
  mul: (x, y) => fround(x * y),
  div: (x, y) => fround(x / y),
  min: Math.min, // NaN if either is
  max: Math.max,
  ...compare,
}

const integerMeaning: { readonly [O in BinaryOp]?: Meaning } = {
  add: (x, y) => (x + y) | 0,
  sub: (x, y) => (x - y) | 0,
  mul: Math.imul,
  min: Math.min,
  max: Math.max,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  ...compare,
}

function binaries(
  test: CaseBuilder,
  dtype: 'f32' | 'i32' | 'bool',
  meanings: { readonly [O in BinaryOp]?: Meaning },
  [left, right]: [number[], number[]],
): void {
  const inputs = [left, right].map((data) => ({ dtype, buffer: test.input(dtype, data) }))
  for (const [op, meaning] of Object.entries(meanings) as [BinaryOp, Meaning][]) {
    const expected = left.map((x, i) => meaning(x, right[i]!))
    const f = (x?: Expr, y?: Expr) => b.binary(op, x!, y!)
    test.map(`${op} ${dtype}`, inputs, f, isComparison(op) ? 'bool' : dtype, expected)
  }
}

export function floatBinaries(lanes: number): LoopCase {
  const test = new CaseBuilder('binary f32', lanes)
  binaries(test, 'f32', floatMeaning, pairs(floats))
  return test.done()
}

export function integerBinaries(lanes: number): LoopCase {
  const test = new CaseBuilder('binary i32', lanes)
  binaries(test, 'i32', integerMeaning, pairs(integers))
  const [left, right] = pairs(integers)
  const counts = right.map((_, i) => i % 32)
  binaries(test, 'i32', { shl: (x, y) => x << y, shr: (x, y) => (x >>> y) | 0 }, [left, counts])
  // A count that is the same in every lane takes another road on some machines.
  const input = [{ dtype: 'i32' as const, buffer: test.input('i32', left) }]
  for (const op of ['shl', 'shr'] as const) {
    const f = (x: Expr) => b.binary(op, x, b.i32(5))
    const expected = left.map((x) => (op === 'shl' ? x << 5 : (x >>> 5) | 0))
    test.map(`${op} i32 by 5`, input, f, 'i32', expected)
  }
  return test.done()
}

export function booleans(lanes: number): LoopCase {
  const test = new CaseBuilder('binary bool', lanes)
  const left = range(16).map((i) => i & 1)
  const right = range(16).map((i) => (i >> 1) & 1)
  const meanings = {
    and: (x: number, y: number) => x & y,
    or: (x: number, y: number) => x | y,
    xor: (x: number, y: number) => x ^ y,
  }
  binaries(test, 'bool', meanings, [left, right])
  return test.done()
}

/** Lane i with lane i + n/2, halving n. */
function halve(xs: readonly number[], f: Meaning): number {
  const half = xs.length / 2
  return half < 1
    ? xs[0]!
    : halve(
        range(half).map((i) => f(xs[i]!, xs[i + half]!)),
        f,
      )
}

export function folds(lanes: number): LoopCase {
  const test = new CaseBuilder('fold', lanes)
  // Sums of these depend on their order.
  const uneven = range(lanes).map((i) => fround((i % 2 ? -1 : 1) * 1.1 * 7 ** (i % 9)))
  const data = {
    f32: [uneven, uneven.map((x, i) => (i === 2 ? NaN : x)), uneven.map((_, i) => -i - 1)],
    i32: [range(lanes).map((i) => (i + 3) * 40503), range(lanes).map((i) => -i)],
    bool: [
      [0, 0],
      [1, 1],
      [0, 1],
    ].map(([x, y]) => range(lanes).map((i) => (i === 1 ? y! : x!))),
  }
  const ops = {
    f32: ['add', 'mul', 'min', 'max'],
    i32: ['add', 'mul', 'min', 'max', 'or', 'and'],
    bool: ['or', 'and'],
  } as const
  for (const dtype of ['f32', 'i32', 'bool'] as const) {
    for (const op of ops[dtype]) {
      const meaning = (dtype === 'f32' ? floatMeaning : integerMeaning)[op]!
      const rows = data[dtype]
      const input = test.input(dtype, rows.flat())
      const out = test.output(
        `fold ${op} ${dtype}`,
        dtype,
        rows.map((row) => halve(row, meaning)),
      )
      const i = b.variable('i')
      const row = b.load(input, dtype, b.mul(i, b.i32(lanes)), lanes)
      test.kernel([b.loop('i', b.i32(0), b.i32(rows.length), [b.store(out, i, b.fold(op, row))])])
    }
  }
  return test.done()
}

/** Scalars only; division by zero and −2³¹ / −1 are undefined. */
export function integerDivision(): LoopCase {
  const test = new CaseBuilder('integer division', 1)
  const left = [7, -7, 7, -7, 0, 100, -2147483648, 2147483647, 6, 1, -1, 5, 9, -9, 12, 13]
  const right = [2, 2, -2, -2, 3, 7, 2, 2147483647, 3, 5, 5, 5, 4, 4, -5, -13]
  const inputs = [left, right].map((d) => ({ dtype: 'i32' as const, buffer: test.input('i32', d) }))
  for (const op of ['div', 'rem'] as const) {
    const f = (x?: Expr, y?: Expr) => b.binary(op, x!, y!)
    const g: Meaning = (x, y) => (op === 'div' ? Math.trunc(x / y) : x % y)
    const expected = left.map((x, i) => g(x, right[i]!))
    test.map(op, inputs, f, 'i32', expected, [1])
  }
  return test.done()
}
