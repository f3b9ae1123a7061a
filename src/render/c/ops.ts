import type { BinaryOp, RegisterType, UnaryOp } from '../../loop/ir.ts'

/**
 * The C dialect: what each op is in C, as rows of text.
 *
 * In a row, `$x`, `$a`, `$b` stand for operands, each used once, and `$T` for the result's type
 * (`float` or `f32x16`), `$U` for its unsigned twin, `$ua` for a scalar operand as unsigned. A row that needs an operand twice, or that C writes lane by lane, is a
 * helper: its text is the value of one lane, of operands `x` or `a` and `b`; the compilers turn
 * the loop over the lanes into one instruction where the machine has it.
 */
export interface Row {
  readonly scalar: string
  readonly vector: string
}

export interface Helper {
  readonly lane: string
  /**
   * Where this holds the result is `a` after all. Of a vector, that is a second step over whole
   * vectors: two simple steps become better instructions than one, and are sooner compiled.
   */
  readonly unless?: string
}

const both = (text: string): Row => ({ scalar: text, vector: text })
const infix = (op: string): Row => both(`($a ${op} $b)`)
/** Signed overflow is undefined in C, so the arithmetic that may wrap is done on unsigned numbers. */
const wrapping = (op: string): Row => ({
  scalar: `(int)($ua ${op} $ub)`,
  vector: `($T)(($U)$a ${op} ($U)$b)`,
})

type Rows<Op extends string> = {
  readonly [O in Op]: { readonly [D in RegisterType]?: Row | Helper }
}

/** Unary ops by the operand's type. */
export const unaryRows: Rows<UnaryOp> = {
  neg: {
    f32: both('(-$x)'),
    i32: { scalar: '(int)(0u - $ux)', vector: '($T)(-($U)$x)' },
  },
  abs: {
    f32: { lane: '__builtin_fabsf(x)' },
    i32: { lane: 'x < 0 ? (int)(0u - (unsigned)x) : x' },
  },
  sqrt: { f32: { lane: '__builtin_sqrtf(x)' } },
  floor: { f32: { lane: '__builtin_floorf(x)' } },
  ceil: { f32: { lane: '__builtin_ceilf(x)' } },
  not: { bool: { scalar: '(!$x)', vector: '(~$x)' } },
  toF32: {
    f32: both('$x'),
    i32: { scalar: '(float)$x', vector: '__builtin_convertvector($x, $T)' },
    // The lane of a mask is 0 or −1.
    bool: { scalar: '(float)$x', vector: '__builtin_convertvector(-$x, $T)' },
  },
  toI32: {
    f32: { scalar: '(int)$x', vector: '__builtin_convertvector($x, $T)' },
    i32: both('$x'),
    bool: { scalar: '$x', vector: '(-$x)' },
  },
  toBool: { f32: both('($x != 0.0f)'), i32: both('($x != 0)'), bool: both('$x') },
  bitsToF32: { i32: { scalar: '((union { int i; float f; }){ .i = $x }.f)', vector: '($T)$x' } },
  bitsToI32: { f32: { scalar: '((union { float f; int i; }){ .f = $x }.i)', vector: '($T)$x' } },
}

/** Where either operand is NaN, so is the result; of a first operand that is a literal nothing is tested. */
const nanAware = (relation: string): Helper => ({
  lane: `a ${relation} b ? a : b`,
  unless: 'a != a',
})

/** Binary ops by the operands' type. */
export const binaryRows: Rows<BinaryOp> = {
  add: { f32: infix('+'), i32: wrapping('+') },
  sub: { f32: infix('-'), i32: wrapping('-') },
  mul: { f32: infix('*'), i32: wrapping('*') },
  div: { f32: infix('/'), i32: infix('/') },
  rem: { i32: infix('%') },
  min: { f32: nanAware('<'), i32: { lane: 'a < b ? a : b' } },
  max: { f32: nanAware('>'), i32: { lane: 'a > b ? a : b' } },
  and: { i32: infix('&'), bool: infix('&') },
  or: { i32: infix('|'), bool: infix('|') },
  xor: { i32: infix('^'), bool: infix('^') },
  shl: { i32: { scalar: '(int)($ua << $b)', vector: '($T)(($U)$a << ($U)$b)' } },
  shr: { i32: { scalar: '(int)($ua >> $b)', vector: '($T)(($U)$a >> ($U)$b)' } },
  lt: { f32: infix('<'), i32: infix('<') },
  le: { f32: infix('<='), i32: infix('<=') },
  eq: { f32: infix('=='), i32: infix('=='), bool: infix('==') },
  ne: { f32: infix('!='), i32: infix('!='), bool: infix('!=') },
}

/** Index arithmetic stays inside a buffer and so never overflows; plain C lets loops use addresses. */
export const indexRows: { readonly [O in BinaryOp]?: Row } = {
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
}

/** What makes a scalar of an element in memory, and an element of a scalar. */
export const elementText: {
  readonly [D in 'f32' | 'i32' | 'u8' | 'bool']: {
    readonly type: string
    readonly load: string
    readonly store: string
  }
} = {
  f32: { type: 'float', load: '$x', store: '$x' },
  i32: { type: 'int', load: '$x', store: '$x' },
  u8: { type: 'unsigned char', load: '(int)$x', store: '(unsigned char)$x' },
  bool: { type: 'unsigned char', load: '($x != 0)', store: '(unsigned char)$x' },
}

export const scalarType: { readonly [D in RegisterType]: string } = {
  f32: 'float',
  i32: 'int',
  bool: 'int',
}
