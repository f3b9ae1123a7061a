import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'

/**
 * Winograd's minimal filtering F(4×4, 3×3): a tile of 4 × 4 outputs from 6 × 6 inputs with 36
 * multiplications a pair of channels in place of 144. Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, summed over
 * channels between the transforms, which makes it 36 matrix products. With f32 its error is about
 * ten times that of plain sums (measured: 1e-5 of the largest output).
 *
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4.
 */
const BT = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
]
const G = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
]
const AT = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
]
const turned = (matrix: readonly (readonly number[])[]) =>
  matrix[0]!.map((_, column) => matrix.map((row) => row[column]!))
const A = turned(AT)
const GT = turned(G)

const OUT = 4
const IN = 6

/** Multiply-adds that transforming a channel of a tile takes the time of, there and back through memory. */
const TRANSFORM = 1700

interface Sizes {
  readonly batch: number
  readonly channels: number
  readonly kernels: number
  readonly rows: number
  readonly columns: number
}

interface Steps {
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
}

/** Whether the saved multiplications outweigh the transforms. */
function pays({ batch, channels, kernels, rows, columns }: Sizes): boolean {
  const tiles = batch * Math.ceil(rows / OUT) * Math.ceil(columns / OUT)
  const pairs = channels * kernels
  const plain = batch * rows * columns * 9 * pairs
  const transforms = TRANSFORM * (tiles * (channels + kernels) + pairs)
  return 1.1 * (IN * IN * tiles * pairs + transforms) < plain
}

const isPlain = ({ stride, dilation, groups }: Steps, kernel: readonly number[]): boolean =>
  kernel.length === 2 &&
  groups === 1 &&
  [...stride, ...dilation].every((n) => n === 1) &&
  kernel.every((n) => n === 3)

/** Zeros after the last two axes, up to these sizes. */
function padTo(x: Node, rows: number, columns: number): Node {
  const zeros = [0, 0, 0, 0]
  const high = [0, 0, rows - x.shape[2]!, columns - x.shape[3]!]
  if (high.every((n) => n === 0)) return x
  return make('pad', [x], { low: zeros, high, interior: zeros, value: 0 })
}

/** Bᵀ d B of the tiles of x: [6, 6, N, tiles…, C]. */
function transformedInput(x: Node, down: number, across: number): Node {
  const padded = padTo(x, down * OUT + IN - OUT, across * OUT + IN - OUT)
  const tile = { size: IN, stride: OUT, dilation: 1 }
  const rows = make('window', [padded], { axis: 2, ...tile })
  const tiles = make('window', [rows], { axis: 3, ...tile })
  const order = make('permute', [tiles], { order: [4, 5, 0, 2, 3, 1] })
  return make('transform', [order], { axes: [0, 1], matrix: BT })
}

/** A convolution of 3 × 3 kernels by Winograd's transforms, where that is faster. */
export function winograd(node: Node<'convolution'>): Node | undefined {
  const [x, weight] = node.inputs as [Node, Node]
  if (!isPlain(node.attrs, weight.shape.slice(2))) return undefined
  const [batch, kernels, rows, columns] = node.shape as [number, number, number, number]
  if (!pays({ batch, channels: x.shape[1]!, kernels, rows, columns })) return undefined
  const [down, across] = [Math.ceil(rows / OUT), Math.ceil(columns / OUT)]
  const input = transformedInput(x, down, across)
  const filters = make('transform', [make('permute', [weight], { order: [2, 3, 1, 0] })], {
    axes: [0, 1],
    matrix: G,
  })
  const product = make('contract', [input, filters], {
    a: [0, 1, 2, 3, 4, 5],
    b: [0, 1, 5, 6],
    out: [0, 1, 2, 3, 4, 6],
  })
  const order = make('permute', [product], { order: [2, 5, 3, 0, 4, 1] })
  const tiles = make('transform', [order], { axes: [3, 5], matrix: AT })
  const shape = [batch, kernels, down * OUT, across * OUT]
  const whole = make('reshape', [tiles], { shape })
  return make('slice', [whole], { start: [0, 0, 0, 0], stop: node.shape, step: [1, 1, 1, 1] })
}

/** The gradient of such a convolution's weight, by the same transforms. */
export function winogradWeight(node: Node<'convolutionWeight'>): Node | undefined {
  const [x, g] = node.inputs as [Node, Node]
  if (!isPlain(node.attrs, node.attrs.kernel)) return undefined
  const [batch, kernels, rows, columns] = g.shape as [number, number, number, number]
  const channels = x.shape[1]!
  if (!pays({ batch, channels, kernels, rows, columns })) return undefined
  const [down, across] = [Math.ceil(rows / OUT), Math.ceil(columns / OUT)]
  const input = transformedInput(x, down, across)
  const padded = padTo(g, down * OUT, across * OUT)
  const tiles = make('reshape', [padded], { shape: [batch, kernels, down, OUT, across, OUT] })
  const order = make('permute', [tiles], { order: [3, 5, 0, 2, 4, 1] })
  const gradient = make('transform', [order], { axes: [0, 1], matrix: A })
  const product = make('contract', [gradient, input], {
    a: [0, 1, 2, 3, 4, 5],
    b: [0, 1, 2, 3, 4, 6],
    out: [0, 1, 5, 6],
  })
  const last = make('permute', [product], { order: [2, 3, 0, 1] })
  return make('transform', [last], { axes: [2, 3], matrix: GT })
}
