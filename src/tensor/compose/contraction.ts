import { BrickError } from '../../base/errors.ts'
import { broadcastShapes, showShape } from '../../base/shape.ts'
import { make } from '../../graph/make.ts'
import type { Node } from '../../graph/node.ts'
import { add, broadcastTo, cast, mul } from './arithmetic.ts'
import { permute, reshape } from './movement.ts'
import { amax, argmax, sum } from './reduce.ts'

/** torch.matmul: vectors, matrices, and batches of matrices that broadcast. */
export function matmul(a: Node, b: Node): Node {
  const [x, y] = [cast(a, 'f32'), cast(b, 'f32')]
  if (x.shape.length === 0 || y.shape.length === 0) {
    throw new BrickError({
      kind: 'shape',
      where: 'matmul',
      got: `${showShape(x.shape)} × ${showShape(y.shape)}`,
      wanted: 'at least one dim each',
      remedy: 'Use mul for scalars.',
    })
  }
  const left = x.shape.length === 1 ? reshape(x, [1, -1]) : x
  const right = y.shape.length === 1 ? reshape(y, [-1, 1]) : y
  const [m, k] = left.shape.slice(-2) as [number, number]
  const [k2, n] = right.shape.slice(-2) as [number, number]
  if (k !== k2) {
    throw new BrickError({
      kind: 'shape',
      where: 'matmul',
      got: `${showShape(x.shape)} × ${showShape(y.shape)}`,
      wanted: `equal inner sizes, not ${k} and ${k2}`,
      remedy: 'Transpose one of them.',
    })
  }
  const product = batched(left, right)
  const shape = product.shape.slice(0, -2)
  if (x.shape.length > 1) shape.push(m)
  if (y.shape.length > 1) shape.push(n)
  return reshape(product, shape)
}

/** Labels: batch dims 0 … r − 1, then m, k, n. A right operand without batch dims joins the left's rows. */
function batched(left: Node, right: Node): Node {
  const batch = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2), 'matmul')
  const r = batch.length
  const dims = batch.map((_, i) => i)
  const [m, k, n] = [r, r + 1, r + 2]
  const alone = right.shape.length === 2
  const a = broadcastTo(left, [...batch, ...left.shape.slice(-2)])
  const b = alone ? right : broadcastTo(right, [...batch, ...right.shape.slice(-2)])
  return make('contract', [a, b], {
    a: [...dims, m, k],
    b: alone ? [k, n] : [...dims, k, n],
    out: [...dims, m, n],
  })
}

/** Einstein summation, 'bij,bjk->bik': any number of operands, folded from the left. */
export function einsum(equation: string, operands: readonly Node[]): Node {
  const match = /^\s*([a-zA-Z, ]+?)\s*(?:->\s*([a-zA-Z ]*))?$/.exec(equation)
  const inputs = match?.[1]?.split(',').map((part) => part.replaceAll(' ', ''))
  if (!inputs || inputs.length !== operands.length) {
    throw new BrickError({
      kind: 'argument',
      where: 'einsum',
      got: `'${equation}' with ${operands.length} operand(s)`,
      wanted: "letters for each operand, as in 'ij,jk->ik'",
    })
  }
  const letters = inputs.join('')
  const once = [...new Set(letters)]
    .filter((l) => letters.indexOf(l) === letters.lastIndexOf(l))
    .sort()
  const out = match?.[2]?.replaceAll(' ', '') ?? once.join('')
  checkLetters(equation, inputs, operands, out)
  let [node, own] = [cast(operands[0]!, 'f32'), inputs[0]!]
  for (let i = 1; i < operands.length; i++) {
    const later = out + inputs.slice(i + 1).join('')
    const kept = [...new Set(own + inputs[i]!)].filter((l) => later.includes(l)).join('')
    node = make('contract', [node, cast(operands[i]!, 'f32')], {
      a: codes(own),
      b: codes(inputs[i]!),
      out: codes(kept),
    })
    own = kept
  }
  const gone = [...own].flatMap((l, axis) => (out.includes(l) ? [] : [axis]))
  const left = [...own].filter((l) => out.includes(l))
  return permute(
    gone.length ? sum(node, gone) : node,
    [...out].map((l) => left.indexOf(l)),
  )
}

const codes = (letters: string): number[] => [...letters].map((l) => l.charCodeAt(0))

function checkLetters(
  equation: string,
  inputs: readonly string[],
  operands: readonly Node[],
  out: string,
): void {
  const complain = (got: string, wanted: string) => {
    throw new BrickError({ kind: 'shape', where: `einsum '${equation}'`, got, wanted })
  }
  inputs.forEach((part, i) => {
    const { shape } = operands[i]!
    if (part.length !== shape.length)
      complain(`${showShape(shape)} for '${part}'`, `${part.length} dims`)
    if (new Set(part).size !== part.length) complain(`'${part}'`, 'each letter once in an operand')
  })
  for (const letter of out) {
    if (!inputs.some((part) => part.includes(letter)))
      complain(`'${letter}' in the output`, 'letters of the operands')
  }
}

