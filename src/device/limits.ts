import * as b from '../loop/build.ts'
import { CHUNK, type Expr, type Kernel, type Program, type Stmt } from '../loop/ir.ts'
import type { Target } from '../loop/target.ts'
import type { Device } from './device.ts'
import { quickestTimes } from './quickest.ts'

/** The most that a device gets out of this machine with so many threads, measured by loops of its own. */
export interface Limits {
  readonly threads: number
  /** Of a vector, each 32 bits. */
  readonly lanes: number
  /** Multiply-adds on registers alone, GFLOP/s: those of one thread, times the threads. */
  readonly peak: number
  /** y ← 2 · x, GB/s of x and y together, both far larger than caches. */
  readonly copy: number
  /** Σ x, GB/s. */
  readonly read: number
}

/** Independent multiply-adds in flight at most: more than latency × throughput of any core we know. */
const MOST_CHAINS = 16
const ROUNDS = 1 << 18
/** Rounds that are written out. */
const UNROLL = 4
/** Elements of an array for the bandwidth: 64 MB, more than most caches hold. */
const ELEMENTS = 2 ** 24
/** Vectors of a round of reading or copying. */
const TOGETHER = 8
/** Parts of an array, for threads to share. */
const PARTS = 64
/** The best run within so many milliseconds counts. */
const PATIENCE = 50
/** Operations that no device takes for a short run, which may stay on one thread. */
const LONG = 1e9

const known = new WeakMap<Device, Promise<readonly Limits[]>>()

/**
 * The limits of one thread, and of all. They are measured when they are first asked for, which
 * takes some tenths of a second; no run may be in flight then.
 */
export function limitsOf(device: Device): Promise<readonly Limits[]> {
  const limits = known.get(device) ?? measure(device)
  known.set(device, limits)
  return limits
}

async function measure(device: Device): Promise<readonly Limits[]> {
  const { target, threads } = device
  const size = { C: chainsOf(target) * target.lanes, X: ELEMENTS, Y: ELEMENTS }
  const slots = Object.values(size).map((elements) => {
    const buffer = device.allocate(4 * elements)
    // Pages that nobody has written may all be the same one.
    device.write(buffer, new Float32Array(elements).fill(1))
    return buffer
  })
  const quickest = async (kernels: readonly Kernel[]) => {
    const executable = await device.load(programOf(kernels, size), { timed: true })
    return quickestTimes(device, executable, slots, PATIENCE)
  }
  const flops = 2 * chainsOf(target) * target.lanes * ROUNDS
  const memory = (parts: number) => [copying(target, parts), reading(target, parts)]
  const [peak, ...alone] = await quickest([registers(target), ...memory(1)])
  const limits = (count: number, [copy, read]: readonly number[]): Limits => ({
    threads: count,
    lanes: target.lanes,
    peak: (count * flops) / peak!,
    copy: (8 * ELEMENTS) / copy!,
    read: (4 * ELEMENTS) / read!,
  })
  const one = limits(1, alone)
  return threads === 1 ? [one] : [one, limits(threads, await quickest(memory(PARTS)))]
}

function programOf(
  kernels: readonly Kernel[],
  sizes: { readonly [name: string]: number },
): Program {
  const buffers = Object.entries(sizes).map(
    ([name, size], i) => ({ name, dtype: 'f32', size, slot: i + 1, offset: 0 }) as const,
  )
  return { buffers, functions: [], kernels, slots: buffers.length + 1, arenaBytes: 0 }
}

function kernelOf(name: string, chunks: number, body: readonly Stmt[]): Kernel {
  const flops = chunks === 1 ? 0 : LONG
  return { name, origin: name, chunks, scratch: [], body, flops, bytes: 0 }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)
const chainsOf = ({ registers }: Target): number => Math.min(MOST_CHAINS, registers - 4)

/** x ← x · m + x, on registers alone. */
function registers(target: Target): Kernel {
  const { lanes } = target
  const chains = upTo(chainsOf(target))
  const vector = (name: string) => b.variable(name, 'f32', lanes)
  const element = (i: number) => b.load('C', 'f32', b.i32(i * lanes), lanes)
  const round = chains.map((i) => {
    const x = vector(`x${i}`)
    return b.set(`x${i}`, b.fma(x, vector('m'), x))
  })
  return kernelOf('peak', 1, [
    b.declare('m', element(0)),
    ...chains.map((i) => b.register(`x${i}`, element(i))),
    b.loop(
      'r',
      b.i32(0),
      b.i32(ROUNDS),
      upTo(UNROLL).flatMap(() => round),
      { step: UNROLL },
    ),
    ...chains.map((i) => b.store('C', b.i32(i * lanes), vector(`x${i}`))),
  ])
}

/** A walk through one of so many parts of the arrays, several vectors at a time. */
function walk(
  lanes: number,
  parts: number,
  body: (index: (i: number) => Expr) => readonly Stmt[],
): Stmt {
  const start = b.add(b.mul(b.variable(CHUNK), b.i32(ELEMENTS / parts)), b.variable('e'))
  const index = (i: number) => b.add(start, b.i32(i * lanes))
  return b.loop('e', b.i32(0), b.i32(ELEMENTS / parts), body(index), { step: TOGETHER * lanes })
}

function copying({ lanes }: Target, parts: number): Kernel {
  const value = (i: number) => b.variable(`v${i}`, 'f32', lanes)
  const body = walk(lanes, parts, (index) =>
    upTo(TOGETHER).flatMap((i) => [
      b.declare(`v${i}`, b.load('X', 'f32', index(i), lanes)),
      b.store('Y', index(i), b.add(value(i), value(i))),
    ]),
  )
  return kernelOf('copy', parts, [body])
}

function reading({ lanes }: Target, parts: number): Kernel {
  const sum = (i: number) => b.variable(`s${i}`, 'f32', lanes)
  const load = (index: Expr) => b.load('X', 'f32', index, lanes)
  return kernelOf('read', parts, [
    ...upTo(TOGETHER).map((i) => b.register(`s${i}`, b.f32(0, lanes))),
    walk(lanes, parts, (index) =>
      upTo(TOGETHER).map((i) => b.set(`s${i}`, b.add(sum(i), load(index(i))))),
    ),
    b.store('Y', b.mul(b.variable(CHUNK), b.i32(lanes)), upTo(TOGETHER).map(sum).reduce(b.add)),
  ])
}
