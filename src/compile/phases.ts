import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'

/** The convolutions of one axis may multiply by this many zeros, as a share, to be one instead of two. */
const MOST_ZEROS = 0.1

/** What output positions ≡ p (mod the number of phases) are made of, along one axis. */
interface Phase {
  /** The first tap that meets an element; then every `period`-th does. */
  readonly tap: number
  readonly taps: number
  /** The element that the first tap meets at the first position. */
  readonly start: number
}

/** One axis of a convolution whose input has zeros between its elements, taken apart. */
interface Axis {
  readonly axis: number
  /** Position o is number q of phase p where o + origin = q · phases + p. */
  readonly origin: number
  readonly phases: readonly (Phase | undefined)[]
  readonly period: number
  readonly dilation: number
}

/**
 * A convolution of an input with zeros between its elements, such as the gradient of a strided one,
 * as convolutions of the elements alone. Along one axis after the other: output positions with the
 * same remainder meet the same taps, so those that meet equally many are further output channels
 * of one convolution, and the results are interleaved.
 */
export function phasesOfConvolution(node: Node<'convolution'>): Node | undefined {
  const [padded] = node.inputs as [Node]
  if (!padded.is('pad') || padded.attrs.value !== 0) return undefined
  const axis = padded.attrs.interior.findIndex((between, i) => i >= 2 && between > 0)
  if (axis < 0 || (padded.attrs.interior[axis]! + 1) % node.attrs.stride[axis - 2]! !== 0)
    return undefined
  const parts = takenApart(node, padded, axis)
  const { phases, origin } = parts
  const count = Math.floor((origin + node.shape[axis]! - 1) / phases.length) + 1
  const results = productsOf(node, padded, parts, count)
  const pieces = runs(phases).map(([phase, length]) =>
    phase ? results(phase, length) : zeros(node.shape.toSpliced(axis, 1, count, length)),
  )
  const joined = pieces.length === 1 ? pieces[0]! : make('concat', pieces, { axis: axis + 1 })
  const flat = make('reshape', [joined], { shape: node.shape.with(axis, count * phases.length) })
  return make('slice', [flat], {
    start: node.shape.map((_, i) => (i === axis ? origin : 0)),
    stop: node.shape.map((extent, i) => (i === axis ? origin + extent : extent)),
    step: node.shape.map(() => 1),
  })
}

/** One convolution for each number of taps; what is returned finds `length` phases there, `count` positions each. */
function productsOf(
  node: Node<'convolution'>,
  padded: Node<'pad'>,
  { axis, phases, period, dilation }: Axis,
  count: number,
): (first: Phase, length: number) => Node {
  const weight = node.inputs[1]!
  const met = phases.filter((phase) => phase !== undefined)
  const before = Math.max(0, ...met.map(({ start }) => -start))
  const end = Math.max(0, ...met.map(({ start, taps }) => start + count + (taps - 1) * dilation))
  const around = paddedAnew(padded, axis, before, end)
  const membersOf = (taps: number) => met.filter((phase) => phase.taps === taps)
  const product = (taps: number): Node => {
    const kernel = kernelOf(weight, axis, membersOf(taps), period)
    const plain = make('convolution', [around, kernel], {
      ...node.attrs,
      stride: node.attrs.stride.with(axis - 2, 1),
      dilation: node.attrs.dilation.with(axis - 2, dilation),
    })
    return phasesLast(plain, weight.shape[0]!, axis)
  }
  const products = new Map([...new Set(met.map(({ taps }) => taps))].map((n) => [n, product(n)]))
  return (first, length) => {
    const result = products.get(first.taps)!
    const from = membersOf(first.taps).indexOf(first)
    const at = before + first.start
    return make('slice', [result], {
      start: result.shape
        .map(() => 0)
        .with(axis, at)
        .with(axis + 1, from),
      stop: result.shape.with(axis, at + count).with(axis + 1, from + length),
      step: result.shape.map(() => 1),
    })
  }
}

/** The elements with zeros around, not between them, along an axis: `before` them, and up to `end` at least. */
function paddedAnew(
  { inputs, attrs }: Node<'pad'>,
  axis: number,
  before: number,
  end: number,
): Node {
  const { low, high, interior, value } = attrs
  return make('pad', inputs, {
    low: low.with(axis, before),
    high: high.with(axis, Math.max(0, end - inputs[0]!.shape[axis]!)),
    interior: interior.with(axis, 0),
    value,
  })
}

