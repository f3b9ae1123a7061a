import type { DType } from '../base/dtype.ts'
import type { Shape } from '../base/shape.ts'
import type { Attributes, OpName } from './attributes.ts'
import type { Node } from './node.ts'

/** Makes a node after checking it; what gradients build graphs with. */
export type Make = <O extends OpName>(op: O, inputs: readonly Node[], attrs: Attributes[O]) => Node

/** Arithmetic on indices: of numbers in the interpreter, of symbolic expressions in the compiler. */
export interface IndexAlgebra<I> {
  constant(value: number): I
  add(a: I, b: I): I
  scale(a: I, factor: number): I
  /** a mod divisor, and a div divisor, for a ≥ 0. */
  mod(a: I, divisor: number): I
  div(a: I, divisor: number): I
}

/** Where a movement op reads: input `input` at `coords`, where every guard holds. */
export interface Piece<I> {
  readonly input: number
  readonly coords: readonly I[]
  readonly guards: readonly Guard<I>[]
}

/** low ≤ index < high and index ≡ 0 (mod every). */
export interface Guard<I> {
  readonly index: I
  readonly low: number
  readonly high: number
  readonly every: number
}

interface Common<O extends OpName> {
  /** Shape and dtype of the output, or a BrickError that names `where`. */
  infer(
    inputs: readonly Node[],
    attrs: Attributes[O],
    where: string,
  ): { shape: Shape; dtype: DType }
  /** Gradients of the inputs from that of the output; undefined where there is none. Absent: not differentiable. */
  gradient?(g: Node, node: Node<O>, make: Make): readonly (Node | undefined)[]
}

/** The same scalar function at every element. */
export interface ElementwiseOp<O extends OpName> extends Common<O> {
  readonly kind: 'elementwise'
  readonly arity: number
  /** The meaning in double precision (i32 and bool as numbers). */
  scalar(attrs: Attributes[O], ...values: number[]): number
  /** Its meaning for i32, where double precision would round before the result wraps around. */
  readonly integer?: (...values: number[]) => number
  /** Where tests sample its inputs. */
  readonly domain: readonly [low: number, high: number]
  /** Costs many machine operations: better stored than computed twice. */
  readonly heavy?: boolean
}

/** Values from nothing but coordinates. */
export interface SourceOp<O extends OpName> extends Common<O> {
  readonly kind: 'source'
}

/** The same value as the first input, for forward purposes. */
export interface AliasOp<O extends OpName> extends Common<O> {
  readonly kind: 'alias'
  /** Gradients go no further. */
  readonly endsHistory?: boolean
}

/** Elements moved, repeated or left out. */
export interface MovementOp<O extends OpName> extends Common<O> {
  readonly kind: 'movement'
  /** The pieces that output element `coords` may come from; the first whose guards hold does; none: `fill`. */
  pieces<I>(coords: readonly I[], node: Node<O>, algebra: IndexAlgebra<I>): readonly Piece<I>[]
  fill?(attrs: Attributes[O]): number
}

/** Folds elements along axes. */
export interface ReduceOp<O extends OpName> extends Common<O> {
  readonly kind: 'reduce'
  /** The elementwise op that folds, or `argmax`: the position, row-major over the reduced axes, of the first maximum. */
  readonly fold: 'add' | 'mul' | 'max' | 'argmax'
  readonly identity: number
}

/** Sums of products. */
export interface ContractionOp<O extends OpName> extends Common<O> {
  readonly kind: 'contraction'
  /** The same thing as movement ops and one `contract`; `contract` itself has none. */
  decompose?(node: Node<O>, make: Make): Node
}

/** Linear combinations with constants, along axes of a few elements. */
export interface TransformOp<O extends OpName> extends Common<O> {
  readonly kind: 'transform'
}

/** Sums of elements that come to lie on one another. */
export interface OverlapOp<O extends OpName> extends Common<O> {
  readonly kind: 'overlap'
}

/** Reads or writes at positions that are data. */
export interface IndexingOp<O extends OpName> extends Common<O> {
  readonly kind: 'indexing'
}

/** A fold along an axis of which every intermediate result is kept. */
export interface RunningOp<O extends OpName> extends Common<O> {
  readonly kind: 'running'
}

/** Rounds of a graph of its own. It has no value itself: its parts do. */
export interface LoopOp<O extends OpName> extends Common<O> {
  readonly kind: 'loop'
}

/** A value that a loop leaves. */
export interface PartOp<O extends OpName> extends Common<O> {
  readonly kind: 'part'
}

export type AnyOp<O extends OpName> =
  | ElementwiseOp<O>
  | SourceOp<O>
  | AliasOp<O>
  | MovementOp<O>
  | ReduceOp<O>
  | ContractionOp<O>
  | TransformOp<O>
  | OverlapOp<O>
  | IndexingOp<O>
  | RunningOp<O>
  | LoopOp<O>
  | PartOp<O>
