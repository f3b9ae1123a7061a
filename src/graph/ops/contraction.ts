import { type Shape, showShape } from '../../base/shape.ts'
import type { Attributes } from '../attributes.ts'
import type { Node } from '../node.ts'
import type { ContractionOp, Make } from '../record.ts'
import { requireDType, shapeError } from './helpers.ts'

/** Sizes of the labels of two labelled shapes, or an error where they disagree. */
function extents(
  inputs: readonly Node[],
  labels: readonly (readonly number[])[],
  where: string,
): Map<number, number> {
  const sizes = new Map<number, number>()
  inputs.forEach((input, i) => {
    if (input.shape.length !== labels[i]!.length) {
      throw shapeError(
        where,
        `${showShape(input.shape)} with ${labels[i]!.length} labels`,
        'a label for each dim',
      )
    }
    labels[i]!.forEach((label, axis) => {
      const size = input.shape[axis]!
      if ((sizes.get(label) ?? size) !== size) {
        throw shapeError(
          where,
          inputs.map((n) => showShape(n.shape)).join(' and '),
          `equal sizes of the shared dim, not ${sizes.get(label)} and ${size}`,
        )
      }
      sizes.set(label, size)
    })
  })
  return sizes
}

/** The gradient of one factor: the output's gradient contracted with the other factor. */
function contractBack(g: Node, node: Node<'contract'>, which: 'a' | 'b', make: Make): Node {
  const { a, b, out } = node.attrs
  const [mine, other, factor] = which === 'a' ? [a, b, node.inputs[1]!] : [b, a, node.inputs[0]!]
  const target = node.inputs[which === 'a' ? 0 : 1]!
  const present = mine.filter((label) => out.includes(label) || other.includes(label))
  const partial = make('contract', [g, factor], { a: out, b: other, out: present })
  if (present.length === mine.length) return partial
  // Labels of this factor alone that were summed: their gradient is the same along them.
  const shape = target.shape.map((extent, axis) => (present.includes(mine[axis]!) ? extent : 1))
  return make('expand', [make('reshape', [partial], { shape })], { shape: target.shape })
}

const range = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i)

type Steps = Attributes['convolution']

/** x [N, C, …S] as windows split by group: [N, g, C/g, …(O, R)], with the labels given. */
function windows(x: Node, kernel: Shape, { stride, dilation, groups }: Steps, make: Make): Node {
  let view = x
  kernel.forEach((size, i) => {
    view = make('window', [view], { axis: i + 2, size, stride: stride[i]!, dilation: dilation[i]! })
  })
  const [n, c, ...rest] = view.shape
  return make('reshape', [view], { shape: [n!, groups, c! / groups, ...rest] })
}

// Labels of a convolution's contraction: batch, group, output and input channel, then the positions.
const [N, G, K, C, O] = [0, 1, 2, 3, 4] as const
const outLabels = (d: number): number[] => [N, G, K, ...range(O, d)]
const windowLabels = (d: number): number[] => [N, G, C, ...range(O, 2 * d)]
const weightLabels = (d: number): number[] => [G, K, C, ...range(O + d, d)]

function byGroup(weight: Node, groups: number, make: Make): Node {
  const [k, ...rest] = weight.shape
  return make('reshape', [weight], { shape: [groups, k! / groups, ...rest] })
}

/** ∂/∂x: g with zeros between (stride) and around, correlated with the flipped, transposed weights. */
function inputGradient(
  g: Node,
  x: Node,
  weight: Node,
  { stride, dilation, groups }: Steps,
  make: Make,
): Node {
  const d = stride.length
  const kernel = weight.shape.slice(2)
  const reach = kernel.map((size, i) => dilation[i]! * (size - 1))
  const spaced = stride.map((s, i) => (g.shape[i + 2]! - 1) * s + 1)
  const padded = make('pad', [g], {
    low: [0, 0, ...reach],
    high: [0, 0, ...spaced.map((extent, i) => x.shape[i + 2]! - extent)],
    interior: [0, 0, ...stride.map((s) => s - 1)],
    value: 0,
  })
  const grouped = byGroup(weight, groups, make)
  const swapped = make('permute', [grouped], { order: [0, 2, 1, ...range(3, d)] })
  const [, c, k] = swapped.shape
  const transposed = make('reshape', [swapped], { shape: [groups * c!, k!, ...kernel] })
  const flipped = make('flip', [transposed], { axes: range(2, d) })
  return make('convolution', [padded, flipped], { stride: stride.map(() => 1), dilation, groups })
}