export type Pair = number | readonly number[]

/** One number for every spatial axis, or one each. */
export function spatial(value: Pair, d: number, where: string, name: string): number[] {
  const list = typeof value === 'number' ? new Array<number>(d).fill(value) : [...(value ?? [])]
  if (list.length !== d || list.some((v) => !Number.isInteger(v) || v < 0)) {
    throw new BrickError({
      kind: 'argument',
      where,
      got: `${name} = ${JSON.stringify(value)}`,
      wanted: `a whole number ≥ 0, or ${d} of them`,
    })
  }
  return list
}

export interface ConvolutionOptions {
  readonly stride?: Pair
  readonly padding?: Pair
  readonly dilation?: Pair
  readonly groups?: number
}

/** Cross-correlation over d spatial axes: x [N, C, …S], weight [K, C/groups, …R], bias [K]. */
export function convolution(
  d: number,
  x: Node,
  weight: Node,
  bias: Node | undefined,
  options: ConvolutionOptions,
): Node {
  const where = `conv${d}d`
  const stride = spatial(options.stride ?? 1, d, where, 'stride')
  const padding = spatial(options.padding ?? 0, d, where, 'padding')
  const dilation = spatial(options.dilation ?? 1, d, where, 'dilation')
  const around = zeroPad(cast(x, 'f32'), padding, padding)
  const product = make('convolution', [around, weight], {
    stride,
    dilation,
    groups: options.groups ?? 1,
  })
  return bias ? add(product, alongChannels(bias, d)) : product
}

/** [K] → [K, 1, …]: one value a channel, to be added to [N, K, …]. */
const alongChannels = (bias: Node, d: number): Node =>
  reshape(bias, [-1, ...new Array<number>(d).fill(1)])

/** Zeros before and after (and between) along the spatial axes. */
function zeroPad(
  x: Node,
  before: readonly number[],
  after: readonly number[],
  between?: readonly number[],
): Node {
  const interior = between ?? before.map(() => 0)
  if ([...before, ...after, ...interior].every((n) => n === 0)) return x
  return make('pad', [x], {
    low: [0, 0, ...before],
    high: [0, 0, ...after],
    interior: [0, 0, ...interior],
    value: 0,
  })
}

export interface TransposedOptions extends ConvolutionOptions {
  readonly outputPadding?: Pair
}

/** The transpose of convolution: x [N, C, …S], weight [C, K/groups, …R] → [N, K, …(S−1)·stride − 2·padding + dilation·(R−1) + outputPadding + 1]. */
export function convolutionTransposed(
  d: number,
  x: Node,
  weight: Node,
  bias: Node | undefined,
  options: TransposedOptions,
): Node {
  const where = `convTranspose${d}d`
  const stride = spatial(options.stride ?? 1, d, where, 'stride')
  const padding = spatial(options.padding ?? 0, d, where, 'padding')
  const dilation = spatial(options.dilation ?? 1, d, where, 'dilation')
  const extra = spatial(options.outputPadding ?? 0, d, where, 'outputPadding')
  const groups = options.groups ?? 1
  const [c, k, ...kernel] = weight.shape as [number, number, ...number[]]
  const low = kernel.map((size, i) => dilation[i]! * (size - 1) - padding[i]!)
  const high = low.map((n, i) => n + extra[i]!)
  const spaced = zeroPad(
    cast(x, 'f32'),
    low.map((n) => Math.max(0, n)),
    high.map((n) => Math.max(0, n)),
    stride.map((s) => s - 1),
  )
  const cut = crop(
    spaced,
    low.map((n) => Math.max(0, -n)),
    high.map((n) => Math.max(0, -n)),
  )
  const grouped = reshape(weight, [groups, c / groups, k, ...kernel])
  const swapped = permute(grouped, [0, 2, 1, ...kernel.map((_, i) => i + 3)])
  const transposed = reshape(swapped, [groups * k, c / groups, ...kernel])
  const flipped = make('flip', [transposed], { axes: kernel.map((_, i) => i + 2) })
  const product = make('convolution', [cut, flipped], {
    stride: stride.map(() => 1),
    dilation,
    groups,
  })
  return bias ? add(product, alongChannels(bias, d)) : product
}

function crop(x: Node, before: readonly number[], after: readonly number[]): Node {
  if ([...before, ...after].every((n) => n === 0)) return x
  return make('slice', [x], {
    start: [0, 0, ...before],
    stop: x.shape.map((extent, i) => (i < 2 ? extent : extent - after[i - 2]!)),
    step: x.shape.map(() => 1),
  })
}

