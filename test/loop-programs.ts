import type { TypedArray } from '../src/base/dtype.ts'
import * as b from '../src/loop/build.ts'
import type { Expr, Stmt, StorageType } from '../src/loop/ir.ts'
import {
  booleans,
  floatBinaries,
  folds,
  integerBinaries,
  integerDivision,
  unaries,
} from './loop-arithmetic.ts'
import { CaseBuilder, type LoopCase, range } from './loop-case.ts'
import { branches, calls, chunks, loops } from './loop-control.ts'

export type { LoopCase } from './loop-case.ts'

const fround = Math.fround

/**
 * Hand-written programs in the loop language with what they must compute: the conformance suite of
 * every renderer. Results are exact: each expectation is rounded as the language prescribes, and
 * no program leaves the renderer a choice (no fused multiply-add whose roundings differ, no zeros
 * whose sign is free). NaN stands for any NaN.
 *
 * All cases, with vectors of this many lanes beside the scalars.
 */
export function programs(lanes: number): LoopCase[] {
  return [
    unaries(lanes),
    floatBinaries(lanes),
    integerBinaries(lanes),
    booleans(lanes),
    selects(lanes),
    literals(lanes),
    memory(lanes),
    aliases(lanes),
    laneShuffles(lanes),
    folds(lanes),
    fusedMultiplyAdd(lanes),
    loops(lanes),
    branches(lanes),
    calls(lanes),
    chunks(lanes),
    integerDivision(),
  ]
}

/**
 * The first difference between what a run left and what it had to leave, or undefined.
 * `actual[i]` is slot i + 1.
 */
export function difference(test: LoopCase, actual: readonly TypedArray[]): string | undefined {
  for (const [slot, wanted] of test.expected.entries()) {
    const got = actual[slot]!
    for (let i = 0; i < wanted.length; i++) {
      const same = got[i] === wanted[i] || (Number.isNaN(got[i]) && Number.isNaN(wanted[i]))
      if (!same) {
        return `${test.name}: ${test.labels[slot]}[${i}]: expected ${wanted[i]}, got ${got[i]}`
      }
    }
  }
  return undefined
}

function selects(lanes: number): LoopCase {
  const test = new CaseBuilder('select', lanes)
  const cond = range(32).map((i) => Number(i % 5 < 2))
  const data = {
    f32: [range(32).map((i) => i + 0.5), range(32).map((i) => (i === 3 ? NaN : -i))],
    i32: [range(32).map((i) => i + 1), range(32).map((i) => -i)],
    bool: [range(32).map((i) => i & 1), range(32).map((i) => (i >> 2) & 1)],
  }
  const mask = { dtype: 'bool' as const, buffer: test.input('bool', cond) }
  for (const dtype of ['f32', 'i32', 'bool'] as const) {
    const [yes, no] = data[dtype] as [number[], number[]]
    const inputs = [yes, no].map((values) => ({ dtype, buffer: test.input(dtype, values) }))
    const f = (c?: Expr, x?: Expr, y?: Expr) => b.select(c!, x!, y!)
    const expected = cond.map((c, i) => (c ? yes[i]! : no[i]!))
    test.map(`select ${dtype}`, [mask, ...inputs], f, dtype, expected)
    // One scalar decides for all lanes: element 0 (true) and element 2 (false) of the mask.
    for (const [index, side] of [
      [0, yes],
      [2, no],
    ] as const) {
      const one = b.load(mask.buffer, 'bool', b.i32(index))
      const g = (x?: Expr, y?: Expr) => b.select(one, x!, y!)
      test.map(`select ${dtype} by a scalar`, inputs, g, dtype, side, [test.lanes])
    }
  }
  return test.done()
}

