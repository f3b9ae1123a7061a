import { sameShape } from '../../base/shape.ts'
import type { Node } from '../../graph/node.ts'
import { as, bare, input, plainPad, shapeBefore, spreadFrom } from './look.ts'
import type { Plan, Recognize } from './plan.ts'
import { type GraphWriter, int, ints } from './writer.ts'

/** A product that a bias may join: what it needs, and how it is written with one. */
interface Product {
  readonly needs: readonly Node[]
  write(writer: GraphWriter, name: (node: Node) => string, bias?: string): string
}

export const convolution: Recognize = (node) => convolutionOf(node)

/** Convolutions, transposed ones among them. */
function convolutionOf(node: Node): Product | undefined {
  if (!node.is('convolution')) return undefined
  return transposedOf(node) ?? plainOf(node)
}

function plainOf(node: Node<'convolution'>): Product {
  const { stride, dilation, groups } = node.attrs
  const weight = input(node, 1)
  const given = input(node, 0)
  const pad = plainPad(given)
  const zero = pad?.value === 0 ? pad : undefined
  const x = zero ? zero.x : given
  const kernel = weight.shape.slice(2)
  const none = kernel.map(() => 0)
  const attributes = {
    kernel_shape: ints(kernel),
    strides: ints(stride),
    dilations: ints(dilation),
    pads: ints([...(zero?.before ?? none), ...(zero?.after ?? none)]),
    group: int(groups),
  }
  return {
    needs: [x, weight],
    write: (writer, name, bias) =>
      writer.add('Conv', [name(x), name(weight), ...(bias ? [bias] : [])], attributes),
  }
}

/** A convolution of an input that was spread out: a transposed one of the input itself. */
function transposedOf(node: Node<'convolution'>): Product | undefined {
  const { stride, dilation, groups } = node.attrs
  const spread = as(node.inputs[0], 'pad')
  if (!spread || stride.some((s) => s !== 1) || spread.attrs.value !== 0) return undefined
  const { low, high, interior } = spread.attrs
  if (interior.every((n) => n === 0) || [...low.slice(0, 2), ...high.slice(0, 2)].some(Boolean)) {
    return undefined
  }
  const [x, weight] = [input(spread, 0), input(node, 1)]
  const kernel = weight.shape.slice(2)
  const reach = kernel.map((k, i) => dilation[i]! * (k - 1))
  const before = reach.map((r, i) => r - low[i + 2]!)
  const after = reach.map((r, i) => r - high[i + 2]!)
  if (before.some((n) => n < 0)) return undefined
  const attributes = {
    kernel_shape: ints(kernel),
    strides: ints(interior.slice(2).map((n) => n + 1)),
    dilations: ints(dilation),
    pads: ints([...before, ...after.map((n) => Math.max(0, n))]),
    output_padding: ints(after.map((n) => Math.max(0, -n))),
    group: int(groups),
  }
  const original = originalWeight(weight, groups)
  return {
    needs: [x, original ?? weight],
    write: (writer, name, bias) => {
      const filters = original ? name(original) : turned(writer, name(weight), weight.shape, groups)
      return writer.add('ConvTranspose', [name(x), filters, ...(bias ? [bias] : [])], attributes)
    },
  }
}

/** [C, K/g, …R], of which `weight` was made by turning it round and exchanging channels. */
function originalWeight(weight: Node, groups: number): Node | undefined {
  const flip = as(weight, 'flip')
  const spatial = weight.shape.slice(2).map((_, i) => i + 2)
  if (`${flip?.attrs.axes}` !== `${spatial}`) return undefined
  const joined = as(flip!.inputs[0], 'reshape')
  const swapped = joined && as(joined.inputs[0], 'permute')
  const apart = swapped && as(swapped.inputs[0], 'reshape')
  const order = [0, 2, 1, ...spatial.map((a) => a + 1)]
  if (!apart || `${swapped.attrs.order}` !== `${order}` || apart.shape[0] !== groups)
    return undefined
  const found = input(apart, 0)
  const [c, k] = [apart.shape[0]! * apart.shape[1]!, apart.shape[2]!]
  return sameShape(found.shape, [c, k, ...weight.shape.slice(2)]) ? found : undefined
}