const zeros = (shape: readonly number[]): Node =>
  make('constant', [], { value: 0, shape, dtype: 'f32' })

/** The phases of an axis, from the origin that lets most of them run side by side. */
function takenApart(node: Node<'convolution'>, padded: Node<'pad'>, axis: number): Axis {
  const every = padded.attrs.interior[axis]! + 1
  const stride = node.attrs.stride[axis - 2]!
  const common = gcd(node.attrs.dilation[axis - 2]!, every)
  const phasesFrom = (origin: number) =>
    Array.from({ length: every / stride }, (_, p) => phaseOf(node, padded, axis, p - origin))
  let best: (Phase | undefined)[] = []
  let origin = 0
  for (let from = 0; from < every / stride; from++) {
    const phases = evenTaps(phasesFrom(from))
    if (from > 0 && runs(phases).length >= runs(best).length) continue
    best = phases
    origin = from
  }
  return {
    axis,
    origin,
    phases: best,
    period: every / common,
    dilation: node.attrs.dilation[axis - 2]! / common,
  }
}

/** What the output position (or one before the first) is made of. */
function phaseOf(
  { attrs: { stride, dilation }, inputs }: Node<'convolution'>,
  { attrs: { low, interior } }: Node<'pad'>,
  axis: number,
  position: number,
): Phase | undefined {
  const every = interior[axis]! + 1
  const size = inputs[1]!.shape[axis]!
  const period = every / gcd(dilation[axis - 2]!, every)
  for (let tap = 0; tap < Math.min(period, size); tap++) {
    const at = position * stride[axis - 2]! + tap * dilation[axis - 2]! - low[axis]!
    if (at % every === 0) return { tap, taps: Math.ceil((size - tap) / period), start: at / every }
  }
  return undefined
}

/** Phases that meet fewer taps meet zeros as well, where few suffice: one convolution is better than two. */
function evenTaps(phases: readonly (Phase | undefined)[]): (Phase | undefined)[] {
  const met = phases.filter((phase) => phase !== undefined)
  const most = Math.max(...met.map(({ taps }) => taps))
  const needed = met.reduce((sum, { taps }) => sum + taps, 0)
  if (most * met.length > needed * (1 + MOST_ZEROS)) return [...phases]
  return phases.map((phase) => phase && { ...phase, taps: most })
}

/** Neighbouring phases that lie side by side in one result: the first of them, and how many. */
function runs(
  phases: readonly (Phase | undefined)[],
): [first: Phase | undefined, length: number][] {
  const found: [Phase | undefined, number][] = []
  for (const phase of phases) {
    const last = found.at(-1)
    if (last && last[0]?.taps === phase?.taps && last[0]?.start === phase?.start) last[1]++
    else found.push([phase, 1])
  }
  return found
}

/** The taps of each phase as output channels: [K, C, …, R, …] → [K · phases, C, …, taps, …]. */
function kernelOf(weight: Node, axis: number, phases: readonly Phase[], period: number): Node {
  const [k, ...rest] = weight.shape as [number, ...number[]]
  const origin = weight.shape.map(() => 0)
  const own = phases.map(({ tap, taps }) => {
    const met = make('slice', [weight], {
      start: origin.with(axis, tap),
      stop: weight.shape,
      step: weight.shape.map((_, i) => (i === axis ? period : 1)),
    })
    const missing = taps - met.shape[axis]!
    const high = origin.with(axis, missing)
    const full = missing
      ? make('pad', [met], { low: origin, high, interior: origin, value: 0 })
      : met
    return make('reshape', [full], { shape: [k, 1, ...rest.with(axis - 1, taps)] })
  })
  const all = own.length === 1 ? own[0]! : make('concat', own, { axis: 1 })
  return make('reshape', [all], { shape: [k * own.length, ...all.shape.slice(2)] })
}

/** [N, K · phases, …, O, …] → [N, K, …, O, phases, …]. */
function phasesLast(product: Node, channels: number, axis: number): Node {
  const [n, all, ...rest] = product.shape as [number, number, ...number[]]
  const split = make('reshape', [product], { shape: [n, channels, all / channels, ...rest] })
  const axes = split.shape.map((_, i) => i)
  const order = axes.toSpliced(2, 1).toSpliced(axis + 1, 0, 2)
  return make('permute', [split], { order })
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