function literals(lanes: number): LoopCase {
  const test = new CaseBuilder('literals', lanes)
  const values = [0, 1, -1, 0.1, 1e-45, 3.4028234663852886e38, Infinity, -Infinity, NaN, 16777217]
  const whole = [0, 1, -1, 2147483647, -2147483648]
  for (const width of [1, lanes]) {
    const repeat = (xs: readonly number[]) => xs.flatMap((x) => range(width).map(() => x))
    const at = (i: number) => b.i32(i * width)
    const floatOut = test.output(`f32 literals ×${width}`, 'f32', repeat(values).map(fround))
    const wholeOut = test.output(`i32 literals ×${width}`, 'i32', repeat(whole))
    const boolOut = test.output(`bool literals ×${width}`, 'bool', repeat([0, 1]))
    test.kernel([
      ...values.map((x, i) => b.store(floatOut, at(i), b.f32(x, width))),
      ...whole.map((x, i) => b.store(wholeOut, at(i), b.i32(x, width))),
      b.store(boolOut, at(0), b.bool(false, width)),
      b.store(boolOut, at(1), b.bool(true, width)),
    ])
  }
  return test.done()
}

/** Loads and stores of each storage type, at an index that is no multiple of the lanes. */
function memory(lanes: number): LoopCase {
  const test = new CaseBuilder('memory', lanes)
  const data: { readonly [S in StorageType]: number[] } = {
    f32: range(lanes + 5).map((i) => i / 4),
    i32: range(lanes + 5).map((i) => i * 1000003),
    u8: range(lanes + 5).map((i) => 255 - i * 9),
    bool: range(lanes + 5).map((i) => (i % 3) & 1),
  }
  for (const storage of Object.keys(data) as StorageType[]) {
    for (const width of [1, lanes]) {
      const values = data[storage]
      const input = test.input(storage, values)
      // Written from element 1 on; elements 0 and width + 1 stay as they were.
      const expected = values.map((_, i) => (i >= 1 && i <= width ? values[i + 2]! : 0))
      const out = test.output(`${storage} ×${width}`, storage, expected)
      test.kernel([b.store(out, b.i32(1), b.load(input, storage, b.i32(3), width))])
    }
  }
  const wide = range(16).map((i) => i * 37 - 300)
  const input = { dtype: 'i32' as const, buffer: test.input('i32', wide) }
  const low = wide.map((x) => x & 255)
  test.map('u8 keeps the low byte', [input], (x) => x, 'u8', low)
  const bytes = { dtype: 'u8' as const, buffer: test.input('u8', low) }
  const f = (x: Expr) => b.mul(b.unary('toF32', x), b.f32(0.5))
  const halves = low.map((x) => x / 2)
  test.map('u8 as f32', [bytes], f, 'f32', halves)
  return test.done()
}

/** Two buffers in one slot, two over the same bytes, and one updated in place. */
function aliases(lanes: number): LoopCase {
  const test = new CaseBuilder('aliases', lanes)
  const n = 32
  const before = range(2 * n)
  const after = [...range(n).map((i) => 2 * i), ...range(n).map((i) => 2 * i + 1)]
  const first = test.slot('two halves', 'f32', before, after)
  const second = test.view('f32', n, n * 4)
  const again = test.view('f32', 2 * n, 0)
  const i = b.variable('i')
  const each = (body: Stmt[]) => b.loop('i', b.i32(0), b.i32(n), body, { step: lanes })
  const x = (buffer: string) => b.load(buffer, 'f32', i, lanes)
  test.kernel([
    each([b.store(first, i, b.mul(x(first), b.f32(2)))]),
    each([b.store(second, i, b.add(x(again), b.f32(1)))]),
  ])
  return test.done()
}

