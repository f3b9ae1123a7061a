import type { ArrayView } from '../base/array.ts'
import { type DType, dtypes, type TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import {
  normalizeAxes,
  normalizeAxis,
  type Shape,
  sameShape,
  showShape,
  sizeOf,
} from '../base/shape.ts'
import { gradients, historyOf } from '../gradient/gradient.ts'
import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'
import * as arithmetic from './compose/arithmetic.ts'
import * as contraction from './compose/contraction.ts'
import * as movement from './compose/movement.ts'
import * as reduce from './compose/reduce.ts'
import {
  bufferNode,
  contents,
  defer,
  evaluate,
  evaluatePending,
  remember,
  settle,
} from './engine.ts'
import { isRecording } from './grad-mode.ts'
import { fromNested, type Nested, toNested } from './nested.ts'
import { refuseInRound } from './round.ts'
import { Storage } from './storage.ts'
import { currentTrace } from './trace.ts'

export type TensorLike = Tensor | number

/**
 * An n-dimensional array. Operations are lazy: they build a graph, and nothing is computed until a
 * value is asked for (`await t.data()`, `await t.item()`). Tensors are immutable, except that
 * states (parameters, optimiser state) take new values by {@link Tensor.assign}.
 *
 * @example
 * ```ts
 * const x = tensor([[1, 2], [3, 4]])
 * await x.matmul(x).add(1).data() // Float32Array [8, 11, 16, 23]
 * ```
 */
export class Tensor {
  readonly shape: Shape
  readonly dtype: DType
  /** Whether `backward()` leaves a gradient here (leaf) or passes through (result). */
  requiresGrad: boolean
  private accumulated: Tensor | undefined
  private current: Node
  /** Set on states: the storage that holds (or will hold) the contents. */
  private state: Storage | undefined

  /** @internal Users make tensors with `tensor`, `zeros`, `randn`, … */
  constructor(node: Node, requiresGrad = false, state?: Storage) {
    this.current = node
    this.shape = node.shape
    this.dtype = node.dtype
    this.requiresGrad = requiresGrad
    this.state = state
    if (state) owners.set(state, this)
  }

  /** A tensor over host data. */
  static of(data: TypedArray, shape: Shape, dtype: DType): Tensor {
    if (data.length !== sizeOf(shape)) {
      throw new BrickError({
        kind: 'shape',
        where: 'tensor',
        got: `${data.length} elements for ${showShape(shape)}`,
        wanted: `${sizeOf(shape)} elements`,
      })
    }
    return new Tensor(bufferNode(new Storage(dtype, data.length, data), shape))
  }

  /** A tensor whose contents can be replaced by `assign`: a parameter or other state. */
  static variable(initial: Tensor, requiresGrad = false): Tensor {
    if (!(initial instanceof Tensor)) throw notTensor(initial, 'variable')
    const storage = new Storage(initial.dtype, sizeOf(initial.shape))
    const { node } = initial
    const ready = node.is('buffer') ? (node.attrs.source as Storage).settled() : undefined
    if (ready) storage.replace(ready.slice())
    else defer(storage, node)
    return new Tensor(bufferNode(storage, initial.shape, true), requiresGrad, storage)
  }

  /** The graph node that stands for this tensor now. */
  get node(): Node {
    const traced = this.state && currentTrace()?.valueOf(this.state)
    if (traced) return traced
    if (
      this.state &&
      this.current.is('buffer') &&
      this.current.attrs.version !== this.state.version
    ) {
      this.current = bufferNode(this.state, this.shape, true)
    }
    return this.current
  }

  get rank(): number {
    return this.shape.length
  }
  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }
  /** Whether `assign` may change it. */
  get isState(): boolean {
    return this.state !== undefined
  }

  /** @internal The storage of a state. */
  get storage(): Storage | undefined {
    return this.state
  }

  /** The gradient that `backward()` accumulated, of a leaf that requires one. */
  get grad(): Tensor | undefined {
    const trace = currentTrace()
    return trace ? (trace.gradients.get(this) as Tensor | undefined) : this.accumulated
  }
  set grad(value: Tensor | undefined) {
    const trace = currentTrace()
    if (trace) trace.gradients.set(this, value)
    else this.accumulated = value
  }

  // values ----------------------------------------------------------------------------------

  /** The elements, row-major. The copy is the caller's. */
  async data(): Promise<TypedArray> {
    return (await contents(this.realize())).slice()
  }

  /** The one element of a tensor of size 1. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new BrickError({
        kind: 'shape',
        where: 'item',
        got: showShape(this.shape),
        wanted: 'one element',
        remedy: 'Use data() or array().',
      })
    }
    return (await contents(this.realize()))[0]!
  }

  /** The elements as nested arrays. */
  async array(): Promise<Nested> {
    return toNested(await this.data(), this.shape, this.dtype)
  }

  /**
   * A copy of the elements with their shape and dtype, as datasets and galleries take them.
   *
   * @example
   * ```ts
   * const view = await zeros([2, 3]).arrayView() // { dtype: 'f32', shape: [2, 3], data: … }
   * ```
   */
  async arrayView(): Promise<ArrayView> {
    return { dtype: this.dtype, shape: this.shape, data: await this.data() } as ArrayView
  }

  /** @internal Starts computing the contents and says where they will be. */
  realize(): Storage {
    refuseInRound('a body that asks for a value', 'Return the tensor among the outputs.')
    const trace = currentTrace()
    if (trace) throw trace.refuseValue()
    const { node } = this
    if (node.is('buffer')) {
      const storage = node.attrs.source as Storage
      if (storage.pending) evaluate([])
      return storage
    }
    const [storage] = evaluate([node]) as [Storage]
    this.settle(node, storage)
    return storage
  }

  /** Keeps a computed value: as a new leaf, or beside the node where gradients may still pass. */
  private settle(node: Node, storage: Storage): void {
    if (this.requiresGrad) remember(node, storage)
    else this.current = bufferNode(storage, this.shape)
  }

  // state -----------------------------------------------------------------------------------

  /** Gives a state a new value of the same shape and dtype. */
  assign(value: Tensor): this {
    if (!this.state) {
      throw new BrickError({
        kind: 'argument',
        where: 'assign',
        got: 'an ordinary tensor',
        wanted: 'a state',
        remedy: 'Make it with variable(…).',
      })
    }
    if (!sameShape(value.shape, this.shape) || value.dtype !== this.dtype) {
      throw new BrickError({
        kind: 'shape',
        where: 'assign',
        got: `${value.dtype} ${showShape(value.shape)}`,
        wanted: `${this.dtype} ${showShape(this.shape)}`,
      })
    }
    refuseInRound('a body that assigns to a state', 'Carry it as a state of the scan.')
    const trace = currentTrace()
    if (trace) {
      // A leaf from now on, as outside: gradients don't reach back through the update.
      trace.assign(this.state, make('detach', [value.node], {}))
      return this
    }
    const { node } = value
    // Host data are taken as they are: a program to copy them would be compiled for each shape.
    const ready = node.is('buffer') ? (node.attrs.source as Storage).settled() : undefined
    this.state = new Storage(this.dtype, this.size, ready?.slice())
    owners.set(this.state, this)
    if (!ready) defer(this.state, node)
    this.current = bufferNode(this.state, this.shape, true)
    return this
  }

  /** Overwrites a state's contents with host data, at once. */
  async load(data: TypedArray): Promise<void> {
    if (!this.state || data.length !== this.size) {
      throw new BrickError({
        kind: 'shape',
        where: 'load',
        got: `${data.length} elements${this.state ? '' : ' for an ordinary tensor'}`,
        wanted: `${this.size} elements for a state`,
      })
    }
    const copy = new dtypes[this.dtype].array(data.length)
    copy.set(data)
    // Whatever was asked for before still sees the old contents.
    evaluatePending()
    await settle()
    this.state.replace(copy)
    this.state.version++
  }

  /** The same value without history. */
  detach(): Tensor {
    return new Tensor(make('detach', [this.node], {}))
  }

  /** Accumulates the gradient of this scalar into the `grad` of all leaves that require one. */
  backward(): void {
    if (this.size !== 1) {
      throw new BrickError({
        kind: 'gradient',
        where: 'backward',
        got: showShape(this.shape),
        wanted: 'a scalar',
        remedy: 'Reduce the loss with mean() or sum() first.',
      })
    }
    const leaves = leavesOf(this.node)
    if (!this.requiresGrad || leaves.length === 0) {
      throw new BrickError({
        kind: 'gradient',
        where: 'backward',
        got: 'a value that depends on nothing that requires a gradient',
        wanted: 'a loss computed from parameters',
        remedy: 'Make the inputs with requiresGrad: true, and compute outside noGrad.',
      })
    }
    const found = gradients(
      this.node,
      leaves.map((leaf) => leaf.node),
    )
    leaves.forEach(({ owner }, i) => {
      const share = new Tensor(found[i]!)
      owner.grad = owner.grad ? owner.grad.add(share) : share
    })
  }

  /** @internal This value, with a gradient of the caller's own. */
  withHistory(
    inputs: readonly Tensor[],
    backward: (gradient: Tensor) => readonly (Tensor | undefined)[],
  ): Tensor {
    const attrs = {
      backward: (g: unknown) => backward(new Tensor(g as Node)).map((share) => share?.node),
    }
    const value = make('detach', [this.node], {})
    return this.derive(make('custom', [value, ...inputs.map((t) => t.node)], attrs), ...inputs)
  }

  // helpers for operations ---------------------------------------------------------------------

  private derive(node: Node, ...others: TensorLike[]): Tensor {
    return withHistoryOf(node, [this, ...others])
  }

  // arithmetic ---------------------------------------------------------------------------------

  add(other: TensorLike): Tensor {
    return this.derive(arithmetic.add(this.node, nodeOf(other)), other)
  }
  sub(other: TensorLike): Tensor {
    return this.derive(arithmetic.sub(this.node, nodeOf(other)), other)
  }
  mul(other: TensorLike): Tensor {
    return this.derive(arithmetic.mul(this.node, nodeOf(other)), other)
  }
  /** True division; of integers it gives f32. */
  div(other: TensorLike): Tensor {
    return this.derive(arithmetic.div(this.node, nodeOf(other)), other)
  }
  pow(exponent: TensorLike): Tensor {
    if (exponent === 2 && this.dtype === 'f32') return this.square()
    return this.derive(this.binary('pow', exponent), exponent)
  }
  /** The larger, element by element; NaN if either is. */
  maximum(other: TensorLike): Tensor {
    return this.derive(this.binary('max', other), other)
  }
  minimum(other: TensorLike): Tensor {
    return this.derive(this.binary('min', other), other)
  }
  private binary(op: Parameters<typeof arithmetic.binary>[0], other: TensorLike): Node {
    const { node } = this
    return arithmetic.binary(op, node, arithmetic.operand(node, nodeOf(other)))
  }

  neg(): Tensor {
    return this.derive(make('neg', [this.node], {}))
  }
  abs(): Tensor {
    return this.derive(make('abs', [this.node], {}))
  }
  exp(): Tensor {
    return this.derive(arithmetic.unary('exp', this.node))
  }
  /** eˣ − 1, exact near 0. */
  expm1(): Tensor {
    return this.derive(arithmetic.unary('expm1', this.node))
  }
  /** Natural logarithm. */
  log(): Tensor {
    return this.derive(arithmetic.unary('log', this.node))
  }
  /** log(1 + x), exact near 0. */
  log1p(): Tensor {
    return this.derive(arithmetic.unary('log1p', this.node))
  }
  sqrt(): Tensor {
    return this.derive(arithmetic.unary('sqrt', this.node))
  }
  /** 1 / √x. */
  rsqrt(): Tensor {
    return this.sqrt().reciprocal()
  }
  /** 1 / x. */
  reciprocal(): Tensor {
    const { node } = this
    return this.derive(arithmetic.div(arithmetic.constant(1, [], 'f32'), node))
  }
  square(): Tensor {
    return this.mul(this)
  }
  sin(): Tensor {
    return this.derive(arithmetic.unary('sin', this.node))
  }
  cos(): Tensor {
    return this.derive(arithmetic.unary('cos', this.node))
  }
  /** The Gauss error function. */
  erf(): Tensor {
    return this.derive(arithmetic.unary('erf', this.node))
  }
  floor(): Tensor {
    return this.derive(arithmetic.unary('floor', this.node))
  }
  /** −1, 0 or 1. Its gradient is 0. */
  sign(): Tensor {
    const positive = this.detach().gt(0).to(this.dtype)
    return positive.sub(this.detach().lt(0).to(this.dtype)).withHistory([this], () => [undefined])
  }
  /** Limits to [min, max]; the gradient is 1 inside and at the limits, 0 outside. */
  clamp(min?: number, max?: number): Tensor {
    let out: Tensor = this
    if (min !== undefined) out = where(this.ge(min), out, min)
    if (max !== undefined) out = where(this.le(max), out, max)
    // NaN stays NaN.
    return where(this.ne(this), this, out)
  }

  /** max(0, x); its gradient at 0 is 0, and NaN stays NaN. */
  relu(): Tensor {
    // The gradient asks for the sign of the output alone, so that the input need not be kept.
    const x = this.detach()
    const y = where(x.le(0), 0, x)
    return y.withHistory([this], (g) => [where(y.le(0), 0, g)])
  }
  /** 1 / (1 + e⁻ˣ), without overflow: ½ + ½ tanh(x/2). */
  sigmoid(): Tensor {
    return this.mul(0.5).tanh().mul(0.5).add(0.5)
  }
  tanh(): Tensor {
    return this.derive(arithmetic.unary('tanh', this.node))
  }

  // comparison ---------------------------------------------------------------------------------

  lt(other: TensorLike): Tensor {
    return new Tensor(this.binary('lt', other))
  }
  le(other: TensorLike): Tensor {
    return new Tensor(this.binary('le', other))
  }
  gt(other: TensorLike): Tensor {
    return new Tensor(arithmetic.binary('lt', this.other(other), this.node, 'gt'))
  }
  ge(other: TensorLike): Tensor {
    return new Tensor(arithmetic.binary('le', this.other(other), this.node, 'ge'))
  }
  eq(other: TensorLike): Tensor {
    return new Tensor(this.binary('eq', other))
  }
  ne(other: TensorLike): Tensor {
    return new Tensor(this.binary('ne', other))
  }
  private other(value: TensorLike): Node {
    return arithmetic.operand(this.node, nodeOf(value))
  }
  logicalAnd(other: Tensor): Tensor {
    return new Tensor(arithmetic.binary('and', bool(this), bool(other)))
  }
  logicalOr(other: Tensor): Tensor {
    return new Tensor(arithmetic.binary('or', bool(this), bool(other)))
  }
  logicalNot(): Tensor {
    return new Tensor(make('not', [bool(this)], {}))
  }
  isNaN(): Tensor {
    return this.ne(this)
  }
  /** Converted to another dtype. */
  to(dtype: DType): Tensor {
    return dtype === this.dtype ? this : this.derive(arithmetic.cast(this.node, dtype))
  }

  // movement -----------------------------------------------------------------------------------

  /** Another shape of the same size, row-major; one −1 is worked out. */
  reshape(shape: Shape): Tensor {
    return this.derive(movement.reshape(this.node, shape))
  }
  /** Dims `from` to `to` as one. */
  flatten(from = 0, to = -1): Tensor {
    return this.derive(movement.flatten(this.node, from, to))
  }
  permute(dims: readonly number[]): Tensor {
    return this.derive(movement.permute(this.node, dims))
  }
  transpose(a = -2, b = -1): Tensor {
    return this.derive(movement.transpose(this.node, a, b))
  }
  squeeze(dim?: number): Tensor {
    return this.derive(movement.squeeze(this.node, dim))
  }
  unsqueeze(dim: number): Tensor {
    return this.derive(movement.unsqueeze(this.node, dim))
  }
  /** Repeats along dims of size 1, and along new dims in front. */
  expand(shape: Shape): Tensor {
    return this.derive(arithmetic.broadcastTo(this.node, shape))
  }
  /** One entry a dim: a position (drops the dim) or [start, stop, step]. */
  slice(...ranges: movement.Range[]): Tensor {
    return this.derive(movement.slice(this.node, ranges))
  }
  flip(dims: number | readonly number[]): Tensor {
    const axes = normalizeAxes(dims, this.rank, 'flip')
    return this.derive(make('flip', [this.node], { axes }))
  }
  roll(shift: number, dim: number): Tensor {
    return this.derive(movement.roll(this.node, shift, dim))
  }
  pad(
    amounts: readonly (readonly [number, number])[],
    mode: movement.PadMode = 'constant',
    value = 0,
  ): Tensor {
    return this.derive(movement.pad(this.node, amounts, mode, value))
  }
  /** 0 above the k-th diagonal of the last two dims. */
  tril(diagonal = 0): Tensor {
    return this.derive(movement.triangle(this.node, diagonal, true))
  }
  triu(diagonal = 0): Tensor {
    return this.derive(movement.triangle(this.node, diagonal, false))
  }

  // reduction ----------------------------------------------------------------------------------

  sum(dims?: reduce.Dims, keepDim = false): Tensor {
    return this.derive(reduce.sum(this.node, dims, keepDim))
  }
  mean(dims?: reduce.Dims, keepDim = false): Tensor {
    return this.derive(reduce.mean(this.node, dims, keepDim))
  }
  /** Σ (x − mean)² / (n − correction). */
  var(dims?: reduce.Dims, correction = 1, keepDim = false): Tensor {
    return this.derive(reduce.variance(this.node, dims, correction, keepDim))
  }
  std(dims?: reduce.Dims, correction = 1, keepDim = false): Tensor {
    return this.var(dims, correction, keepDim).sqrt()
  }
  max(dims?: reduce.Dims, keepDim = false): Tensor {
    return this.derive(reduce.amax(this.node, dims, keepDim))
  }
  min(dims?: reduce.Dims, keepDim = false): Tensor {
    return this.derive(reduce.amin(this.node, dims, keepDim))
  }
  prod(dims?: reduce.Dims, keepDim = false): Tensor {
    return this.derive(reduce.prod(this.node, dims, keepDim))
  }
  /** Position of the first maximum along a dim, or in the flattened tensor (i32). */
  argmax(dim?: number, keepDim = false): Tensor {
    return new Tensor(reduce.argmax(this.node, dim, keepDim))
  }
  argmin(dim?: number, keepDim = false): Tensor {
    return new Tensor(reduce.argmin(this.node, dim, keepDim))
  }
  logsumexp(dims?: reduce.Dims, keepDim = false): Tensor {
    return this.derive(reduce.logSumExp(this.node, dims, keepDim))
  }
  norm(p = 2, dims?: reduce.Dims, keepDim = false): Tensor {
    return this.derive(reduce.norm(this.node, p, dims, keepDim))
  }
  softmax(dim = -1): Tensor {
    return this.derive(reduce.softmax(this.node, dim))
  }
  logSoftmax(dim = -1): Tensor {
    return this.derive(reduce.logSoftmax(this.node, dim))
  }
  /** Values in order along a dim, and their positions (i32). Stable. */
  sort(dim = -1, descending = false): [values: Tensor, indices: Tensor] {
    const [values, indices] = reduce.sort(this.node, dim, descending)
    return [this.derive(values), new Tensor(indices)]
  }
  topk(k: number, dim = -1, largest = true): [values: Tensor, indices: Tensor] {
    const [values, indices] = reduce.topk(this.node, k, dim, largest)
    return [this.derive(values), new Tensor(indices)]
  }
  cumsum(dim: number): Tensor {
    return this.derive(reduce.cumsum(this.node, dim))
  }

  // contraction and indexing -------------------------------------------------------------------

  /** torch.matmul: vectors, matrices, broadcast batches. */
  matmul(other: Tensor): Tensor {
    return this.derive(contraction.matmul(this.node, other.node), other)
  }
  /** out[…, i, …] = this[…, index[…, i, …], …]. */
  gather(dim: number, index: Tensor): Tensor {
    const axis = normalizeAxis(dim, this.rank, 'gather')
    return this.derive(make('gather', [this.node, index.to('i32').node], { axis }))
  }
  /** Whole slices along a dim, chosen by a vector of positions. */
  indexSelect(dim: number, index: Tensor): Tensor {
    const axis = normalizeAxis(dim, this.rank, 'indexSelect')
    const count = index.size
    const column = index.to('i32').reshape(this.shape.map((_, i) => (i === axis ? count : 1)))
    return this.gather(axis, column.expand(this.shape.with(axis, count)))
  }
  /** This plus source[…, i, …] at […, index[…, i, …], …]. */
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    const axis = normalizeAxis(dim, this.rank, 'scatterAdd')
    const inputs = [this.node, index.to('i32').node, source.node]
    return this.derive(make('scatterAdd', inputs, { axis }), source)
  }
}

