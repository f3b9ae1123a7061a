import type { Func, Kernel, Param, Program } from '../../loop/ir.ts'
import { align64, CHUNK, storageBytes } from '../../loop/ir.ts'
import { assemble, Bytes, type WasmFunction } from './assembler.ts'
import { Generator, malformed } from './generator.ts'
import { control, i32 } from './opcodes.ts'
import { ofAtom } from './polynomial.ts'
import { writeBlock } from './statements.ts'

export { GUARD } from './generator.ts'

/** What the engine that will run the module can do. */
export interface WasmFeatures {
  /** Fused multiply-add on vectors. */
  readonly relaxedSimd: boolean
  /** Whether the memory is shared between threads. */
  readonly shared: boolean
  /** An upper bound for the memory, in pages of 64 KiB. */
  readonly maxPages: number
}

/**
 * A program as a WebAssembly module. It imports `env.memory` and exports each kernel as `k0`, `k1`, …
 * with three i32 parameters: the address of the table of the slots' addresses, the chunk to run,
 * and the address of scratch memory. No buffer may lie below {@link GUARD}.
 *
 * @throws BrickError of kind `internal` for a malformed program, or one with vectors of more than 4 lanes
 */
export function renderWasm(program: Program, features: WasmFeatures): Uint8Array {
  const numbers = new Map(program.functions.map(({ name }, index) => [name, index]))
  const functions = program.functions.map((func) => renderFunction(func, numbers, features))
  const kernels = program.kernels.map((kernel, index) => {
    const name = numbers.has(kernel.name) ? `${kernel.name} (kernel)` : kernel.name
    return { ...renderKernel(program, kernel, numbers, features), name, exportAs: `k${index}` }
  })
  return assemble(features, [...functions, ...kernels])
}

type Numbers = ReadonlyMap<string, number>

function renderFunction(func: Func, numbers: Numbers, features: WasmFeatures): WasmFunction {
  const g = new Generator(func.params.length, numbers, features.relaxedSimd)
  for (const [local, param] of func.params.entries()) bindParam(g, param, local)
  return finish(g, func.name, func.params.length, func.body)
}

function bindParam(g: Generator, param: Param, local: number): void {
  if (param.kind === 'pointer') {
    g.buffers.set(param.name, { dtype: param.dtype, base: () => local })
  } else bindIndex(g, param.name, local)
}

function bindIndex(g: Generator, name: string, local: number): void {
  g.bind(name, { dtype: 'i32', lanes: 1, local, index: ofAtom(g.variableAtom(local)) })
}

const SLOTS = 0
const CHUNK_PARAM = 1
const SCRATCH = 2

function renderKernel(
  program: Program,
  kernel: Kernel,
  numbers: Numbers,
  features: WasmFeatures,
): WasmFunction {
  const g = new Generator(3, numbers, features.relaxedSimd)
  bindIndex(g, CHUNK, CHUNK_PARAM)
  const offsets = new Map(program.buffers.map(({ name, offset }) => [name, offset]))
  for (const { name, dtype, slot, offset, advances = [] } of program.buffers) {
    const base = once(() => {
      pushSlot(g, slot)
      for (const { counter, bytes } of advances) {
        pushSlot(g, 0)
        g.prologue.op(i32.load).u32(2).u32(offsets.get(counter)!)
        g.prologue.op(i32.const).i32(bytes).op(i32.mul).op(i32.add)
      }
      return keepBase(g, offset)
    })
    g.buffers.set(name, { dtype, base })
  }
  bindScratch(g, kernel)
  return finish(g, kernel.name, 3, kernel.body)
}

/** Puts a slot's address on the prologue's stack. */
function pushSlot(g: Generator, slot: number): void {
  g.prologue
    .op(control.localGet)
    .u32(SLOTS)
    .op(i32.load)
    .u32(2)
    .u32(slot * 4)
}

function bindScratch(g: Generator, kernel: Kernel): void {
  let next = 0
  for (const { name, dtype, size } of kernel.scratch) {
    const offset = next
    const base = once(() => {
      g.prologue.op(control.localGet).u32(SCRATCH)
      return keepBase(g, offset)
    })
    g.buffers.set(name, { dtype, base })
    next += align64(size * storageBytes[dtype])
  }
}

/** Keeps the address on the prologue's stack, plus an offset, in a local. */
function keepBase(g: Generator, offset: number): number {
  if (offset !== 0) g.prologue.op(i32.const).i32(offset).op(i32.add)
  const local = g.lastingLocal('i32')
  g.prologue.op(control.localSet).u32(local)
  return local
}

function once(make: () => number): () => number {
  let made: number | undefined
  return () => {
    made ??= make()
    return made
  }
}

function finish(g: Generator, name: string, params: number, body: Func['body']): WasmFunction {
  if (params > 1000) throw malformed(`${params} parameters`, 'at most 1000 parameters')
  writeBlock(g, body)
  return {
    name,
    params: Array.from({ length: params }, () => 'i32' as const),
    locals: g.locals,
    code: new Bytes().append(g.prologue).append(g.code),
  }
}
