import type { DType, TypedArray } from '../src/base/dtype.ts'
import { dtypes } from '../src/base/dtype.ts'
import * as b from '../src/loop/build.ts'
import type {
  BinaryOp,
  BufferDecl,
  Expr,
  Func,
  Kernel,
  Program,
  Scratch,
  Stmt,
  StorageType,
  UnaryOp,
} from '../src/loop/ir.ts'
import { align64, storageBytes } from '../src/loop/ir.ts'

/**
 * Hand-written programs in the loop language with what they must compute: the conformance suite of
 * every renderer. Results are exact: each expectation is rounded as the language prescribes, and
 * no program leaves the renderer a choice (no fused multiply-add whose roundings differ, no zeros
 * whose sign is free). NaN stands for any NaN.
 */
export interface LoopCase {
  readonly name: string
  readonly program: Program
  /** What slot i + 1 holds before the run. */
  readonly inputs: readonly TypedArray[]
  /** What slot i + 1 holds after the run. */
  readonly expected: readonly TypedArray[]
  /** What slot i + 1 is, for messages: `floor f32 ×4`. */
  readonly labels: readonly string[]
}

/** All cases, with vectors of this many lanes beside the scalars. */
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

/** Collects the slots and kernels of one case; every buffer gets a slot of its own. */
class CaseBuilder {
  private readonly buffers: BufferDecl[] = []
  private readonly kernels: Kernel[] = []
  private readonly functions: Func[] = []
  private readonly inputs: TypedArray[] = []
  private readonly expected: TypedArray[] = []
  private readonly labels: string[] = []
  private arenaBytes = 0

  private readonly name: string
  readonly lanes: number

  constructor(name: string, lanes: number) {
    this.name = name
    this.lanes = lanes
  }

  /** A slot that holds these elements, and that the run leaves as they are. */
  input(dtype: DType, data: readonly number[]): string {
    return this.slot(`input ${this.buffers.length}`, dtype, data, data)
  }

  /** A slot of zeros that must hold these elements afterwards. */
  output(label: string, dtype: DType, expected: readonly number[]): string {
    return this.slot(label, dtype, new Array<number>(expected.length).fill(0), expected)
  }

  slot(label: string, dtype: DType, before: readonly number[], after: readonly number[]): string {
    const name = `b${this.buffers.length}`
    this.inputs.push(typed(dtype, before))
    this.expected.push(typed(dtype, after))
    this.labels.push(label)
    this.buffers.push({ name, dtype, size: before.length, slot: this.inputs.length, offset: 0 })
    return name
  }

  /** A second buffer in the slot that was made last, this many bytes from its start. */
  view(dtype: StorageType, size: number, offset: number): string {
    const name = `b${this.buffers.length}`
    this.buffers.push({ name, dtype, size, slot: this.inputs.length, offset })
    return name
  }

  arena(dtype: StorageType, size: number): string {
    const name = `b${this.buffers.length}`
    this.buffers.push({ name, dtype, size, slot: 0, offset: this.arenaBytes })
    this.arenaBytes += align64(size * storageBytes[dtype])
    return name
  }

  func(func: Func): string {
    this.functions.push(func)
    return func.name
  }

  kernel(body: readonly Stmt[], options: { chunks?: number; scratch?: Scratch[] } = {}): void {
    this.kernels.push({
      name: `k${this.kernels.length}`,
      chunks: options.chunks ?? 1,
      scratch: options.scratch ?? [],
      body,
      flops: 0,
      bytes: 0,
      origin: `${this.name} ${this.kernels.length}`,
    })
  }

  /**
   * A kernel for out[i] = f(in₀[i], in₁[i], …), once with scalars and once with vectors.
   * Lengths are multiples of 16.
   */
  map(
    label: string,
    inputs: readonly { readonly dtype: DType; readonly buffer: string }[],
    f: (...xs: Expr[]) => Expr,
    dtype: DType,
    expected: readonly number[],
    widths: readonly number[] = [1, this.lanes],
  ): void {
    for (const width of widths) {
      const out = this.output(`${label} ×${width}`, dtype, expected)
      const i = b.variable('i')
      const xs = inputs.map((input) => b.load(input.buffer, input.dtype, i, width))
      const body = [b.store(out, i, f(...xs))]
      this.kernel([b.loop('i', b.i32(0), b.i32(expected.length), body, { step: width })])
    }
  }

  done(): LoopCase {
    const { name, buffers, functions, kernels, inputs, expected, labels, arenaBytes } = this
    const program = { buffers, functions, kernels, slots: inputs.length + 1, arenaBytes }
    return { name: `${name} ×${this.lanes}`, program, inputs, expected, labels }
  }
}