/** The filters of a convolution [K, C/g, …R] as those of its transpose [C, K/g, …R]. */
function turned(
  writer: GraphWriter,
  name: string,
  shape: readonly number[],
  groups: number,
): string {
  const [k, c, ...kernel] = shape as [number, number, ...number[]]
  const axes = kernel.map((_, i) => i + 2)
  const flipped = writer.add('Slice', [
    name,
    writer.integers(axes.map(() => -1)),
    writer.integers(axes.map(() => -(2 ** 31))),
    writer.integers(axes),
    writer.integers(axes.map(() => -1)),
  ])
  const apart = writer.add('Reshape', [
    flipped,
    writer.integers([groups, k / groups, c, ...kernel]),
  ])
  const swapped = writer.add('Transpose', [apart], {
    perm: ints([0, 2, 1, ...axes.map((a) => a + 1)]),
  })
  return writer.add('Reshape', [swapped, writer.integers([groups * c, k / groups, ...kernel])])
}

export const product: Recognize = (node) => productOf(node)

/** Matrices, or batches of them: MatMul. */
function productOf(node: Node): Product | undefined {
  if (!node.is('contract')) return undefined
  const { a, b, out } = node.attrs
  const batch = out.slice(0, -2)
  const [m, n] = out.slice(-2) as [number, number]
  const k = a.at(-1)!
  if (out.length < 2 || a.length !== out.length || `${a}` !== `${[...batch, m, k]}`)
    return undefined
  const shared = `${b}` === `${[...batch, k, n]}`
  if (!shared && `${b}` !== `${[k, n]}`) return undefined
  if (k === m || k === n || batch.includes(k)) return undefined
  const [x, y] = [unspread(node.inputs[0]!), unspread(node.inputs[1]!)]
  return {
    needs: [x, y],
    write: (writer, name, bias) => {
      const value = writer.add('MatMul', [name(x), name(y)])
      return bias ? writer.add('Add', [value, bias]) : value
    },
  }
}

/** A batch of matrices that are all the same, as the one: the operator spreads it. */
function unspread(node: Node): Node {
  const found = bare(node)
  if (!found.is('expand')) return found
  const from = input(found, 0)
  return sameShape(from.shape.slice(-2), found.shape.slice(-2)) ? from : found
}

/** A bias for each channel joins the convolution. */
export const convolutionBias: Recognize = (node) => {
  const made = convolutionOf(input(node, 0))
  if (!made) return undefined
  const channels = node.shape.map((n, i) => (i === 1 ? n : 1))
  return withBias(made, node, channels)
}

/** x · Wᵀ + b of matrices: Gemm; a bias of other products: an addition. */
export const productBias: Recognize = (node) => {
  const contraction = as(node.inputs[0], 'contract')
  const made = contraction && productOf(contraction)
  if (!made || node.shape.length !== 2) return undefined
  const row = [1, node.shape[1]!]
  const bias = biasOf(node, row)
  const [x, y] = made.needs as [Node, Node]
  if (!bias || x.shape.length !== 2 || y.shape.length !== 2) return undefined
  const flipped = as(y, 'permute')
  const weight = flipped ? input(flipped, 0) : y
  return {
    needs: [x, weight, bias],
    write: (writer, name) =>
      writer.add('Gemm', [name(x), name(weight), name(bias)], flipped ? { transB: int(1) } : {}),
  }
}

/** A vector that is spread along one axis of the sum. */
function biasOf(node: Node, shape: readonly number[]): Node | undefined {
  const vector = spreadFrom(node.inputs[1]!)
  const fits = sameShape(shapeBefore(node.inputs[1]!), shape) && vector.shape.length === 1
  return fits && vector.is('buffer') ? vector : undefined
}

function withBias(made: Product, node: Node, shape: readonly number[]): Plan | undefined {
  const bias = biasOf(node, shape)
  if (!bias) return undefined
  return {
    needs: [...made.needs, bias],
    write: (writer, name) => made.write(writer, name, name(bias)),
  }
}
