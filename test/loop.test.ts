import { describe, expect, test } from 'vitest'
import { BrickError } from '../src/base/errors.ts'
import * as b from '../src/loop/build.ts'
import type { Expr, Func, Kernel, Program, Stmt } from '../src/loop/ir.ts'
import { printProgram } from '../src/loop/print.ts'
import { checkProgram } from '../src/loop/spec.ts'
import { programs } from './loop-programs.ts'

const buffers = [
  { name: 'x', dtype: 'f32', size: 64, slot: 1, offset: 0 },
  { name: 'n', dtype: 'i32', size: 4, slot: 2, offset: 0 },
  { name: 't', dtype: 'u8', size: 64, slot: 0, offset: 64 },
] as const

function program(body: readonly Stmt[], change: Partial<Kernel & Program> = {}): Program {
  const { chunks = 1, scratch = [], functions = [], ...rest } = change
  const kernel = { name: 'k', chunks, scratch, body, flops: 0, bytes: 0, origin: 'test' }
  return { buffers, functions, kernels: [kernel], slots: 3, arenaBytes: 128, ...rest }
}

const i = b.variable('i')
const zero = b.i32(0)
const x = (lanes = 1) => b.load('x', 'f32', zero, lanes)
const put = (value: Expr) => b.store('x', zero, value)
const copy: Func = {
  name: 'copy',
  params: [
    { kind: 'pointer', name: 'from', dtype: 'f32', writable: false },
    { kind: 'pointer', name: 'to', dtype: 'f32', writable: true },
    { kind: 'value', name: 'count', dtype: 'i32' },
  ],
  body: [b.store('to', zero, b.load('from', 'f32', b.variable('count')))],
}
const pointer = (buffer: string) => ({ kind: 'pointer', buffer, offset: zero }) as const
const call = (...args: (Stmt & { kind: 'call' })['args']): Stmt => ({
  kind: 'call',
  func: 'copy',
  args,
})
const value = { kind: 'value', value: b.i32(3) } as const
const calling = { functions: [copy] }

/** One violation of each rule, and a part of what the error must say. */
const violations: { readonly [rule: string]: readonly [Program, RegExp] } = {
  'undeclared name': [program([put(b.variable('y', 'f32'))]), /name y to be declared/],
  'name after its scope': [
    program([b.loop('i', zero, b.i32(2), [b.declare('y', x())]), put(b.variable('y', 'f32'))]),
    /name y to be declared/,
  ],
  'name taken': [program([b.declare('y', zero), b.declare('y', zero)]), /y, which is taken/],
  'name of a buffer': [program([b.declare('x', zero)]), /x, which is taken/],
  'loop variable taken': [
    program([b.loop('i', zero, b.i32(2), [b.loop('i', zero, b.i32(2), [])])]),
    /i, which is taken/,
  ],
  'no identifier': [program([b.declare('a b', zero)]), /letters, digits/],
  'variable of another type': [
    program([b.declare('y', x()), put(b.unary('toF32', b.variable('y')))]),
    /expected f32, got var of i32/,
  ],
  'memory as a value': [program([put(b.variable('x', 'f32'))]), /not memory/],
  'set of a let': [program([b.declare('y', zero), b.set('y', zero)]), /no register/],
  'set of another type': [program([b.register('y', zero), b.set('y', x())]), /expected i32, got/],
  'unary dtype': [program([put(b.unary('sqrt', zero))]), /sqrt to take no i32/],
  'unary result': [
    program([put({ kind: 'unary', op: 'toI32', dtype: 'f32', lanes: 1, x: x() })]),
    /expected i32/,
  ],
  'binary dtypes': [
    program([put({ kind: 'binary', op: 'add', dtype: 'f32', lanes: 1, a: x(), b: zero })]),
    /operands of one type/,
  ],
  'binary lanes': [
    program([put({ kind: 'binary', op: 'add', dtype: 'f32', lanes: 4, a: x(4), b: x() })]),
    /operands of one type/,
  ],
  'binary op': [program([put(b.binary('xor', x(), x()))]), /xor to take no f32/],
  'comparison result': [
    program([put({ kind: 'binary', op: 'lt', dtype: 'f32', lanes: 1, a: x(), b: x() })]),
    /expected bool/,
  ],
  'vector division': [
    program([b.declare('y', b.binary('div', b.ramp(zero, 4), b.ramp(zero, 4)))]),
    /div of i32 with scalars only/,
  ],
  'vector remainder': [
    program([b.declare('y', b.binary('rem', b.ramp(zero, 4), b.ramp(zero, 4)))]),
    /rem of i32 with scalars only/,
  ],
  'fma of integers': [program([b.declare('y', b.fma(zero, zero, zero))]), /f32 type/],
  'select condition': [program([put(b.select(i, x(), x()))], {}), /declared before/],
  'select lanes': [
    program([
      put({ kind: 'select', dtype: 'f32', lanes: 4, cond: b.bool(true, 8), yes: x(4), no: x(4) }),
    ]),
    /condition of bool or bool×4/,
  ],
  'select sides': [
    program([
      put({ kind: 'select', dtype: 'f32', lanes: 1, cond: b.bool(true), yes: x(), no: zero }),
    ]),
    /both sides/,
  ],
  'lanes no power of two': [program([put(x(3))]), /power of two/],
  'splat of a vector': [
    program([put({ kind: 'splat', dtype: 'f32', lanes: 8, x: x(4) })]),
    /scalar to spread/,
  ],
  'pack of too few': [
    program([put({ kind: 'pack', dtype: 'f32', lanes: 4, items: [x(), x()] })]),
    /one scalar for each lane/,
  ],
  'ramp from a float': [program([b.declare('y', b.ramp(x(), 4))]), /i32 from an i32/],
  'extract past the end': [program([put(b.extract(x(4), 4))]), /lane that the vector has/],
  'fold of a mask by add': [
    program([b.declare('y', b.fold('add', b.bool(true, 4)))]),
    /vector that add folds/,
  ],
  'bool literal': [program([b.declare('y', { ...b.bool(true), value: 2 } as Expr)]), /0 or 1/],
  'i32 literal': [program([b.declare('y', b.i32(2 ** 31))]), /32 bits/],
  'load of no buffer': [program([put(b.load('z', 'f32', zero))]), /z, which is not declared/],
  'load as another type': [program([b.declare('y', b.load('x', 'i32', zero))]), /expected f32/],
  'vector index': [program([put(b.load('x', 'f32', b.ramp(zero, 4)))]), /scalar as the index/],
  'float index': [program([b.store('x', x(), x())]), /index of f32/],
  'store of another type': [program([b.store('n', zero, x())]), /value of f32/],
  'store to no buffer': [program([b.store('z', zero, x())]), /z, which is not declared/],
  'store through a read-only pointer': [
    program([], { functions: [{ ...copy, body: [b.store('from', zero, b.f32(0))] }] }),
    /func copy: from\[0\].*writable/,
  ],
  'float bounds': [program([b.loop('i', zero, x(), [])]), /end of f32/],
  'no step': [program([b.loop('i', zero, b.i32(4), [], { step: 0 })]), /step 0/],
  'unrolled dynamic loop': [
    program([b.loop('i', zero, b.load('n', 'i32', zero), [], { unroll: true })]),
    /literal bounds/,
  ],
  'if of a number': [program([{ kind: 'if', cond: zero, yes: [], no: [] }]), /condition of i32/],
  'vector condition': [
    program([{ kind: 'if', cond: b.bool(true, 4), yes: [], no: [] }]),
    /condition of bool×4/,
  ],
  'call of nothing': [program([call(pointer('x'), pointer('x'), value)]), /not declared before/],
  'too few arguments': [program([call(pointer('x'))], calling), /1 arguments/],
  'a value for a pointer': [
    program([call(value, pointer('x'), value)], calling),
    /a value for from/,
  ],
  'a pointer of another type': [
    program([call(pointer('x'), pointer('n'), value)], calling),
    /n of i32 for to/,
  ],
  'a read-only pointer passed on as writable': [
    program([], {
      functions: [
        copy,
        { ...copy, name: 'again', body: [call(pointer('to'), pointer('from'), value)] },
      ],
    }),
    /from for to/,
  ],
  recursion: [
    program([], { functions: [{ ...copy, body: [call(pointer('from'), pointer('to'), value)] }] }),
    /not declared before/,
  ],
  'two functions of a name': [program([], { functions: [copy, copy] }), /two functions/],
  'no chunks': [program([], { chunks: 0 }), /0 chunks/],
  'empty scratch': [
    program([], { scratch: [{ name: 's', dtype: 'f32', size: 0 }] }),
    /scratch s of 0 elements/,
  ],
  'two buffers of a name': [program([], { buffers: [buffers[0], buffers[0]] }), /two buffers/],
  'slot out of range': [program([], { slots: 2 }), /slot 2.*below 2|below 2.*slot 2/],
  'offset not aligned': [
    program([], { buffers: [{ ...buffers[0], offset: 4 }] }),
    /multiple of 64/,
  ],
  'past the arena': [program([], { arenaBytes: 64 }), /inside the arena/],
}

