/**
 * Instructions of WebAssembly that the renderer uses. A number below 256 is the byte itself; else
 * the upper half is a prefix byte and the lower half the instruction's number after it.
 * Source: WebAssembly core specification, appendix "Index of Instructions", and the SIMD and
 * relaxed SIMD proposals.
 */
const SAT = 0xfc0000
const SIMD = 0xfd0000

export const control = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  brIf: 0x0d,
  call: 0x10,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  /** The type of a block that leaves nothing on the stack. */
  empty: 0x40,
} as const

export const i32 = {
  load: 0x28,
  load8u: 0x2d,
  store: 0x36,
  store8: 0x3a,
  const: 0x41,
  eqz: 0x45,
  eq: 0x46,
  ne: 0x47,
  ltS: 0x48,
  gtS: 0x4a,
  leS: 0x4c,
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  divS: 0x6d,
  remS: 0x6f,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shl: 0x74,
  shrS: 0x75,
  shrU: 0x76,
  reinterpretF32: 0xbc,
  truncSatF32S: SAT + 0x00,
} as const

export const f32 = {
  load: 0x2a,
  store: 0x38,
  const: 0x43,
  eq: 0x5b,
  ne: 0x5c,
  lt: 0x5d,
  gt: 0x5e,
  le: 0x5f,
  abs: 0x8b,
  neg: 0x8c,
  ceil: 0x8d,
  floor: 0x8e,
  sqrt: 0x91,
  add: 0x92,
  sub: 0x93,
  mul: 0x94,
  div: 0x95,
  min: 0x96,
  max: 0x97,
  convertI32S: 0xb2,
  reinterpretI32: 0xbe,
} as const

export const v128 = {
  load: SIMD + 0x00,
  load32Splat: SIMD + 0x09,
  store: SIMD + 0x0b,
  const: SIMD + 0x0c,
  shuffle: SIMD + 0x0d,
  not: SIMD + 0x4d,
  and: SIMD + 0x4e,
  or: SIMD + 0x50,
  xor: SIMD + 0x51,
  bitselect: SIMD + 0x52,
  load16Lane: SIMD + 0x55,
  load32Lane: SIMD + 0x56,
  store16Lane: SIMD + 0x59,
  store32Lane: SIMD + 0x5a,
  store64Lane: SIMD + 0x5b,
  load32Zero: SIMD + 0x5c,
  load64Zero: SIMD + 0x5d,
  /** Zero-extends the low eight bytes to 16 bits each. */
  extendLow8: SIMD + 0x89,
  /** Zero-extends the low four 16-bit lanes to 32 bits each. */
  extendLow16: SIMD + 0xa9,
} as const

export const i32x4 = {
  splat: SIMD + 0x11,
  extractLane: SIMD + 0x1b,
  replaceLane: SIMD + 0x1c,
  eq: SIMD + 0x37,
  ne: SIMD + 0x38,
  ltS: SIMD + 0x39,
  leS: SIMD + 0x3d,
  abs: SIMD + 0xa0,
  neg: SIMD + 0xa1,
  shl: SIMD + 0xab,
  shrU: SIMD + 0xad,
  add: SIMD + 0xae,
  sub: SIMD + 0xb1,
  mul: SIMD + 0xb5,
  minS: SIMD + 0xb6,
  maxS: SIMD + 0xb8,
  truncSatF32x4S: SIMD + 0xf8,
  relaxedLaneselect: SIMD + 0x10b,
} as const

export const f32x4 = {
  splat: SIMD + 0x13,
  extractLane: SIMD + 0x1f,
  replaceLane: SIMD + 0x20,
  eq: SIMD + 0x41,
  ne: SIMD + 0x42,
  lt: SIMD + 0x43,
  le: SIMD + 0x45,
  ceil: SIMD + 0x67,
  floor: SIMD + 0x68,
  abs: SIMD + 0xe0,
  neg: SIMD + 0xe1,
  sqrt: SIMD + 0xe3,
  add: SIMD + 0xe4,
  sub: SIMD + 0xe5,
  mul: SIMD + 0xe6,
  div: SIMD + 0xe7,
  min: SIMD + 0xe8,
  max: SIMD + 0xe9,
  /** b < a ? b : a */
  pmin: SIMD + 0xea,
  /** a < b ? b : a */
  pmax: SIMD + 0xeb,
  convertI32x4S: SIMD + 0xfa,
  relaxedMadd: SIMD + 0x105,
} as const

/** Types of values, as the binary format numbers them. */
export const valueTypes = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const
export type ValueType = keyof typeof valueTypes
