import { BrickError } from '../../base/errors.ts'
import type { Expr, RegisterType, StorageType } from '../../loop/ir.ts'
import { storageBytes } from '../../loop/ir.ts'
import { Bytes } from './assembler.ts'
import { control, i32, type ValueType, v128 } from './opcodes.ts'
import type { Atom, Polynomial, Term } from './polynomial.ts'
import { isConstant, keyOfTerms, ofAtom, scale } from './polynomial.ts'

/**
 * No buffer lies below this address. An instruction adds its constant offset without wrapping, so
 * base + index may only leave out a constant of fewer bytes than this: it then stays positive.
 */
export const GUARD = 1 << 20

/** What a name stands for: a local, or (an unrolled loop's variable) a literal. */
export interface Binding {
  readonly dtype: RegisterType
  readonly lanes: number
  readonly local?: number
  readonly literal?: number
  /** The value as index arithmetic, where the name is an i32 that does not change. */
  readonly index?: Polynomial
}

export interface BufferRef {
  readonly dtype: StorageType
  /** The local that holds the address of element 0. */
  readonly base: () => number
}

/** The state of writing one function: instructions, locals, names in scope. */
export class Generator {
  readonly code = new Bytes()
  /** Runs before `code`: what is computed once. */
  readonly prologue = new Bytes()
  readonly locals: ValueType[] = []
  readonly buffers = new Map<string, BufferRef>()
  /** Locals that hold addresses in the loops around this place, by {@link pointerKey}. */
  readonly pointers = new Map<string, number>()
  readonly functions: ReadonlyMap<string, number>
  readonly relaxed: boolean
  readonly #params: number
  readonly #free = new Map<ValueType, number[]>()
  readonly #literals = new Map<string, number>()
  #scope = new Map<string, Binding>()
  #serial = 0

  constructor(params: number, functions: ReadonlyMap<string, number>, relaxed: boolean) {
    this.#params = params
    this.functions = functions
    this.relaxed = relaxed
  }

  op(code: number): this {
    this.code.op(code)
    return this
  }

  get(local: number): void {
    this.code.op(control.localGet).u32(local)
  }

  set(local: number): void {
    this.code.op(control.localSet).u32(local)
  }

  tee(local: number): void {
    this.code.op(control.localTee).u32(local)
  }

  int(value: number): void {
    this.code.op(i32.const).i32(value)
  }

  newLocal(type: ValueType): number {
    const reused = this.#free.get(type)?.pop()
    return reused ?? this.lastingLocal(type)
  }

  /** A local for what the prologue computes: never one that other code has used before. */
  lastingLocal(type: ValueType): number {
    return this.#params + this.locals.push(type) - 1
  }

  release(local: number): void {
    const type = this.locals[local - this.#params]!
    const free = this.#free.get(type)
    if (free) free.push(local)
    else this.#free.set(type, [local])
  }

  /** Runs `body` with new locals, which are free again afterwards. */
  withTemps(types: readonly ValueType[], body: (...locals: number[]) => void): void {
    const locals = types.map((type) => this.newLocal(type))
    body(...locals)
    for (const local of locals) this.release(local)
  }

  bind(name: string, binding: Binding): void {
    this.#scope.set(name, binding)
  }

  lookup(name: string): Binding {
    const binding = this.#scope.get(name)
    if (binding === undefined) throw malformed(`the name '${name}'`, 'a name in scope')
    return binding
  }

  /** Runs `body`; names bound in it end with it, and their locals become free. */
  block(body: () => void): void {
    const outer = this.#scope
    this.#scope = new Map(outer)
    body()
    for (const [name, { local }] of this.#scope) {
      if (local !== undefined && outer.get(name)?.local !== local) this.release(local)
    }
    this.#scope = outer
  }

  /** A new variable of the index algebra, held in a local. */
  variableAtom(local: number): Atom {
    const key = `v${this.#serial++}`
    return { key, depends: new Set([key]), fixed: true, push: () => this.get(local) }
  }

  /** A value that may differ each time it is looked at. */
  opaque(push: () => void): Polynomial {
    return ofAtom({ key: `o${this.#serial++}`, depends: new Set(), fixed: false, push })
  }

  buffer(name: string): BufferRef {
    const found = this.buffers.get(name)
    if (found === undefined) throw malformed(`the buffer '${name}'`, 'a buffer in scope')
    return found
  }

  /** Pushes an address without a constant part, which is returned: the instruction's offset. */
  address(name: string, index: Polynomial): number {
    const buffer = this.buffer(name)
    const bytes = scale(index, storageBytes[buffer.dtype])
    const { rest, offset } = splitOffset(bytes)
    const pointer = this.pointers.get(pointerKey(name, rest))
    if (pointer !== undefined) this.get(pointer)
    else this.pointer(buffer, rest)
    return offset
  }

  /** Pushes base + bytes. */
  pointer(buffer: BufferRef, bytes: Polynomial): void {
    this.get(buffer.base())
    if (isConstant(bytes) && bytes.constant === 0) return
    this.polynomial(bytes)
    this.op(i32.add)
  }

  polynomial(p: Polynomial): void {
    let first = true
    for (const term of p.terms.values()) {
      this.#term(term)
      if (!first) this.op(i32.add)
      first = false
    }
    if (first || p.constant !== 0) {
      this.int(p.constant)
      if (!first) this.op(i32.add)
    }
  }

  #term({ coefficient, factors }: Term): void {
    factors.forEach((factor, i) => {
      factor.push()
      if (i > 0) this.op(i32.mul)
    })
    if (coefficient === 1) return
    const power = 31 - Math.clz32(coefficient)
    this.int(coefficient === 1 << power ? power : coefficient)
    this.op(coefficient === 1 << power ? i32.shl : i32.mul)
  }

  /** Pushes 16 bytes. Engines build them anew at each place, so they are kept in a local. */
  vector(lanes: ArrayLike<number> & { readonly buffer: ArrayBufferLike }): void {
    const bytes = new Uint8Array(lanes.buffer)
    const key = bytes.join()
    const isPlain = bytes.every((byte) => byte === bytes[0] && (byte === 0 || byte === 255))
    if (isPlain || (!this.#literals.has(key) && this.#literals.size >= 64)) {
      this.code.op(v128.const).bytes(bytes)
      return
    }
    let local = this.#literals.get(key)
    if (local === undefined) {
      local = this.lastingLocal('v128')
      this.#literals.set(key, local)
      this.prologue.op(v128.const).bytes(bytes).op(control.localSet).u32(local)
    }
    this.get(local)
  }
}

/** The instruction's offset (below {@link GUARD}) and what remains to be computed. */
export function splitOffset(bytes: Polynomial): { rest: Polynomial; offset: number } {
  const high = Math.floor(bytes.constant / GUARD) * GUARD
  return { rest: { constant: high, terms: bytes.terms }, offset: bytes.constant - high }
}

export const pointerKey = (buffer: string, rest: Polynomial): string =>
  `${buffer}:${rest.constant}+${keyOfTerms(rest)}`

export function valueType({ dtype, lanes }: Pick<Expr, 'dtype' | 'lanes'>): ValueType {
  if (lanes === 1) return dtype === 'f32' ? 'f32' : 'i32'
  if (lanes === 4 || lanes === 2) return 'v128'
  throw malformed(`${lanes} lanes`, '1, 2 or 4 lanes')
}

export function malformed(got: string, wanted: string): BrickError {
  return new BrickError({
    kind: 'internal',
    where: 'WebAssembly renderer',
    got,
    wanted,
    remedy: 'This is a bug in Brickwork: please report it.',
  })
}
