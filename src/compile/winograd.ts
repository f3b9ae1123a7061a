import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'

/**
 * Winograd's minimal filtering F(m×m, r×r) with tiles of 6 × 6 inputs: m = 7 − r outputs a side for
 * kernels of r = 3, 4 and 5. 36 multiplications a pair of channels in place of m²·r² (144 for
 * r = 3). Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, summed over channels between the transforms, which makes it
 * 36 matrix products. With f32 its error is some ten to a hundred times that of plain sums: up to
 * 1e-4 of the largest result, mostly 1e-6.
 *
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4. Bᵀ is the
 * same for all r; G and Aᵀ evaluate polynomials at 0, ±1, ±2 and infinity.
 */
const IN = 6
const BT = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
]
const points = [0, 1, -1, 2, -2]
const weights = [1 / 4, -1 / 6, -1 / 6, 1 / 24, 1 / 24]
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

/** G: a kernel of r taps at the points; the last row is the leading tap. */
const filterMatrix = (r: number): number[][] => [
  ...points.map((point, i) => numbers(r).map((power) => weights[i]! * point ** power)),
  numbers(r).map((power) => Number(power === r - 1)),
]

/** Aᵀ: m outputs from the products at the points. */
const outputMatrix = (m: number): number[][] =>
  numbers(m).map((power) => [...points.map((point) => point ** power), Number(power === m - 1)])

const turned = (matrix: readonly (readonly number[])[]) =>
  matrix[0]!.map((_, column) => matrix.map((row) => row[column]!))

/** Kernel sizes that there are transforms for. */
const kernelSizes = [3, 4, 5]

/** Multiply-adds that transforming a channel of a tile takes the time of, there and back through memory. */
const TRANSFORM = 2000

interface Sizes {
  readonly batch: number
  readonly channels: number
  readonly kernels: number
  readonly rows: number
  readonly columns: number
  /** Outputs a side of a tile. */
  readonly out: number
}

interface Steps {
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
}

/** Whether the saved multiplications outweigh the transforms. */
function pays({ batch, channels, kernels, rows, columns, out }: Sizes): boolean {
  const tiles = batch * Math.ceil(rows / out) * Math.ceil(columns / out)
  const pairs = channels * kernels
  const plain = batch * rows * columns * (IN + 1 - out) ** 2 * pairs
  const transforms = TRANSFORM * (tiles * (channels + kernels) + pairs)
  return 1.1 * (IN * IN * tiles * pairs + transforms) < plain
}

/** Outputs a side of a tile, for convolutions that the transforms are made for. */
function outputsOf(
  { stride, dilation, groups }: Steps,
  [height, width, ...more]: readonly number[],
): number | undefined {
  const plain = groups === 1 && [...stride, ...dilation].every((n) => n === 1)
  if (!plain || more.length > 0 || height !== width) return undefined
  return kernelSizes.includes(height!) ? IN + 1 - height! : undefined
}

/** Zeros after the last two axes, up to these sizes. */
function padTo(x: Node, rows: number, columns: number): Node {
  const zeros = [0, 0, 0, 0]
  const high = [0, 0, rows - x.shape[2]!, columns - x.shape[3]!]
  if (high.every((n) => n === 0)) return x
  return make('pad', [x], { low: zeros, high, interior: zeros, value: 0 })
}

/** Bᵀ d B of the tiles of x: [6, 6, N, tiles…, C]. */
function transformedInput(x: Node, out: number, down: number, across: number): Node {
  const padded = padTo(x, down * out + IN - out, across * out + IN - out)
  const tile = { size: IN, stride: out, dilation: 1 }
  const rows = make('window', [padded], { axis: 2, ...tile })
  const tiles = make('window', [rows], { axis: 3, ...tile })
  const order = make('permute', [tiles], { order: [4, 5, 0, 2, 3, 1] })
  return make('transform', [order], { axes: [0, 1], matrix: BT })
}

/** A convolution with small square kernels by Winograd's transforms, where that is faster. */
export function winograd(node: Node<'convolution'>): Node | undefined {
  const [x, weight] = node.inputs as [Node, Node]
  const out = outputsOf(node.attrs, weight.shape.slice(2))
  if (!out) return undefined
  const [batch, kernels, rows, columns] = node.shape as [number, number, number, number]
  if (!pays({ batch, channels: x.shape[1]!, kernels, rows, columns, out })) return undefined
  const [down, across] = [Math.ceil(rows / out), Math.ceil(columns / out)]
  const input = transformedInput(x, out, down, across)
  const filters = make('transform', [make('permute', [weight], { order: [2, 3, 1, 0] })], {
    axes: [0, 1],
    matrix: filterMatrix(weight.shape[2]!),
  })
  const product = make('contract', [input, filters], {
    a: [0, 1, 2, 3, 4, 5],
    b: [0, 1, 5, 6],
    out: [0, 1, 2, 3, 4, 6],
  })
  const order = make('permute', [product], { order: [2, 5, 3, 0, 4, 1] })
  const tiles = make('transform', [order], { axes: [3, 5], matrix: outputMatrix(out) })
  const shape = [batch, kernels, down * out, across * out]
  const whole = make('reshape', [tiles], { shape })
  return make('slice', [whole], { start: [0, 0, 0, 0], stop: node.shape, step: [1, 1, 1, 1] })
}

/** The gradient of such a convolution's weight, by the same transforms. */
export function winogradWeight(node: Node<'convolutionWeight'>): Node | undefined {
  const [x, g] = node.inputs as [Node, Node]
  const out = outputsOf(node.attrs, node.attrs.kernel)
  if (!out) return undefined
  const [batch, kernels, rows, columns] = g.shape as [number, number, number, number]
  const channels = x.shape[1]!
  if (!pays({ batch, channels, kernels, rows, columns, out })) return undefined
  const [down, across] = [Math.ceil(rows / out), Math.ceil(columns / out)]
  // Transformed anew: to keep it since the forward pass would take more than twice x's memory.
  const input = transformedInput(make('barrier', [x, g], {}), out, down, across)
  const padded = padTo(g, down * out, across * out)
  const tiles = make('reshape', [padded], { shape: [batch, kernels, down, out, across, out] })
  const order = make('permute', [tiles], { order: [3, 5, 0, 2, 4, 1] })
  const gradient = make('transform', [order], { axes: [0, 1], matrix: turned(outputMatrix(out)) })
  // The innermost axis' operand is packed a panel at a time, the other may be packed whole: the smaller.
  const wide = kernels > channels
  const product = make('contract', [gradient, input], {
    a: [0, 1, 2, 3, 4, 5],
    b: [0, 1, 2, 3, 4, 6],
    out: wide ? [0, 1, 6, 5] : [0, 1, 5, 6],
  })
  const last = make('permute', [product], { order: wide ? [3, 2, 0, 1] : [2, 3, 0, 1] })
  return make('transform', [last], {
    axes: [2, 3],
    matrix: turned(filterMatrix(node.attrs.kernel[0]!)),
  })
}
