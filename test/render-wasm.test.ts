import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TypedArray } from '../src/base/dtype.ts'
import * as b from '../src/loop/build.ts'
import type { Expr, Program, Stmt } from '../src/loop/ir.ts'
import { align64, scratchBytes } from '../src/loop/ir.ts'
import { Bytes } from '../src/render/wasm/assembler.ts'
import { GUARD, renderWasm, type WasmFeatures } from '../src/render/wasm/render.ts'
import { difference, programs } from './loop-programs.ts'

const plain: WasmFeatures = { relaxedSimd: false, shared: false, maxPages: 65536 }
const relaxed: WasmFeatures = { ...plain, relaxedSimd: true }
/** Engines without relaxed SIMD only get to see modules without it. */
const hasRelaxed = WebAssembly.validate(
  renderWasm(fmaProgram(), relaxed) as Uint8Array<ArrayBuffer>,
)
const variants = hasRelaxed ? { plain, relaxed } : { plain }

for (const [label, features] of Object.entries(variants)) {
  describe(`conformance, ${label} SIMD`, () => {
    for (const lanes of [2, 4]) {
      for (const loopCase of programs(lanes)) {
        test(`${loopCase.name} ×${lanes}`, () => {
          const slots = runOnce(loopCase.program, loopCase.inputs, features)
          expect(difference(loopCase, slots)).toBeUndefined()
        })
      }
    }
  })
}

test('integers are LEB128', () => {
  const bytes = (write: (out: Bytes) => Bytes) => [...write(new Bytes()).view()]
  expect(bytes((out) => out.u32(624485))).toEqual([0xe5, 0x8e, 0x26])
  expect(bytes((out) => out.u32(0xffffffff))).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f])
  expect(bytes((out) => out.i32(-123456))).toEqual([0xc0, 0xbb, 0x78])
  expect(bytes((out) => out.i32(64))).toEqual([0xc0, 0x00])
  expect(bytes((out) => out.i32(-64))).toEqual([0x40])
})

test('vectors wider than the machine are refused', () => {
  const wide = b.store('out', b.i32(0), b.f32(1, 8))
  expect(() => renderWasm(programOf([wide], 8), plain)).toThrow('8 lanes')
})

test('indices that go below a buffer before a constant is added stay inside it', () => {
  const i = b.variable('i')
  const body = [
    b.loop('i', b.i32(-40), b.i32(-36), [
      b.store('out', b.add(i, b.i32(40)), b.unary('toF32', b.add(i, b.i32(100)))),
    ]),
  ]
  const [out] = runOnce(programOf(body, 4), [new Float32Array(4)], plain)
  expect([...out!]).toEqual([60, 61, 62, 63])
})

test('a stride that is known only at run time moves the pointer', () => {
  const [i, row] = [b.variable('i'), b.variable('row')]
  const body = [
    b.declare('width', b.add(b.variable('chunk'), b.i32(5))),
    b.loop('row', b.i32(0), b.i32(3), [
      b.declare('start', b.mul(row, b.variable('width'))),
      b.loop('i', b.i32(0), b.variable('width'), [
        b.store(
          'out',
          b.add(b.variable('start'), i),
          b.unary('toF32', b.add(b.mul(row, b.i32(10)), i)),
        ),
      ]),
    ]),
  ]
  const [out] = runOnce(programOf(body, 15), [new Float32Array(15)], plain)
  expect([...out!]).toEqual([0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24])
})

describe('loop nests', () => {
  const names = ['i', 'j', 'k']
  const small = fc.integer({ min: -3, max: 3 })
  const leaf = fc.oneof(
    fc.constantFrom(...names, 'twice').map((name) => b.variable(name)),
    small.map((value) => b.i32(value)),
  )
  const operators = fc.constantFrom('add', 'sub', 'mul', 'and', 'rem' as const)
  const { index } = fc.letrec<{ index: Expr }>((tie) => ({
    index: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.tuple(operators, tie('index'), tie('index')).map(([op, x, y]) => {
        return b.binary(op, x, op === 'rem' ? b.i32(3) : y)
      }),
    ),
  }))
  const bounds = fc.record({ start: small, end: small, step: fc.integer({ min: 1, max: 2 }) })
  const nest = fc.record({
    bounds: fc.array(bounds, { minLength: 3, maxLength: 3 }),
    unrolled: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    indices: fc.array(index, { minLength: 1, maxLength: 4 }),
    factor: index,
  })

  test('elements are found whatever way their index is written', () => {
    fc.assert(
      fc.property(nest, ({ bounds, unrolled, indices, factor }) => {
        const wrapped = indices.map((e) => b.binary('and', e, b.i32(127)))
        const linear = indices.map((e) => b.add(e, b.i32(5000)))
        const adds = [...wrapped, ...linear].map((at, n) =>
          b.store('out', at, b.add(b.load('out', 'f32', at), b.f32(n + 1))),
        )
        let body: Stmt[] = adds
        for (let depth = 2; depth >= 0; depth--) {
          const { start, end, step } = bounds[depth]!
          const unroll = unrolled[depth]!
          body = [b.loop(names[depth]!, b.i32(start), b.i32(end), body, { step, unroll })]
          if (depth === 1)
            body = [b.declare('twice', withZero(factor, ['j', 'k', 'twice'])), ...body]
        }
        const [out] = runOnce(programOf(body, 12000), [new Float32Array(12000)], plain)
        expect(out).toEqual(interpret(body, new Float32Array(12000)))
      }),
      { numRuns: 150 },
    )
  })
})

