import type { DType } from '../base/dtype.ts'
import type { Shape } from '../base/shape.ts'

type None = Readonly<Record<never, never>>

/** What each op is told besides its inputs. Its keys are the one list of op names; maps over ops are total over it. */
export interface Attributes {
  // sources
  /** version: of the contents that the node stands for, where they can change in place. */
  buffer: {
    readonly source: object
    readonly shape: Shape
    readonly dtype: DType
    readonly version?: number
  }
  constant: { readonly value: number; readonly shape: Shape; readonly dtype: DType }
  iota: { readonly axis: number; readonly shape: Shape }
  random: { readonly shape: Shape; readonly stream: number }
  // elementwise
  neg: None
  abs: None
  exp: None
  expm1: None
  log: None
  log1p: None
  sqrt: None
  sin: None
  cos: None
  tanh: None
  erf: None
  floor: None
  not: None
  cast: { readonly to: DType }
  add: None
  sub: None
  mul: None
  div: None
  max: None
  min: None
  pow: None
  lt: None
  le: None
  eq: None
  ne: None
  and: None
  or: None
  xor: None
  shl: None
  shr: None
  where: None
  // the same value, another history
  detach: None
  custom: { readonly backward: CustomBackward }
  /** The first input, but not before the second is known: what is built on it is computed anew. */
  barrier: None
  // movement
  reshape: { readonly shape: Shape }
  permute: { readonly order: readonly number[] }
  expand: { readonly shape: Shape }
  /** low, high: elements added before and after (≥ 0); interior: elements between neighbours. */
  pad: {
    readonly low: readonly number[]
    readonly high: readonly number[]
    readonly interior: readonly number[]
    readonly value: number
  }
  slice: {
    readonly start: readonly number[]
    readonly stop: readonly number[]
    readonly step: readonly number[]
  }
  flip: { readonly axes: readonly number[] }
  concat: { readonly axis: number }
  /** A sliding window along one axis: […, L, …] → […, (L − dilation·(size − 1) − 1)/stride + 1, …, size]. */
  window: {
    readonly axis: number
    readonly size: number
    readonly stride: number
    readonly dilation: number
  }
  /**
   * Windows added up where they lie, the transpose of `window` along the axes: […, O, …, R] → […, L, …],
   * out[o·stride + r·dilation] += x[o, r]. `extent`: L.
   */
  overlapAdd: {
    readonly axes: readonly number[]
    readonly size: readonly number[]
    readonly stride: readonly number[]
    readonly dilation: readonly number[]
    readonly extent: readonly number[]
  }
  // reduce
  sum: { readonly axes: readonly number[] }
  amax: { readonly axes: readonly number[] }
  prod: { readonly axes: readonly number[] }
  argmax: { readonly axes: readonly number[] }
  // contraction: labels of each axis; what is not in `out` is summed
  contract: {
    readonly a: readonly number[]
    readonly b: readonly number[]
    readonly out: readonly number[]
  }
  convolution: {
    readonly stride: readonly number[]
    readonly dilation: readonly number[]
    readonly groups: number
  }
  /** The gradient of a convolution's weight, as an op of its own. */
  convolutionWeight: {
    readonly kernel: readonly number[]
    readonly stride: readonly number[]
    readonly dilation: readonly number[]
    readonly groups: number
  }
  /** A small constant matrix times the vectors along each of the axes. */
  transform: {
    readonly axes: readonly number[]
    readonly matrix: readonly (readonly number[])[]
  }
  // indexing
  gather: { readonly axis: number }
  scatterAdd: { readonly axis: number }
  // along an axis, step by step
  cumsum: { readonly axis: number }
  // loops
  /**
   * `length` rounds of a body. Inputs, in the order of the body's parameters: sequences, of which a
   * round sees one element of the first axis; what the states are before the first round; constants.
   * `reverse`: the sequences' last elements come first.
   */
  scan: { readonly body: Body; readonly length: number; readonly reverse: boolean }
  /**
   * What a node of a scan's body was in each round, along a new first axis, where the sequences' elements
   * were. Of a state, one element more: what it was before the first round.
   */
  scanned: { readonly of: number }
}

export type OpName = keyof Attributes

/** The graph of a round: a `ScanBody`. Equal bodies are equal as JSON. */
export interface Body {
  toJSON(): string
}

/** Gradients of a custom op's inputs, from the output's gradient: graph to graph. */
export type CustomBackward = (gradient: unknown) => readonly unknown[]

/** For `JSON.stringify` of attributes as a key: JSON itself has no −0, NaN or infinities. */
export function exactNumbers(_: string, value: unknown): unknown {
  if (typeof value !== 'number') return value
  return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value)
}