export interface PoolOptions {
  readonly stride?: Pair
  readonly padding?: Pair
  readonly dilation?: Pair
  /** Windows may go off the end, if they begin inside (default false). */
  readonly ceilMode?: boolean
  /** Whether padding counts in an average (default true). */
  readonly countIncludePad?: boolean
  /** What sums are divided by for an average, in place of the number of elements. */
  readonly divisorOverride?: number
}

interface Windows {
  readonly view: Node
  readonly axes: readonly number[]
  readonly kernel: readonly number[]
}

/** x [N, C, …S] as windows [N, C, …O, …R], padded with `value`. */
function poolWindows(
  d: number,
  x: Node,
  size: Pair,
  options: PoolOptions,
  value: number,
  where: string,
): Windows {
  const kernel = spatial(size, d, where, 'kernel')
  const stride = spatial(options.stride ?? kernel, d, where, 'stride')
  const padding = spatial(options.padding ?? 0, d, where, 'padding')
  const dilation = spatial(options.dilation ?? 1, d, where, 'dilation')
  const after = kernel.map((k, i) => {
    const room = x.shape[i + 2]! + 2 * padding[i]! - dilation[i]! * (k - 1) - 1
    if (padding[i]! * 2 > k) {
      throw new BrickError({
        kind: 'argument',
        where,
        got: `padding ${padding[i]}`,
        wanted: `at most half the kernel (${k})`,
      })
    }
    if (!options.ceilMode) return padding[i]!
    let steps = Math.ceil(room / stride[i]!)
    // The last window must start inside the input or its left padding.
    if (steps * stride[i]! >= x.shape[i + 2]! + padding[i]!) steps--
    return padding[i]! + Math.max(0, steps * stride[i]! - room)
  })
  let view = x
  if ([...padding, ...after].some((n) => n > 0)) {
    view = make('pad', [x], {
      low: [0, 0, ...padding],
      high: [0, 0, ...after],
      interior: x.shape.map(() => 0),
      value,
    })
  }
  kernel.forEach((k, i) => {
    view = make('window', [view], {
      axis: i + 2,
      size: k,
      stride: stride[i]!,
      dilation: dilation[i]!,
    })
  })
  return { view, axes: kernel.map((_, i) => d + 2 + i), kernel }
}

/** The largest element of each window. */
export function maxPool(d: number, x: Node, size: Pair, options: PoolOptions = {}): Node {
  const { view, axes } = poolWindows(d, x, size, options, Number.NEGATIVE_INFINITY, `maxPool${d}d`)
  return amax(view, axes)
}

/** Row-major position of each window's first maximum within the window (i32, […O]), and the windows' layout. */
export function maxPoolChoice(
  d: number,
  x: Node,
  size: Pair,
  options: PoolOptions = {},
): { readonly choice: Node; readonly kernel: readonly number[] } {
  const where = `maxPool${d}d`
  const { view, axes, kernel } = poolWindows(d, x, size, options, Number.NEGATIVE_INFINITY, where)
  return { choice: argmax(view, axes), kernel }
}

/** The mean of each window; padding counts unless countIncludePad is false. */
export function avgPool(d: number, x: Node, size: Pair, options: PoolOptions = {}): Node {
  const where = `avgPool${d}d`
  const { view, axes, kernel } = poolWindows(d, x, size, options, 0, where)
  const total = sum(view, axes)
  const { divisorOverride } = options
  if (divisorOverride !== undefined) return mul(total, 1 / divisorOf(divisorOverride, where))
  const padded = options.ceilMode || (options.countIncludePad === false && options.padding)
  if (!padded) return mul(total, 1 / kernel.reduce((a, b) => a * b, 1))
  return make('div', [total, broadcastTo(coverage(d, x, size, options, where), total.shape)], {})
}

function divisorOf(divisor: number, where: string): number {
  if (Number.isFinite(divisor) && divisor !== 0) return divisor
  const got = `divisorOverride = ${divisor}`
  throw new BrickError({ kind: 'argument', where, got, wanted: 'a number that is not 0' })
}

/** How many elements each window averages: those inside the input, or inside its padding if that counts. */
function coverage(d: number, x: Node, size: Pair, options: PoolOptions, where: string): Node {
  const padding = spatial(options.padding ?? 0, d, where, 'padding')
  const ones = make('constant', [], { value: 1, shape: [1, 1, ...x.shape.slice(2)], dtype: 'f32' })
  if (options.countIncludePad === false) {
    const { view, axes } = poolWindows(d, ones, size, options, 0, where)
    return sum(view, axes)
  }
  const shape = [1, 1, ...x.shape.slice(2).map((extent, i) => extent + 2 * padding[i]!)]
  const wide = make('constant', [], { value: 1, shape, dtype: 'f32' })
  // The same windows, with the padding as part of the input.
  const stride = options.stride ?? size
  const { view, axes } = poolWindows(d, wide, size, { ...options, stride, padding: 0 }, 0, where)
  return sum(view, axes)
}
