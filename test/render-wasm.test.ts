import { describe, expect, test } from 'vitest'
import type { TypedArray } from '../src/base/dtype.ts'
import * as b from '../src/loop/build.ts'
import type { Program, Stmt } from '../src/loop/ir.ts'
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
