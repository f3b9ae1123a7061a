/**
 * The loop language: what the compiler writes and the renderers read.
 *
 * A {@link Program} is a list of kernels that run one after the other, some of them in loops. A kernel runs its body once
 * for each `chunk` in 0 … chunks − 1, in any order and on any thread: chunks never depend on each
 * other, and their number depends on shapes alone, so the bits do not depend on the thread count.
 *
 * Expressions are typed: a dtype and a number of lanes (1 is a scalar; more is a vector of the
 * target's width or a power of two below it). They have no side effects; evaluation order is free.
 */

/** Types of values in registers. `bool` is a truth value (a mask when it has several lanes). */
export type RegisterType = 'f32' | 'i32' | 'bool'
/** Types of buffer elements. `u8` reads as i32 and is written from i32; `bool` is a byte, 0 or 1. */
export type StorageType = 'f32' | 'i32' | 'u8' | 'bool'

export type UnaryOp =
  | 'neg' // f32, i32
  | 'abs' // f32, i32
  | 'sqrt' // f32
  | 'floor' // f32
  | 'ceil' // f32
  | 'not' // bool
  | 'toF32' // i32, bool → f32
  | 'toI32' // f32 (towards zero; |x| < 2³¹), bool → i32
  | 'toBool' // f32, i32 → x ≠ 0 (NaN is true)
  | 'bitsToF32' // i32 → f32 with the same bits
  | 'bitsToI32' // f32 → i32 with the same bits

export type BinaryOp =
  | 'add' // f32; i32 wraps
  | 'sub'
  | 'mul'
  | 'div' // f32; i32: scalars only, towards zero
  | 'rem' // i32: scalars only, sign of the dividend
  | 'min' // f32: NaN if either is NaN; i32
  | 'max'
  | 'and' // i32, bool
  | 'or'
  | 'xor'
  | 'shl' // i32, count 0 … 31
  | 'shr' // i32, logical: zeros come in
  | 'lt' // f32, i32 → bool; false with NaN
  | 'le'
  | 'eq'
  | 'ne' // true with NaN

interface Typed {
  readonly dtype: RegisterType
  readonly lanes: number
}

export type Expr =
  /** A literal in every lane. f32 may be NaN or infinite; bool is 0 or 1. */
  | (Typed & { readonly kind: 'const'; readonly value: number })
  /** A loop variable, a `let`, a register, or an i32 parameter. */
  | (Typed & { readonly kind: 'var'; readonly name: string })
  | (Typed & { readonly kind: 'unary'; readonly op: UnaryOp; readonly x: Expr })
  | (Typed & { readonly kind: 'binary'; readonly op: BinaryOp; readonly a: Expr; readonly b: Expr })
  /** a · b + c, in one rounding where the target has it, else in two. f32. */
  | (Typed & { readonly kind: 'fma'; readonly a: Expr; readonly b: Expr; readonly c: Expr })
  /** cond ? yes : no, lane by lane, or one scalar cond for all lanes. Both sides may be evaluated. */
  | (Typed & {
      readonly kind: 'select'
      readonly cond: Expr
      readonly yes: Expr
      readonly no: Expr
    })
  /** Elements index … index + lanes − 1 (unaligned). `index` is a scalar i32. */
  | (Typed & { readonly kind: 'load'; readonly buffer: string; readonly index: Expr })
  /** A scalar in every lane. */
  | (Typed & { readonly kind: 'splat'; readonly x: Expr })
  /** One scalar for each lane. */
  | (Typed & { readonly kind: 'pack'; readonly items: readonly Expr[] })
  /** base, base + 1, …, one for each lane (i32). */
  | (Typed & { readonly kind: 'ramp'; readonly base: Expr })
  /** Lane i is lane pick[i] of a's lanes followed by b's: f32 or i32, all of the same number of lanes. */
  | (Typed & {
      readonly kind: 'shuffle'
      readonly a: Expr
      readonly b: Expr
      readonly pick: readonly number[]
    })
  /** One lane of a vector. */
  | (Typed & { readonly kind: 'extract'; readonly x: Expr; readonly lane: number })
  /** All lanes of a vector folded into a scalar, always as lane i with lane i + n/2, halving n. */
  | (Typed & {
      readonly kind: 'fold'
      readonly op: 'add' | 'mul' | 'min' | 'max' | 'or' | 'and'
      readonly x: Expr
    })

export type Stmt =
  /** Names a value, once, until the end of the enclosing block. */
  | { readonly kind: 'let'; readonly name: string; readonly value: Expr }
  /** Declares a register that `set` may change, until the end of the enclosing block. */
  | { readonly kind: 'reg'; readonly name: string; readonly init: Expr }
  | { readonly kind: 'set'; readonly name: string; readonly value: Expr }
  /** Writes value's lanes to elements index … index + lanes − 1. `index` is a scalar i32. */
  | { readonly kind: 'store'; readonly buffer: string; readonly index: Expr; readonly value: Expr }
  /** for (i32 name = start; name < end; name += step). `unroll`: start, end, step are literals, and the body is to be repeated. */
  | {
      readonly kind: 'for'
      readonly name: string
      readonly start: Expr
      readonly end: Expr
      readonly step: number
      readonly unroll: boolean
      readonly body: readonly Stmt[]
    }
  | {
      readonly kind: 'if'
      readonly cond: Expr
      readonly yes: readonly Stmt[]
      readonly no: readonly Stmt[]
    }
  /** Calls a function of the program; pointers are a buffer plus an offset in elements. */
  | { readonly kind: 'call'; readonly func: string; readonly args: readonly Arg[] }
  /** Text for the reader. */
  | { readonly kind: 'comment'; readonly text: string }

