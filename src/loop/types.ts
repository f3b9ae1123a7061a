import type { BinaryOp, RegisterType, UnaryOp } from './ir.ts'

/** Operand types that each unary op takes, and the type of its result. */
export const unaryTypes: {
  readonly [O in UnaryOp]: { readonly [D in RegisterType]?: RegisterType }
} = {
  neg: { f32: 'f32', i32: 'i32' },
  abs: { f32: 'f32', i32: 'i32' },
  sqrt: { f32: 'f32' },
  floor: { f32: 'f32' },
  ceil: { f32: 'f32' },
  not: { bool: 'bool' },
  toF32: { i32: 'f32', bool: 'f32' },
  toI32: { f32: 'i32', bool: 'i32' },
  toBool: { f32: 'bool', i32: 'bool' },
  bitsToF32: { i32: 'f32' },
  bitsToI32: { f32: 'i32' },
}

const numbers = { f32: 'f32', i32: 'i32' } as const
const bits = { i32: 'i32', bool: 'bool' } as const
const comparison = { f32: 'bool', i32: 'bool' } as const

/** Operand types that each binary op takes (both alike), and the type of its result. */
export const binaryTypes: {
  readonly [O in BinaryOp]: { readonly [D in RegisterType]?: RegisterType }
} = {
  add: numbers,
  sub: numbers,
  mul: numbers,
  div: numbers,
  rem: { i32: 'i32' },
  min: numbers,
  max: numbers,
  and: bits,
  or: bits,
  xor: bits,
  shl: { i32: 'i32' },
  shr: { i32: 'i32' },
  lt: comparison,
  le: comparison,
  eq: comparison,
  ne: comparison,
}

/** Types whose vectors each fold takes. */
export const foldTypes: {
  readonly [O in 'add' | 'mul' | 'min' | 'max' | 'or' | 'and']: readonly RegisterType[]
} = {
  add: ['f32', 'i32'],
  mul: ['f32', 'i32'],
  min: ['f32', 'i32'],
  max: ['f32', 'i32'],
  or: ['i32', 'bool'],
  and: ['i32', 'bool'],
}
