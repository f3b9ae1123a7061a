import * as b from '../src/loop/build.ts'
import type { Expr } from '../src/loop/ir.ts'
import { CaseBuilder, type LoopCase, range } from './loop-case.ts'

/** Conformance programs for loops, branches, calls, chunks and kernels. */

/** Dynamic bounds, steps, empty loops, nested unrolled loops, registers. */
export function loops(lanes: number): LoopCase {
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

export function branches(lanes: number): LoopCase {
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
export function calls(lanes: number): LoopCase {
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
export function chunks(lanes: number): LoopCase {
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
