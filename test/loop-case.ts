import type { DType, TypedArray } from '../src/base/dtype.ts'
import { dtypes } from '../src/base/dtype.ts'
import * as b from '../src/loop/build.ts'
import type {
  BufferDecl,
  Expr,
  Func,
  Kernel,
  Program,
  Scratch,
  Stmt,
  StorageType,
} from '../src/loop/ir.ts'
import { align64, storageBytes } from '../src/loop/ir.ts'

/** One program of the conformance suite. */
export interface LoopCase {
  readonly name: string
  readonly program: Program
  /** What slot i + 1 holds before the run. */
  readonly inputs: readonly TypedArray[]
  /** What slot i + 1 holds after the run. */
  readonly expected: readonly TypedArray[]
  /** What slot i + 1 is, for messages: `floor f32 ×4`. */
  readonly labels: readonly string[]
}

/** Collects the slots and kernels of one case; every buffer gets a slot of its own. */
export class CaseBuilder {
  private readonly buffers: BufferDecl[] = []
  private readonly kernels: Kernel[] = []
  private readonly functions: Func[] = []
  private readonly inputs: TypedArray[] = []
  private readonly expected: TypedArray[] = []
  private readonly labels: string[] = []
  private arenaBytes = 0

  private readonly name: string
  readonly lanes: number

  constructor(name: string, lanes: number) {
    this.name = name
    this.lanes = lanes
  }

  /** A slot that holds these elements, and that the run leaves as they are. */
  input(dtype: DType, data: readonly number[]): string {
    return this.slot(`input ${this.buffers.length}`, dtype, data, data)
  }

  /** A slot of zeros that must hold these elements afterwards. */
  output(label: string, dtype: DType, expected: readonly number[]): string {
    return this.slot(label, dtype, new Array<number>(expected.length).fill(0), expected)
  }

  slot(label: string, dtype: DType, before: readonly number[], after: readonly number[]): string {
    const name = `b${this.buffers.length}`
    this.inputs.push(typed(dtype, before))
    this.expected.push(typed(dtype, after))
    this.labels.push(label)
    this.buffers.push({ name, dtype, size: before.length, slot: this.inputs.length, offset: 0 })
    return name
  }

  /** A second buffer in the slot that was made last, this many bytes from its start. */
  view(dtype: StorageType, size: number, offset: number): string {
    const name = `b${this.buffers.length}`
    this.buffers.push({ name, dtype, size, slot: this.inputs.length, offset })
    return name
  }

  arena(dtype: StorageType, size: number): string {
    const name = `b${this.buffers.length}`
    this.buffers.push({ name, dtype, size, slot: 0, offset: this.arenaBytes })
    this.arenaBytes += align64(size * storageBytes[dtype])
    return name
  }

  func(func: Func): string {
    this.functions.push(func)
    return func.name
  }

  kernel(body: readonly Stmt[], options: { chunks?: number; scratch?: Scratch[] } = {}): void {
    this.kernels.push({
      name: `k${this.kernels.length}`,
      chunks: options.chunks ?? 1,
      scratch: options.scratch ?? [],
      body,
      flops: 0,
      bytes: 0,
      origin: `${this.name} ${this.kernels.length}`,
    })
  }

  /**
   * A kernel for out[i] = f(in₀[i], in₁[i], …), once with scalars and once with vectors.
   * Lengths are multiples of 16.
   */
  map(
    label: string,
    inputs: readonly { readonly dtype: DType; readonly buffer: string }[],
    f: (...xs: Expr[]) => Expr,
    dtype: DType,
    expected: readonly number[],
    widths: readonly number[] = [1, this.lanes],
  ): void {
    for (const width of widths) {
      const out = this.output(`${label} ×${width}`, dtype, expected)
      const i = b.variable('i')
      const xs = inputs.map((input) => b.load(input.buffer, input.dtype, i, width))
      const body = [b.store(out, i, f(...xs))]
      this.kernel([b.loop('i', b.i32(0), b.i32(expected.length), body, { step: width })])
    }
  }

  done(): LoopCase {
    const { name, buffers, functions, kernels, inputs, expected, labels, arenaBytes } = this
    const program = { buffers, functions, kernels, slots: inputs.length + 1, arenaBytes }
    return { name: `${name} ×${this.lanes}`, program, inputs, expected, labels }
  }
}

function typed(dtype: DType, data: readonly number[]): TypedArray {
  const array = new dtypes[dtype].array(data.length)
  array.set(data)
  return array
}

/** 0 … count − 1 */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