describe('the spec rejects', () => {
  for (const [rule, [broken, message]] of Object.entries(violations)) {
    test(rule, () => {
      let error: unknown
      try {
        checkProgram(broken)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(BrickError)
      expect((error as BrickError).kind).toBe('internal')
      expect((error as BrickError).message).toMatch(message)
    })
  }

  test('names the kernel and the statement', () => {
    const broken = program([b.loop('i', zero, b.i32(4), [b.store('x', i, zero)])])
    expect(() => checkProgram(broken)).toThrow(
      'kernel k: x[i] = 0: expected f32, got the value of i32',
    )
  })
})

test('the spec accepts every conformance program', () => {
  for (const lanes of [4, 8, 16]) {
    for (const { program } of programs(lanes)) checkProgram(program)
  }
})

test('a program prints short and readable', () => {
  const relu = program(
    [
      b.comment('the bias, then the activation'),
      b.declare('bias', x()),
      b.loop(
        'i',
        zero,
        b.load('n', 'i32', b.i32(2)),
        [
          b.declare(
            'sum',
            b.add(b.load('x', 'f32', b.mul(i, b.i32(2)), 16), b.variable('bias', 'f32')),
          ),
          b.store('x', i, b.binary('max', b.variable('sum', 'f32', 16), b.f32(0))),
        ],
        { step: 16 },
      ),
      {
        kind: 'if',
        cond: b.binary('lt', zero, b.variable('chunk')),
        yes: [put(b.f32(0.1))],
        no: [],
      },
      call(pointer('x'), pointer('x'), value),
    ],
    { chunks: 4, functions: [copy] },
  )
  expect(printProgram(relu)).toBe(`program: 3 slots, arena 128 bytes
buffer x: f32[64] at slot 1
buffer n: i32[4] at slot 2
buffer t: u8[64] at slot 0 + 64

func copy(from: f32*, to: mut f32*, count: i32):
  to[0] = from[count]

kernel k  # test
  for chunk in 0..4 parallel:
    # the bias, then the activation
    let bias = x[0]
    for i in 0..n[2] step 16:
      let sum = x[i * 2:16] + splat16(bias)
      x[i:16] = max(sum, 0.0)
    if 0 < chunk:
      x[0] = 0.1
    copy(&x[0], &x[0], 3)
`)
})