function typed(dtype: DType, data: readonly number[]): TypedArray {
  const array = new dtypes[dtype].array(data.length)
  array.set(data)
  return array
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
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

function unaries(lanes: number): LoopCase {
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

function floatBinaries(lanes: number): LoopCase {
  const test = new CaseBuilder('binary f32', lanes)
  binaries(test, 'f32', floatMeaning, pairs(floats))
  return test.done()
}

function integerBinaries(lanes: number): LoopCase {
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

function booleans(lanes: number): LoopCase {
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
  const zero = b.i32(0)
  const at = (i: number) => b.load(input, 'f32', b.i32(lanes - 1 - i))
  const bit = (i: number) => b.load(mask, 'bool', b.i32(lanes - 1 - i))
  const seven = b.variable('seven')
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
    ...range(lanes).flatMap((i) => [
      b.store(lane, b.i32(i), b.extract(b.variable('x', 'f32', lanes), i)),
      b.store(flag, b.i32(i), b.extract(b.variable('m', 'bool', lanes), i)),
      b.store(whole, b.i32(i), b.extract(b.variable('r', 'i32', lanes), i)),
    ]),
  ])
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

function folds(lanes: number): LoopCase {
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

/** Dynamic bounds, steps, empty loops, nested unrolled loops, registers. */
function loops(lanes: number): LoopCase {
  const test = new CaseBuilder('loops', lanes)
  const bounds = test.input('i32', [3, 11, 3])
  const sums = test.output('sum of 3, 5, 7, 9; empty; unrolled', 'i32', [24, 0, 100, 31])
  const vector = test.output(
    'vector register',
    'f32',
    range(lanes).map((i) => i * 4),
  )
  const bound = (i: number) => b.load(bounds, 'i32', b.i32(i))
  const s = b.variable('s')
  const i = b.variable('i')
  const j = b.variable('j')
  const v = b.variable('v', 'f32', lanes)
  const add = (x: Expr) => b.set('s', b.add(s, x))
  const literal = (n: number, step: number) => [b.i32(0), b.i32(n), { step, unroll: true }] as const
  const [start, end, by4] = literal(16, 4)
  test.kernel([
    b.comment('A loop over bounds from memory'),
    b.register('s', b.i32(0)),
    b.loop('i', bound(0), bound(1), [add(i)], { step: 2 }),
    b.store(sums, b.i32(0), s),
    b.set('s', b.i32(0)),
    b.loop('i', bound(1), bound(2), [add(b.i32(1))]),
    b.store(sums, b.i32(1), s),
    b.loop(
      'i',
      start,
      end,
      [b.loop('j', b.i32(0), b.i32(2), [add(b.add(i, j))], { unroll: true }), b.declare('t', i)],
      by4,
    ),
    b.loop('i', b.i32(0), b.i32(8), [
      b.declare('t', b.mul(i, b.i32(2))),
      b.set('s', b.sub(b.add(s, b.variable('t')), b.i32(1))),
    ]),
    b.store(sums, b.i32(2), s),
    // Fibonacci: the loop carries two registers.
    b.register('p', b.i32(0)),
    b.register('q', b.i32(1)),
    b.loop('i', b.i32(0), b.i32(4), [
      b.declare('t', b.add(b.variable('p'), b.variable('q'))),
      b.set('p', b.variable('q')),
      b.set('q', b.variable('t')),
    ]),
    b.store(
      sums,
      b.i32(3),
      b.add(b.mul(b.variable('q'), b.i32(5)), b.mul(b.variable('p'), b.i32(2))),
    ),
    b.register('v', b.f32(0, lanes)),
    b.loop('i', b.i32(0), b.i32(4), [
      b.set('v', b.add(v, b.unary('toF32', b.ramp(b.i32(0), lanes)))),
    ]),
    b.store(vector, b.i32(0), v),
  ])
  return test.done()
}

function branches(lanes: number): LoopCase {
  const test = new CaseBuilder('if', lanes)
  const n = 12
  const sign = (i: number) => (i % 3 === 0 ? 1 : i < 6 ? 2 : 3)
  const out = test.output('if, else if, else', 'i32', range(n).map(sign))
  const once = test.output(
    'without else',
    'f32',
    range(n * lanes).map((k) => (k < 2 * lanes ? 7 : 0)),
  )
  const i = b.variable('i')
  const put = (value: number) => [b.store(out, i, b.i32(value))]
  const third = b.binary('eq', b.binary('rem', i, b.i32(3)), b.i32(0))
  const low = b.binary('lt', i, b.i32(6))
  test.kernel([
    b.loop('i', b.i32(0), b.i32(n), [
      {
        kind: 'if',
        cond: third,
        yes: put(1),
        no: [{ kind: 'if', cond: low, yes: put(2), no: put(3) }],
      },
      {
        kind: 'if',
        cond: b.binary('lt', i, b.i32(2)),
        yes: [b.store(once, b.mul(i, b.i32(lanes)), b.f32(7, lanes))],
        no: [],
      },
    ]),
  ])
  return test.done()
}

/** Functions over pointers to buffers, to scratch and to each storage type, called by functions. */
function calls(lanes: number): LoopCase {
  const test = new CaseBuilder('calls', lanes)
  const i = b.variable('i')
  const n = b.variable('n')
  const scale = test.func({
    name: 'scale',
    params: [
      { kind: 'pointer', name: 'from', dtype: 'f32', writable: false },
      { kind: 'pointer', name: 'to', dtype: 'f32', writable: true },
      { kind: 'value', name: 'n', dtype: 'i32' },
    ],
    body: [
      b.loop(
        'i',
        b.i32(0),
        n,
        [b.store('to', i, b.mul(b.load('from', 'f32', i, lanes), b.f32(2)))],
        { step: lanes },
      ),
    ],
  })
  const pointer = (buffer: string, offset: Expr = b.i32(0)) =>
    ({ kind: 'pointer', buffer, offset }) as const
  const value = (x: Expr) => ({ kind: 'value', value: x }) as const
  const twice = test.func({
    name: 'twice',
    params: [
      { kind: 'pointer', name: 'x', dtype: 'f32', writable: false },
      { kind: 'pointer', name: 'between', dtype: 'f32', writable: true },
      { kind: 'pointer', name: 'y', dtype: 'f32', writable: true },
      { kind: 'value', name: 'n', dtype: 'i32' },
    ],
    body: [
      {
        kind: 'call',
        func: scale,
        args: [pointer('x'), pointer('between'), value(n)],
      },
      {
        kind: 'call',
        func: scale,
        args: [pointer('between'), pointer('y'), value(n)],
      },
    ],
  })
  const bytes = test.func({
    name: 'bytes',
    params: [
      { kind: 'pointer', name: 'u', dtype: 'u8', writable: false },
      { kind: 'pointer', name: 'm', dtype: 'bool', writable: true },
      { kind: 'pointer', name: 's', dtype: 'i32', writable: true },
    ],
    body: [
      b.declare('x', b.load('u', 'u8', b.i32(0), lanes)),
      b.store('m', b.i32(0), b.binary('lt', b.variable('x', 'i32', lanes), b.i32(128))),
      b.store('s', b.i32(0), b.fold('add', b.variable('x', 'i32', lanes))),
    ],
  })
  const data = range(4 * lanes + 3)
  const levels = range(lanes).map((k) => (k * 83) % 256)
  const input = test.input('f32', data)
  const expected = range(2 * lanes).map((k) => (k + 3) * 4)
  const out = test.output('twice', 'f32', [0, ...expected])
  const levelsIn = test.input('u8', levels)
  const small = test.output(
    'u8 < 128',
    'bool',
    levels.map((x) => Number(x < 128)),
  )
  const total = test.output('sum of u8', 'i32', [0, 0, levels.reduce((x, y) => x + y)])
  test.kernel(
    [
      {
        kind: 'call',
        func: twice,
        args: [
          pointer(input, b.i32(3)),
          pointer('tmp', b.i32(lanes)),
          pointer(out, b.i32(1)),
          value(b.i32(2 * lanes)),
        ],
      },
      {
        kind: 'call',
        func: bytes,
        args: [pointer(levelsIn), pointer(small), pointer(total, b.i32(2))],
      },
    ],
    { scratch: [{ name: 'tmp', dtype: 'f32', size: 3 * lanes }] },
  )
  return test.done()
}

/** Chunks with scratch of their own; kernels that hand on through the arena. */
function chunks(lanes: number): LoopCase {
  const test = new CaseBuilder('chunks', lanes)
  const count = 37
  const middle = test.arena('i32', count * lanes)
  const flags = test.arena('bool', count)
  const out = test.output(
    'last kernel',
    'i32',
    range(count * lanes).map((k) => {
      const chunk = Math.floor(k / lanes)
      return chunk % 2 ? chunk * 10 + (k % lanes) : -1
    }),
  )
  const chunk = b.variable('chunk')
  const start = b.mul(chunk, b.i32(lanes))
  const i = b.variable('i')
  test.kernel(
    [
      b.loop('i', b.i32(0), b.i32(lanes), [
        b.store('own', i, b.add(b.mul(chunk, b.i32(10)), i)),
        b.store('odd', i, b.binary('eq', b.binary('and', chunk, b.i32(1)), b.i32(1))),
      ]),
      b.store(middle, start, b.load('own', 'i32', b.i32(0), lanes)),
      b.store(flags, chunk, b.load('odd', 'bool', b.i32(lanes - 1))),
    ],
    {
      chunks: count,
      scratch: [
        { name: 'odd', dtype: 'bool', size: lanes },
        { name: 'own', dtype: 'i32', size: lanes },
      ],
    },
  )
  test.kernel(
    [
      b.store(
        out,
        start,
        b.select(
          b.load(flags, 'bool', chunk),
          b.load(middle, 'i32', start, lanes),
          b.i32(-1, lanes),
        ),
      ),
    ],
    { chunks: count },
  )
  return test.done()
}

/** Scalars only; division by zero and −2³¹ / −1 are undefined. */
function integerDivision(): LoopCase {
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
