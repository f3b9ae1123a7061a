import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { programFlags } from '../src/device/native/compiler.ts'
import * as b from '../src/loop/build.ts'
import type { Kernel, Program, Stmt } from '../src/loop/ir.ts'
import { checkProgram } from '../src/loop/spec.ts'
import { floatLiteral, integerLiteral } from '../src/render/c/literal.ts'
import { identifier } from '../src/render/c/names.ts'
import { renderC } from '../src/render/c/render.ts'

const i = b.variable('i')
const zero = b.i32(0)
const buffer = (name: string, slot: number, offset = 0) =>
  ({ name, dtype: 'f32', size: 64, slot, offset }) as const

function kernel(name: string, body: readonly Stmt[]): Kernel {
  return { name, chunks: 4, scratch: [], body, flops: 0, bytes: 0, origin: `${name} [4, 16]` }
}

function program(kernels: readonly Kernel[]): Program {
  const buffers = [buffer('x', 1), buffer('y', 2), buffer('z', 2, 256)]
  const built = { buffers, functions: [], kernels, slots: 3, arenaBytes: 0 }
  checkProgram(built)
  return built
}

/** out = max(in · 2 + bias, 0), where every chunk does sixteen. */
function relu(from: string, to: string): Stmt[] {
  const at = b.add(b.mul(b.variable('chunk'), b.i32(16)), i)
  const sum = b.fma(
    b.load(from, 'f32', b.variable('at'), 16),
    b.f32(2),
    b.variable('bias', 'f32', 16),
  )
  return [
    b.declare('bias', b.widen(b.load('z', 'f32', zero), 16)),
    b.loop(
      'i',
      zero,
      b.i32(16),
      [b.declare('at', at), b.store(to, b.variable('at'), b.binary('max', sum, b.f32(0)))],
      {
        step: 16,
      },
    ),
  ]
}

test('stores go past the caches where a buffer is large, and neither read nor handed on', () => {
  const grown = (it: Program): Program => ({
    ...it,
    buffers: it.buffers.map((buffer) => ({ ...buffer, size: 2 ** 23 })),
  })
  const [apart] = renderC(grown(program([kernel('apart', relu('x', 'y'))])))
  expect(apart).toContain('f32x16_stream(y + at')
  expect(apart).toContain('  stream_fence();\n}')
  const [inPlace] = renderC(grown(program([kernel('inPlace', relu('x', 'x'))])))
  expect(inPlace).not.toContain('stream')
  const [small] = renderC(program([kernel('small', relu('x', 'y'))]))
  expect(small).not.toContain('stream')
})

test('a kernel is readable C', () => {
  const [source, ...others] = renderC(program([kernel('relu', relu('x', 'y'))]))
  expect(others).toEqual([])
  expect(source).toContain(`/* relu: relu [4, 16] */
HIDDEN void kernel_0(char *const *slots, int chunk, char *scratch) {
  const float *const z = (const float *)(slots[2] + 256);
  float *const y = (float *)slots[2];
  const float *const x = (const float *)slots[1];
  const f32x16 bias = f32x16_splat(z[0]);
  for (int i = 0; i < 16; i += 16) {
    const int at = (chunk * 16) + i;
    f32x16_store(y + at, f32x16_max(f32x16_splat(0.0f), f32x16_load(x + at) * f32x16_splat(2.0f) + bias));
  }
}`)
  expect(source).toContain(
    '  { kernel_0, 4, 0, 0, 0, 0 },\n  { 0, 0, 0, 0, 0, 0 },\n};\n\nconst int brick_count = 1;',
  )
})

