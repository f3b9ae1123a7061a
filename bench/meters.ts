import { createNativeDevice } from '../src/device/native/native.ts'
import * as b from '../src/loop/build.ts'
import type { Expr, Kernel, Program, Stmt } from '../src/loop/ir.ts'

/** Independent multiply-adds or sums in flight: more than latency × throughput of any core we know. */
const CHAINS = 16
const ROUNDS = 1_000_000
/** Elements of an array for the bandwidth: 64 MB, more than most caches hold. */
const ELEMENTS = 2 ** 24
/** Parts of such an array, for threads to share. */
const PARTS = 64
/** The best of so many runs counts. */
const REPEATS = 3

/** What this machine can do at most, with a number of threads. */
export interface Meters {
  /** Multiply-adds on registers alone, GFLOP/s. */
  peak(): Promise<number>
  /** The same with vectors of 128 bits, WebAssembly's. */
  narrowPeak(): Promise<number>
  /** y ← 2 · x over 64 MB, GB/s: 8 bytes an element. What a store fetches first is not counted. */
  copy(): Promise<number>
  /** Σ x over 64 MB, GB/s: 4 bytes an element. */
  read(): Promise<number>
  close(): Promise<void>
}

const chunk = b.variable('chunk')
const chains = Array.from({ length: CHAINS }, (_, i) => i)

function program(
  body: readonly Stmt[],
  chunks: number,
  sizes: { readonly [name: string]: number },
): Program {
  const buffers = Object.entries(sizes).map(
    ([name, size], i) => ({ name, dtype: 'f32', size, slot: i + 1, offset: 0 }) as const,
  )
  const about = { name: 'meter', origin: 'meter', flops: 0, bytes: 0 }
  const kernel: Kernel = { ...about, chunks, scratch: [], body }
  return { buffers, functions: [], kernels: [kernel], slots: buffers.length + 1, arenaBytes: 0 }
}

function registers(lanes: number, threads: number): Program {
  const vector = (name: string) => b.variable(name, 'f32', lanes)
  const place = (i: number) => b.add(b.mul(chunk, b.i32(CHAINS * lanes)), b.i32(i * lanes))
  const body = [
    b.declare('m', b.load('C', 'f32', b.i32(0), lanes)),
    ...chains.map((i) => b.register(`x${i}`, b.load('C', 'f32', place(i), lanes))),
    b.loop(
      'r',
      b.i32(0),
      b.i32(ROUNDS),
      chains.map((i) => b.set(`x${i}`, b.fma(vector(`x${i}`), vector('m'), vector(`x${i}`)))),
    ),
    ...chains.map((i) => b.store('C', place(i), vector(`x${i}`))),
  ]
  return program(body, threads, { C: threads * CHAINS * lanes })
}

/** A walk through one part of the arrays, several vectors at a time. */
function walk(lanes: number, body: (index: (i: number) => Expr) => readonly Stmt[]): Stmt {
  const start = b.add(b.mul(chunk, b.i32(ELEMENTS / PARTS)), b.variable('e'))
  const index = (i: number) => b.add(start, b.i32(i * lanes))
  return b.loop('e', b.i32(0), b.i32(ELEMENTS / PARTS), body(index), { step: CHAINS * lanes })
}

function copying(lanes: number): Program {
  const twice = (x: Expr) => b.add(x, x)
  const body = walk(lanes, (index) =>
    chains.flatMap((i) => [
      b.declare(`v${i}`, b.load('X', 'f32', index(i), lanes)),
      b.store('Y', index(i), twice(b.variable(`v${i}`, 'f32', lanes))),
    ]),
  )
  return program([body], PARTS, { X: ELEMENTS, Y: ELEMENTS })
}

function reading(lanes: number): Program {
  const sum = (i: number) => b.variable(`s${i}`, 'f32', lanes)
  const body = [
    ...chains.map((i) => b.register(`s${i}`, b.f32(0, lanes))),
    walk(lanes, (index) =>
      chains.map((i) => b.set(`s${i}`, b.add(sum(i), b.load('X', 'f32', index(i), lanes)))),
    ),
    b.store('Y', b.mul(chunk, b.i32(lanes)), chains.map(sum).reduce(b.add)),
  ]
  return program(body, PARTS, { X: ELEMENTS, Y: PARTS * lanes })
}

/** @throws BrickError where there is no C compiler. */
export async function createMeters(threads: number): Promise<Meters> {
  const device = await createNativeDevice({ threads })
  const { lanes } = device.target

  /** Billions of `work` a second. */
  async function meter(it: Program, work: number): Promise<() => Promise<number>> {
    const executable = await device.load(it)
    const slots = it.buffers.map(({ size }) => device.allocate(4 * size))
    it.buffers.forEach(({ size }, i) => {
      device.write(slots[i]!, new Float32Array(size))
    })
    return async () => {
      let least = Number.POSITIVE_INFINITY
      for (let i = 0; i < REPEATS; i++) {
        const start = performance.now()
        await device.run(executable, slots)
        least = Math.min(least, performance.now() - start)
      }
      return work / least / 1e6
    }
  }

  const flops = (width: number) => 2 * CHAINS * width * ROUNDS * threads
  return {
    peak: await meter(registers(lanes, threads), flops(lanes)),
    narrowPeak: await meter(registers(4, threads), flops(4)),
    copy: await meter(copying(lanes), 8 * ELEMENTS),
    read: await meter(reading(lanes), 4 * ELEMENTS),
    close: () => device.close(),
  }
}