/** Which state a storage belongs to. */
const owners = new WeakMap<Storage, Tensor>()

/** @internal The state that a storage belongs to. */
export const ownerOf = (storage: Storage): Tensor | undefined => owners.get(storage)

/** @internal The states that require a gradient and whose values a node was computed from. */
export function leavesOf(node: Node): { readonly node: Node; readonly owner: Tensor }[] {
  return historyOf(node).flatMap((leaf) => {
    const storage = leaf.is('buffer') ? leaf.attrs.source : currentTrace()?.stateOf(leaf)
    const owner = storage && owners.get(storage as Storage)
    return owner?.requiresGrad ? [{ node: leaf, owner }] : []
  })
}

/** @internal A result that requires a gradient if an input does; under `noGrad` none passes through. */
export function withHistoryOf(node: Node, inputs: readonly (TensorLike | undefined)[]): Tensor {
  const tracked = inputs.some((input) => input instanceof Tensor && input.requiresGrad)
  if (tracked && !isRecording()) return new Tensor(make('detach', [node], {}))
  return new Tensor(node, tracked && node.dtype === 'f32')
}

function nodeOf(value: TensorLike): Node | number {
  if (typeof value === 'number') return value
  if (value instanceof Tensor) return value.node
  throw notTensor(value, 'operand')
}

