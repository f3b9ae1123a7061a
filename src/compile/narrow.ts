import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'

type Slice = Node<'slice'>

/**
 * What a slice keeps of a convolution needs only a slice of its input: the gradient of a padded
 * convolution is not computed where the padding was.
 */
export function sliceOfConvolution(node: Slice): Node | undefined {
  const [product] = node.inputs as [Node]
  if (!product.is('convolution')) return undefined
  const [x, weight] = product.inputs as [Node, Node]
  const { start, stop, step } = node.attrs
  const channels = product.shape[1]!
  if (start[1] !== 0 || stop[1] !== channels || step[1] !== 1 || step[0] !== 1) return undefined
  if (node.shape.includes(0)) return undefined
  const { stride, dilation, groups } = product.attrs
  const reach = stride.map((_, i) => dilation[i]! * (weight.shape[i + 2]! - 1) + 1)
  const first = stride.map((s, i) => start[i + 2]! * s)
  const last = stride.map((s, i) => (start[i + 2]! + (node.shape[i + 2]! - 1) * step[i + 2]!) * s)
  const kept = make('slice', [x], {
    start: [start[0]!, 0, ...first],
    stop: [stop[0]!, x.shape[1]!, ...last.map((position, i) => position + reach[i]!)],
    step: x.shape.map(() => 1),
  })
  return make('convolution', [kept, weight], {
    stride: stride.map((s, i) => s * step[i + 2]!),
    dilation,
    groups,
  })
}

/** A slice of padding: less of both. */
export function sliceOfPad(node: Slice): Node | undefined {
  const [padded] = node.inputs as [Node]
  if (!padded.is('pad')) return undefined
  const { low, interior, value } = padded.attrs
  const { start, stop, step } = node.attrs
  const [x] = padded.inputs as [Node]
  const touched = (axis: number) => node.shape[axis] !== padded.shape[axis]
  const axes = node.shape.map((_, axis) => axis)
  if (axes.some((axis) => touched(axis) && step[axis] !== 1)) return undefined
  const every = interior.map((zeros) => zeros + 1)
  /** The first element of x that is not before a position. */
  const clamp = (position: number, axis: number) =>
    Math.min(Math.max(Math.ceil((position - low[axis]!) / every[axis]!), 0), x.shape[axis]!)
  const from = axes.map((axis) => (touched(axis) ? clamp(start[axis]!, axis) : 0))
  const to = axes.map((axis) => (touched(axis) ? clamp(stop[axis]!, axis) : x.shape[axis]!))
  // Nothing but padding is left.
  if (axes.some((axis) => from[axis]! >= to[axis]!)) return undefined
  const left = axes.map((axis) =>
    touched(axis) ? low[axis]! + from[axis]! * every[axis]! - start[axis]! : low[axis]!,
  )
  const kept = make('slice', [x], { start: from, stop: to, step: axes.map(() => 1) })
  return make('pad', [kept], {
    low: left,
    high: axes.map((axis) => {
      const inner = to[axis]! - from[axis]!
      const spread = inner + Math.max(0, inner - 1) * interior[axis]!
      return node.shape[axis]! - left[axis]! - spread
    }),
    interior,
    value,
  })
}

/** Padding around padding is one, where neither puts anything in between. */
export function padOfPad(node: Node<'pad'>): Node | undefined {
  const [inner] = node.inputs as [Node]
  if (!inner.is('pad')) return undefined
  const { low, high, interior, value } = node.attrs
  const spread = [...interior, ...inner.attrs.interior].some((n) => n > 0)
  if (spread || !Object.is(value, inner.attrs.value)) return undefined
  return make('pad', inner.inputs, {
    low: low.map((n, axis) => n + inner.attrs.low[axis]!),
    high: high.map((n, axis) => n + inner.attrs.high[axis]!),
    interior,
    value,
  })
}