function laneShuffles(lanes: number): LoopCase {
  const test = new CaseBuilder('lanes', lanes)
  const values = range(lanes).map((i) => i * i + 0.5)
  const flags = range(lanes).map((i) => Number(i % 3 === 0))
  const input = test.input('f32', values)
  const mask = test.input('bool', flags)
  const reversed = test.output('pack f32', 'f32', [...values].reverse())
  const flipped = test.output('pack bool', 'bool', [...flags].reverse())
  const indices = test.output(
    'pack i32',
    'i32',
    range(lanes).map((i) => i * 3 + 1),
  )
  const lane = test.output('extract f32', 'f32', values)
  const flag = test.output('extract bool', 'bool', flags)
  const whole = test.output(
    'extract i32',
    'i32',
    range(lanes).map((i) => i + 7),
  )
  const count = test.output(
    'ramp',
    'i32',
    range(lanes).map((i) => i + 7),
  )
  const spread = test.output(
    'splat f32',
    'f32',
    values.map(() => values[1]!),
  )
  const spreadMask = test.output(
    'splat bool',
    'bool',
    values.map(() => 1),
  )
  const spreadIndex = test.output(
    'splat i32',
    'i32',
    values.map(() => 7),
  )
  const riffle = range(lanes).map((i) => (i % 2 ? lanes + i : lanes - 1 - i))
  const picked = test.output(
    'shuffle f32',
    'f32',
    riffle.map((from) => (from < lanes ? values[from]! : -values[from - lanes]!)),
  )
  const pickedIndex = test.output(
    'shuffle i32',
    'i32',
    riffle.map((from) => (from < lanes ? from + 7 : 1)),
  )
  const zero = b.i32(0)
  const at = (i: number) => b.load(input, 'f32', b.i32(lanes - 1 - i))
  const bit = (i: number) => b.load(mask, 'bool', b.i32(lanes - 1 - i))
  const seven = b.variable('seven')
  const x = b.variable('x', 'f32', lanes)
  test.kernel([
    b.declare('x', b.load(input, 'f32', zero, lanes)),
    b.declare('m', b.load(mask, 'bool', zero, lanes)),
    b.declare('seven', b.unary('toI32', b.f32(7))),
    b.declare('r', b.ramp(seven, lanes)),
    b.store(reversed, zero, b.pack(range(lanes).map(at))),
    b.store(flipped, zero, b.pack(range(lanes).map(bit))),
    b.store(indices, zero, b.pack(range(lanes).map((i) => b.i32(i * 3 + 1)))),
    b.store(count, zero, b.variable('r', 'i32', lanes)),
    b.store(spread, zero, b.widen(b.load(input, 'f32', b.i32(1)), lanes)),
    b.store(spreadMask, zero, b.widen(b.load(mask, 'bool', zero), lanes)),
    b.store(spreadIndex, zero, b.widen(seven, lanes)),
    b.store(picked, zero, b.shuffle(x, b.unary('neg', x), riffle)),
    b.store(pickedIndex, zero, b.shuffle(b.variable('r', 'i32', lanes), b.i32(1, lanes), riffle)),
    ...range(lanes).flatMap((i) => [
      b.store(lane, b.i32(i), b.extract(b.variable('x', 'f32', lanes), i)),
      b.store(flag, b.i32(i), b.extract(b.variable('m', 'bool', lanes), i)),
      b.store(whole, b.i32(i), b.extract(b.variable('r', 'i32', lanes), i)),
    ]),
  ])
  return test.done()
}

/** Small whole numbers: one rounding or two give the same. */
function fusedMultiplyAdd(lanes: number): LoopCase {
  const test = new CaseBuilder('fma', lanes)
  const columns = [3, 5, 7].map((k) => range(16).map((i) => ((i * k) % 11) - 5))
  const inputs = columns.map((data) => ({ dtype: 'f32' as const, buffer: test.input('f32', data) }))
  const [x, y, z] = columns as [number[], number[], number[]]
  const f = (a?: Expr, c?: Expr, d?: Expr) => b.fma(a!, c!, d!)
  const expected = x.map((a, i) => a * y[i]! + z[i]!)
  test.map('fma', inputs, f, 'f32', expected)
  return test.done()
}
