import { dtypes } from '../base/dtype.ts'
import { sizeOf } from '../base/shape.ts'
import { align64, type Program, scratchBytes } from '../loop/ir.ts'
import { GUARD } from '../render/wasm/render.ts'
import type { AheadProgram, PortType } from '../tensor/ahead.ts'

const PAGE = 65_536
/** So many bytes past a buffer's end may be read, too. */
const PAST = 64

/** An input or output, and where it lies. */
export interface Port extends PortType {
  readonly address: number
}

/** A kernel's chunks, and what comes after the last kernel of a loop. */
export interface KernelPlan {
  readonly chunks: number
  readonly again?: { readonly times: number; readonly back: number; readonly counter: number }
}

/** Where everything lies in one memory of fixed size. */
export interface Layout {
  /** Of 64 KiB. */
  readonly pages: number
  /** The address of the slots' addresses. */
  readonly table: number
  readonly scratch: number
  readonly slots: readonly number[]
  readonly weights: { readonly address: number; readonly bytes: number }
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly kernels: readonly KernelPlan[]
}

/** Hands out addresses one after the other. */
class Addresses {
  next: number

  constructor(first: number) {
    this.next = align64(first)
  }

  take(bytes: number): number {
    const address = this.next
    this.next = align64(address + bytes + PAST)
    return address
  }
}

const bytesOf = ({ dtype, shape }: PortType) => sizeOf(shape) * dtypes[dtype].bytes

/** Plans the memory of a program that runs alone. */
export function layoutOf({ program, inputs, constants, outputs }: AheadProgram): Layout {
  const free = new Addresses(GUARD)
  const table = free.take(4 * program.slots)
  const arena = free.take(program.arenaBytes)
  const scratch = free.take(Math.max(0, ...program.kernels.map(scratchBytes)))
  const place = (port: PortType): Port => ({ ...port, address: free.take(bytesOf(port)) })
  const [placedInputs, placedOutputs] = [inputs.map(place), outputs.map(place)]
  const first = free.next
  const kept = constants.map((data) => free.take(data.byteLength))
  return {
    pages: Math.ceil(free.next / PAGE),
    table,
    scratch,
    slots: [
      arena,
      ...placedInputs.map(({ address }) => address),
      ...kept,
      ...placedOutputs.map(({ address }) => address),
    ],
    weights: { address: first, bytes: free.next - first },
    inputs: placedInputs,
    outputs: placedOutputs,
    kernels: kernelPlans(program),
  }
}

function kernelPlans({ kernels, loops = [], buffers }: Program): KernelPlan[] {
  return kernels.map(({ chunks }, k) => {
    const loop = loops.find(({ last }) => last === k)
    if (!loop) return { chunks }
    const counter = buffers.find(({ name }) => name === loop.counter)!.offset
    return { chunks, again: { times: loop.times, back: k - loop.first, counter } }
  })
}