export const contraction = {
  /** out[…] = Σ a[…] · b[…] over the labels that are not in out (Einstein summation of two factors). */
  contract: {
    kind: 'contraction',
    infer: (inputs, { a, b, out }, where) => {
      const dtype = requireDType(inputs, ['f32'], where)
      const sizes = extents(inputs, [a, b], where)
      return { shape: out.map((label) => sizes.get(label)!), dtype }
    },
    gradient: (g, node, make) => [
      contractBack(g, node, 'a', make),
      contractBack(g, node, 'b', make),
    ],
  } satisfies ContractionOp<'contract'>,

  /**
   * Cross-correlation without padding, N-d: x [N, C, …S], w [K, C/groups, …R] → [N, K, …O],
   * out[n, k, o] = Σ_{c, r} x[n, c, o·stride + r·dilation] · w[k, c, r].
   */
  convolution: {
    kind: 'contraction',
    infer: (inputs, { stride, dilation, groups }, where) => {
      const dtype = requireDType(inputs, ['f32'], where)
      const [x, w] = inputs.map((n) => n.shape) as [Shape, Shape]
      const d = stride.length
      if (x.length !== d + 2 || w.length !== d + 2) {
        throw shapeError(
          where,
          `input ${showShape(x)}, weight ${showShape(w)}`,
          `${d + 2} dims each`,
        )
      }
      if (x[1] !== w[1]! * groups || w[0]! % groups !== 0) {
        throw shapeError(
          where,
          `${x[1]} in ${showShape(x)}`,
          `${w[1]! * groups} input channels`,
          `The weight is ${showShape(w)} with ${groups} group(s).`,
        )
      }
      const positions = stride.map((s, i) => {
        const reach = dilation[i]! * (w[i + 2]! - 1) + 1
        if (reach > x[i + 2]!) {
          throw shapeError(
            where,
            `input ${showShape(x)}, kernel reach ${reach}`,
            'an input at least as large as the kernel',
            'Add padding or use a smaller kernel.',
          )
        }
        return Math.floor((x[i + 2]! - reach) / s) + 1
      })
      return { shape: [x[0]!, w[0]!, ...positions], dtype }
    },
    decompose: (node, make) => {
      const [x, weight] = node.inputs as [Node, Node]
      const d = node.attrs.stride.length
      const product = make(
        'contract',
        [
          byGroup(weight, node.attrs.groups, make),
          windows(x, weight.shape.slice(2), node.attrs, make),
        ],
        { a: weightLabels(d), b: windowLabels(d), out: outLabels(d) },
      )
      return make('reshape', [product], { shape: node.shape })
    },
    gradient: (g, { inputs: [x, weight], attrs }, make) => [
      inputGradient(g, x!, weight!, attrs, make),
      make('convolutionWeight', [x!, g], { ...attrs, kernel: weight!.shape.slice(2) }),
    ],
  } satisfies ContractionOp<'convolution'>,

  /**
   * The gradient of a convolution's weight: x [N, C, …S], g [N, K, …O] → [K, C/groups, …R],
   * out[k, c, r] = Σ_{n, o} g[n, k, o] · x[n, c, o·stride + r·dilation].
   */
  convolutionWeight: {
    kind: 'contraction',
    infer: (inputs, { kernel, groups }, where) => {
      const dtype = requireDType(inputs, ['f32'], where)
      const [x, g] = inputs.map((n) => n.shape) as [Shape, Shape]
      if (x.length !== g.length || x.length !== kernel.length + 2 || x[0] !== g[0]) {
        throw shapeError(
          where,
          `input ${showShape(x)}, gradient ${showShape(g)}`,
          `equal batches of ${kernel.length + 2} dims`,
        )
      }
      return { shape: [g[1]!, x[1]! / groups, ...kernel], dtype }
    },
    decompose: (node, make) => {
      const [x, g] = node.inputs as [Node, Node]
      const { kernel, groups } = node.attrs
      const d = kernel.length
      const [n, k, ...positions] = g.shape
      const shape = [n!, groups, k! / groups, ...positions]
      const grouped = make('reshape', [g], { shape })
      const product = make('contract', [grouped, windows(x, kernel, node.attrs, make)], {
        a: outLabels(d),
        b: windowLabels(d),
        out: weightLabels(d),
      })
      return make('reshape', [product], { shape: node.shape })
    },
    gradient: (v, { inputs: [x, g], attrs: { stride, dilation, groups } }, make) => [
      inputGradient(g!, x!, v, { stride, dilation, groups }, make),
      make('convolution', [x!, v], { stride, dilation, groups }),
    ],
  } satisfies ContractionOp<'convolutionWeight'>,
}