/** The expression with zeros in the place of these names. */
function withZero(e: Expr, names: readonly string[]): Expr {
  if (e.kind === 'var') return names.includes(e.name) ? b.i32(0) : e
  if (e.kind === 'binary') return { ...e, a: withZero(e.a, names), b: withZero(e.b, names) }
  return e
}

/** Runs statements on one buffer, the slow way. */
function interpret(body: readonly Stmt[], out: Float32Array): Float32Array {
  const names = new Map<string, number>()
  const value = (e: Expr): number => {
    if (e.kind === 'const') return e.value
    if (e.kind === 'var') return names.get(e.name)!
    if (e.kind === 'load') return out[value(e.index)]!
    if (e.kind !== 'binary') throw new Error(e.kind)
    const [x, y] = [value(e.a), value(e.b)]
    if (e.dtype === 'f32') return x + y
    if (e.op === 'mul') return Math.imul(x, y)
    if (e.op === 'and') return x & y
    if (e.op === 'rem') return x % y
    return e.op === 'add' ? (x + y) | 0 : (x - y) | 0
  }
  const block = (statements: readonly Stmt[]): void => {
    for (const stmt of statements) {
      if (stmt.kind === 'let') names.set(stmt.name, value(stmt.value))
      if (stmt.kind === 'store') out[value(stmt.index)] = value(stmt.value)
      if (stmt.kind !== 'for') continue
      for (let i = value(stmt.start); i < value(stmt.end); i += stmt.step) {
        names.set(stmt.name, i)
        block(stmt.body)
      }
    }
  }
  block(body)
  return out
}

test('the size of the code grows linearly', () => {
  const size = (count: number) => {
    const body = Array.from({ length: count }, (_, i) => b.store('out', b.i32(i % 8), b.f32(i)))
    return renderWasm(programOf(body, 8), plain).length
  }
  expect(size(4000) / size(2000)).toBeLessThan(2.1)
})

test('deep expressions do not overflow the stack', () => {
  let sum = b.load('out', 'f32', b.i32(0))
  for (let i = 0; i < 1500; i++) sum = b.add(sum, b.f32(1))
  const [out] = runOnce(programOf([b.store('out', b.i32(0), sum)], 1), [new Float32Array(1)], plain)
  expect(out![0]).toBe(1500)
})

function programOf(body: readonly Stmt[], size: number): Program {
  const kernel = { name: 'k', chunks: 1, scratch: [], body, flops: 0, bytes: 0, origin: 'test' }
  return {
    buffers: [{ name: 'out', dtype: 'f32', size, slot: 1, offset: 0 }],
    functions: [],
    kernels: [kernel],
    slots: 2,
    arenaBytes: 0,
  }
}

function fmaProgram(): Program {
  const one = b.f32(1, 4)
  return programOf([b.store('out', b.i32(0), b.fma(one, one, one))], 4)
}

/** Validates, instantiates and runs; returns what the slots then hold. */
function runOnce(
  program: Program,
  inputs: readonly TypedArray[],
  features: WasmFeatures,
): TypedArray[] {
  const code = renderWasm(program, features) as Uint8Array<ArrayBuffer>
  expect(WebAssembly.validate(code)).toBe(true)
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } })
  let next = GUARD
  const take = (bytes: number): number => {
    next += align64(bytes)
    return next - align64(bytes)
  }
  const bases = inputs.map(({ byteLength }) => take(byteLength))
  inputs.forEach((data, i) => {
    new Uint8Array(memory.buffer, bases[i]).set(new Uint8Array(data.buffer))
  })
  const table = take(4 * program.slots)
  new Int32Array(memory.buffer, table).set([take(program.arenaBytes), ...bases])
  program.kernels.forEach((kernel, k) => {
    const run = exports[`k${k}`] as (table: number, chunk: number, scratch: number) => void
    const scratch = take(scratchBytes(kernel))
    for (let chunk = 0; chunk < kernel.chunks; chunk++) run(table, chunk, scratch)
  })
  return inputs.map((data, i) => {
    const Copy = data.constructor as { new (buffer: ArrayBuffer): TypedArray }
    return new Copy(memory.buffer.slice(bases[i], bases[i]! + data.byteLength))
  })
}
