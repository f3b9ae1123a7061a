/**
 * How near a micro-kernel in the loop language comes to the core's peak: 8 rows × 3 vectors of C
 * in registers, operands in the caches. The peak is measured with a loop of independent
 * multiply-adds that touches no memory.
 *
 * Run: node bench/micro-kernel.ts (Node 22.18 or later; before, compile it with tsc first)
 */
import { createNativeDevice } from '../src/device/native/native.ts'
import * as b from '../src/loop/build.ts'
import type { Expr, Func, Kernel, Program, Stmt } from '../src/loop/ir.ts'

const repeats = 2000
const depth = 256

/** c[rows × width] += a[depth × rows]ᵀ · b[depth × width], panels packed along the depth. */
export function microKernel(rows: number, vectors: number, lanes: number): Func {
  const k = b.variable('k')
  const n = b.variable('n')
  const width = vectors * lanes
  const acc = (i: number, j: number): Expr => b.variable(`c${i}_${j}`, 'f32', lanes)
  const name = (i: number, j: number) => `c${i}_${j}`
  const tiles = Array.from({ length: rows * vectors }, (_, t) => [
    Math.floor(t / vectors),
    t % vectors,
  ])
  const at = (i: number, j: number) => b.i32(i * width + j * lanes)
  const step: Stmt[] = [
    ...Array.from({ length: vectors }, (_, j) =>
      b.declare(
        `b${j}`,
        b.load('b', 'f32', b.add(b.mul(k, b.i32(width)), b.i32(j * lanes)), lanes),
      ),
    ),
    ...Array.from({ length: rows }, (_, i) => [
      b.declare(
        `a${i}`,
        b.widen(b.load('a', 'f32', b.add(b.mul(k, b.i32(rows)), b.i32(i))), lanes),
      ),
      ...Array.from({ length: vectors }, (_, j) =>
        b.set(
          name(i, j),
          b.fma(b.variable(`a${i}`, 'f32', lanes), b.variable(`b${j}`, 'f32', lanes), acc(i, j)),
        ),
      ),
    ]).flat(),
  ]
  return {
    name: 'gemm',
    params: [
      { kind: 'pointer', name: 'a', dtype: 'f32', writable: false },
      { kind: 'pointer', name: 'b', dtype: 'f32', writable: false },
      { kind: 'pointer', name: 'c', dtype: 'f32', writable: true },
      { kind: 'value', name: 'n', dtype: 'i32' },
    ],
    body: [
      ...tiles.map(([i, j]) => b.register(name(i!, j!), b.load('c', 'f32', at(i!, j!), lanes))),
      b.loop('k', b.i32(0), n, step),
      ...tiles.map(([i, j]) => b.store('c', at(i!, j!), acc(i!, j!))),
    ],
  }
}

function kernel(name: string, body: Stmt[], flops: number): Kernel {
  return { name, chunks: 1, scratch: [], body, flops, bytes: 0, origin: 'bench' }
}

function gemmProgram(rows: number, vectors: number, lanes: number): Program {
  const width = vectors * lanes
  const pointer = (buffer: string) => ({ kind: 'pointer', buffer, offset: b.i32(0) }) as const
  const call: Stmt = {
    kind: 'call',
    func: 'gemm',
    args: [pointer('a'), pointer('b'), pointer('c'), { kind: 'value', value: b.i32(depth) }],
  }
  const sizes = { a: rows * depth, b: width * depth, c: rows * width }
  return {
    buffers: Object.entries(sizes).map(([name, size], i) => ({
      name,
      dtype: 'f32' as const,
      size,
      slot: i + 1,
      offset: 0,
    })),
    functions: [microKernel(rows, vectors, lanes)],
    kernels: [kernel('gemm', [b.loop('r', b.i32(0), b.i32(repeats), [call])], 0)],
    slots: 4,
    arenaBytes: 0,
  }
}

/** As many multiply-adds as the micro-kernel does, on registers alone. */
function peakProgram(chains: number, lanes: number): Program {
  const x = (i: number) => b.variable(`x${i}`, 'f32', lanes)
  const all = Array.from({ length: chains }, (_, i) => i)
  const body = [
    b.declare('m', b.load('c', 'f32', b.i32(0), lanes)),
    ...all.map((i) => b.register(`x${i}`, b.load('c', 'f32', b.i32(i), lanes))),
    b.loop('r', b.i32(0), b.i32(repeats * depth), [
      ...all.map((i) => b.set(`x${i}`, b.fma(x(i), b.variable('m', 'f32', lanes), x(i)))),
    ]),
    ...all.map((i) => b.store('c', b.i32(i * lanes), x(i))),
  ]
  return {
    buffers: [{ name: 'c', dtype: 'f32', size: chains * lanes * 2, slot: 1, offset: 0 }],
    functions: [],
    kernels: [kernel('peak', body, 0)],
    slots: 2,
    arenaBytes: 0,
  }
}

const device = await createNativeDevice()
const { lanes } = device.target

async function best(program: Program): Promise<number> {
  const executable = await device.load(program)
  const slots = program.buffers.map(({ size }) => device.allocate(size * 4))
  let seconds = Infinity
  for (let i = 0; i < 20; i++) {
    const start = process.hrtime.bigint()
    await device.run(executable, slots)
    seconds = Math.min(seconds, Number(process.hrtime.bigint() - start) / 1e9)
  }
  return seconds
}

const chains = 16
const peak = (2 * chains * lanes * repeats * depth) / (await best(peakProgram(chains, lanes))) / 1e9
const shapes =
  lanes === 16
    ? [
        [8, 3],
        [6, 4],
        [14, 2],
      ]
    : lanes === 8
      ? [
          [6, 2],
          [4, 3],
        ]
      : [
          [8, 2],
          [4, 4],
        ]
console.log(`peak ${peak.toFixed(1)} GFLOP/s`)
for (const [rows, vectors] of shapes as [number, number][]) {
  const flops = 2 * rows * vectors * lanes * depth * repeats
  const rate = flops / (await best(gemmProgram(rows, vectors, lanes))) / 1e9
  const share = ((rate / peak) * 100).toFixed(0)
  console.log(`${rows} × ${vectors * lanes}: ${rate.toFixed(1)} GFLOP/s, ${share} % of the peak`)
}
await device.close()