function notTensor(value: unknown, where: string): BrickError {
  const isPromise = (value as object | undefined) instanceof Promise
  return new BrickError({
    kind: 'argument',
    where,
    wanted: where === 'operand' ? 'a tensor or a number' : 'a tensor',
    got: isPromise ? 'a promise' : Array.isArray(value) ? 'an array' : typeof value,
    remedy: isPromise
      ? 'Leave out item() or data(): tensors take part in operations as they are.'
      : 'Make a tensor of it: tensor([1, 2]).',
  })
}
const bool = (x: Tensor): Node => arithmetic.cast(x.node, 'bool')

/** condition ? yes : no, element by element, broadcast. */
export function where(condition: Tensor, yes: TensorLike, no: TensorLike): Tensor {
  const dtype: DType = [yes, no].some((v) => typeof v !== 'number' && v.dtype === 'f32')
    ? 'f32'
    : 'i32'
  const real = [yes, no].some((v) => typeof v === 'number' && !Number.isInteger(v)) ? 'f32' : dtype
  const node = (v: TensorLike) =>
    typeof v === 'number' ? arithmetic.constant(v, [], real) : v.node
  return withHistoryOf(arithmetic.where(condition.node, node(yes), node(no)), [yes, no])
}

/**
 * A tensor of a copy of nested arrays or numbers, f32 unless told otherwise (bool for truth values);
 * of a typed array; or of an array with its shape and dtype, as datasets and batches have them.
 *
 * @throws BrickError `shape` for rows of different lengths, or elements that don't fill the shape.
 * @example
 * ```ts
 * tensor([[1, 2], [3, 4]]).shape // [2, 2]
 * tensor({ dtype: 'i32', shape: [1, 2], data: Int32Array.of(3, 5) }).dtype // 'i32'
 * ```
 */
export function tensor(
  values: Nested | TypedArray | ArrayView,
  options: { dtype?: DType; requiresGrad?: boolean } = {},
): Tensor {
  const { data, shape, dtype } = fromNested(values, options.dtype)
  const made = Tensor.of(data, shape, dtype)
  return options.requiresGrad ? variable(made, true) : made
}

/** A state with this initial value: `assign` gives it another one. */
export function variable(initial: Tensor, requiresGrad = false): Tensor {
  return Tensor.variable(initial, requiresGrad)
}