test('kernels that differ in their buffers alone share a body', () => {
  const both = [kernel('first', relu('x', 'y')), kernel('second', relu('y', 'x'))]
  const [source] = renderC(program(both))
  expect(source!.match(/f32x16_max\(f32x16_splat/g)).toHaveLength(1)
  expect(source).toContain(
    '  shared_0((const float *)(slots[2] + 256), (float *)slots[2], (const float *)slots[1], chunk, scratch);',
  )
  expect(source).toContain(
    '  shared_0((const float *)(slots[2] + 256), (float *)slots[1], (const float *)slots[2], chunk, scratch);',
  )
})

test('kernels with other literals or aliasing share nothing', () => {
  const fill = (value: number, to = 'x') => [
    b.store(to, zero, b.f32(value)),
    b.store('x', zero, b.f32(1)),
  ]
  const distinct = [fill(NaN), fill(Infinity), fill(-Infinity), fill(-0), fill(0), fill(0, 'y')]
  const [source] = renderC(program(distinct.map((body, n) => kernel(`k${n}`, body))))
  expect(source).not.toContain('shared_')
})

test('a large program comes in two units with one table', () => {
  const long = (n: number) =>
    kernel(
      `k${n}`,
      Array.from({ length: 200 }, (_, j) => b.store('x', b.i32(j % 64), b.f32(n))),
    )
  const units = renderC(program([1, 2, 3, 4].map(long)))
  expect(units).toHaveLength(2)
  expect(units.map((unit) => unit.match(/^HIDDEN void kernel_\d\(.*\{$/gm)?.length)).toEqual([2, 2])
  expect(units.map((unit) => unit.includes('brick_kernels[] = {'))).toEqual([false, true])
})

test('integers wrap, save in indices', () => {
  const n = b.load('n', 'i32', zero)
  const built: Program = {
    ...program([]),
    buffers: [buffer('x', 1), { ...buffer('n', 2), dtype: 'i32' }],
    kernels: [
      kernel('k', [
        b.declare('at', b.add(n, b.i32(1))),
        b.declare('seed', b.mul(b.add(n, b.i32(1)), b.i32(7))),
        b.store('x', b.variable('at'), b.unary('toF32', b.variable('seed'))),
      ]),
    ],
  }
  const [source] = renderC(built)
  expect(source).toContain('const int at = n[0] + 1;')
  expect(source).toContain('const int seed = (int)(((unsigned)n[0] + 1u) * 7u);')
})

describe('literals', () => {
  test.each([
    [0, '0.0f'],
    [-0, '(-0.0f)'],
    [0.1, '0.1f'],
    [-1.5, '(-1.5f)'],
    [16777217, '16777216.0f'],
    [1e30, '1e+30f'],
    [1e-45, '1e-45f'],
    [3.4028234663852886e38, '3.4028235e+38f'],
    [NaN, '__builtin_nanf("")'],
    [-Infinity, '(-__builtin_inff())'],
  ])('%f', (value, text) => expect(floatLiteral(value)).toBe(text))

  test('read back exactly', () => {
    const bits = new Int32Array(1)
    const float = new Float32Array(bits.buffer)
    for (let k = 0; k < 2000; k++) {
      bits[0] = Math.imul(k + 1, 0x9e3779b1)
      const x = float[0]!
      if (!Number.isFinite(x)) continue
      expect(Math.fround(Number(floatLiteral(x).replace(/[()f]/g, '')))).toBe(x)
    }
  })

  test('−2³¹', () => expect(integerLiteral(-2147483648)).toBe('(-2147483647 - 1)'))
})

test('names that C has taken stay distinct', () => {
  const names = [
    'int',
    'int_',
    'int__',
    'x',
    'x_',
    'f32x16_max',
    'v_f32x16_max',
    'kernel_1',
    'slots',
  ]
  const given = names.map(identifier)
  expect(new Set(given).size).toBe(names.length)
  expect(given).not.toContain('int')
  expect(given).not.toContain('slots')
  expect(given[3]).toBe('x')
})

describe.runIf(process.arch === 'x64')('machine code for AVX-512', () => {
  const folder = mkdtempSync(join(tmpdir(), 'brickwork-c-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The instructions of y = f(x) over vectors of 16. */
  function assembly(f: (x: ReturnType<typeof b.f32>) => ReturnType<typeof b.f32>): string {
    const [source] = renderC(
      program([kernel('k', [b.store('y', zero, f(b.load('x', 'f32', zero, 16)))])]),
    )
    writeFileSync(join(folder, 'k.c'), source!)
    const output = join(folder, 'k.s')
    const flags = [...programFlags, '-mavx512f', '-mavx512dq', '-mavx512vl', '-mfma']
    execFileSync('cc', [
      ...flags,
      '-mprefer-vector-width=512',
      '-S',
      '-o',
      output,
      join(folder, 'k.c'),
    ])
    return readFileSync(output, 'utf8')
  }

  test.each([
    ['floor', (x) => b.unary('floor', x), /vrndscaleps/],
    ['sqrt', (x) => b.unary('sqrt', x), /vsqrtps.*zmm/],
    ['abs', (x) => b.unary('abs', x), /vp?andp?[sd]\S*.*zmm/],
    ['fma', (x) => b.fma(x, x, b.f32(3)), /vfmadd\w+ps.*zmm/],
    ['max', (x) => b.binary('max', x, b.f32(0)), /zmm\d+\{%k\d\}|vmaxps/],
    [
      'select',
      (x) => b.select(b.binary('lt', x, b.f32(1)), x, b.f32(3)),
      /zmm\d+ ?\{%k\d\}|vminps/,
    ],
    ['toI32', (x) => b.unary('toF32', b.unary('toI32', x)), /vcvttps2dq.*zmm/],
  ] as [string, Parameters<typeof assembly>[0], RegExp][])(
    '%s is one instruction',
    (_, f, wanted) => {
      const text = assembly(f)
      expect(text).toMatch(wanted)
      // Nothing is done lane by lane.
      expect(text).not.toMatch(/vinsertps|vpinsrd|vmovss/)
    },
  )
})