export type Arg =
  | { readonly kind: 'pointer'; readonly buffer: string; readonly offset: Expr }
  | { readonly kind: 'value'; readonly value: Expr }

export type Param =
  | {
      readonly kind: 'pointer'
      readonly name: string
      readonly dtype: StorageType
      readonly writable: boolean
    }
  | { readonly kind: 'value'; readonly name: string; readonly dtype: 'i32' }

/** A function that kernels share, such as a micro-kernel. Its pointers never overlap. */
export interface Func {
  readonly name: string
  readonly params: readonly Param[]
  readonly body: readonly Stmt[]
}

/** Memory private to one running chunk. Its contents are undefined at the start. */
export interface Scratch {
  readonly name: string
  readonly dtype: StorageType
  /** In elements. */
  readonly size: number
}

/** What a kernel is about, for people: under BRICK_DEBUG=profile alone. */
export interface About {
  /** `contraction 64×576×50176 + relu` */
  readonly title: string
  /** `path:line` of what asked for most of it, and the place in the model. */
  readonly line: string
  readonly scope: string
  readonly gradient: boolean
  /** Useful work: 2 for each multiply-add of a contraction, 1 for each other operation. */
  readonly flops: number
  /** Bytes that it must read and write: each region of memory once, however often it is passed. */
  readonly reads: number
  readonly writes: number
}

export interface Kernel {
  readonly name: string
  /** How many times the body runs, with the i32 variable `chunk`. */
  readonly chunks: number
  readonly scratch: readonly Scratch[]
  readonly body: readonly Stmt[]
  /** Floating-point operations of all chunks together, an estimate. */
  readonly flops: number
  /** Bytes read and written by all chunks together, an estimate. */
  readonly bytes: number
  /** What asked for it, for people: `relu(conv2d) [64, 20, 24, 24]`. */
  readonly origin: string
  readonly about?: About
}

/**
 * A buffer of the program. At run time, each slot is the base address of some memory;
 * slot 0 is the arena, the program's own temporary memory.
 */
export interface BufferDecl {
  readonly name: string
  readonly dtype: StorageType
  /** In elements. */
  readonly size: number
  readonly slot: number
  /** In bytes from the slot's base, a multiple of 64; of a part of another buffer, of its elements' size. */
  readonly offset: number
  /** A part of another buffer, in loops: by how many bytes it moves on with each round. */
  readonly advances?: readonly Advance[]
}

export interface Advance {
  /** An i32 buffer of one element in the arena that does not move itself. */
  readonly counter: string
  /** May be negative. */
  readonly bytes: number
}

/**
 * Kernels first … last run `times` times, at least once. They read the number of the round in
 * `counter`, which is 0 when the loop begins and which the last of them, and no other, raises by one.
 * Loops lie inside or outside one another; no two end with the same kernel.
 */
export interface Repeat {
  readonly first: number
  readonly last: number
  readonly times: number
  readonly counter: string
}

/** What there is to know about a program whose code is there already: all but the loops. */
export interface Outline {
  readonly kernels: readonly Pick<Kernel, 'flops' | 'bytes' | 'about'>[]
  /** Number of slots, the arena included. */
  readonly slots: number
  readonly arenaBytes: number
}

export interface Program extends Outline {
  readonly buffers: readonly BufferDecl[]
  readonly functions: readonly Func[]
  readonly kernels: readonly Kernel[]
  /** Absent: each kernel runs once. */
  readonly loops?: readonly Repeat[]
}

/** The outline without what it outlines, which can then be forgotten. */
export function outlineOf({ kernels, slots, arenaBytes }: Outline): Outline {
  const outlines = kernels.map(({ flops, bytes, about }) =>
    about ? { flops, bytes, about } : { flops, bytes },
  )
  return { kernels: outlines, slots, arenaBytes }
}

/** The one variable that every kernel body starts with. */
export const CHUNK = 'chunk'

/** Scratch memory that one running chunk of this kernel needs, in bytes, each array aligned to 64. */
export function scratchBytes(kernel: Kernel): number {
  let bytes = 0
  for (const { dtype, size } of kernel.scratch) bytes += align64(size * storageBytes[dtype])
  return bytes
}

export const storageBytes: { readonly [S in StorageType]: number } = {
  f32: 4,
  i32: 4,
  u8: 1,
  bool: 1,
}
/** The register type that an element has once it is read. */
export const registerOf: { readonly [S in StorageType]: RegisterType } = {
  f32: 'f32',
  i32: 'i32',
  u8: 'i32',
  bool: 'bool',
}

export function align64(bytes: number): number {
  return Math.ceil(bytes / 64) * 64
}
