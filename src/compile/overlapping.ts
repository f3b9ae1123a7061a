import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'

/** Multiply-adds that adding one product's element to the output takes the time of. */
const ADDING = 24

/**
 * A convolution whose input is mostly padding, such as the input gradient of an unpadded one: every
 * element times all taps, added where they lie. No multiplication meets the padding.
 */
export function overlappingConvolution(node: Node<'convolution'>): Node | undefined {
  const [padded, weight] = node.inputs as [Node, Node]
  const { stride, dilation, groups } = node.attrs
  if (!padded.is('pad') || groups !== 1 || stride.some((s) => s !== 1)) return undefined
  const { low, high, interior, value } = padded.attrs
  if (value !== 0 || interior.some((n) => n > 0)) return undefined
  if ([...low.slice(0, 2), ...high.slice(0, 2)].some((n) => n > 0)) return undefined
  const [x] = padded.inputs as [Node]
  const [batch, inputs, ...places] = x.shape as [number, number, ...number[]]
  const [outputs, , ...kernel] = weight.shape as [number, number, ...number[]]
  const reach = kernel.map((size, i) => (size - 1) * dilation[i]!)
  if (reach.some((r, i) => low[i + 2]! > r || high[i + 2]! > r)) return undefined
  const positions = node.shape.slice(2).reduce((a, b) => a * b, 1)
  const elements = places.reduce((a, b) => a * b, 1)
  if (positions * inputs < 1.2 * elements * (inputs + ADDING)) return undefined
  const d = kernel.length
  const range = (from: number) => Array.from({ length: d }, (_, i) => from + i)
  const [N, K, C] = [0, 1, 2]
  // [N, C, …taps, …places] in memory, for what is added runs along the places.
  const products = make('contract', [make('flip', [weight], { axes: range(2) }), x], {
    a: [C, K, ...range(3)],
    b: [N, K, ...range(3 + d)],
    out: [N, C, ...range(3), ...range(3 + d)],
  })
  const order = make('permute', [products], { order: [0, 1, ...range(2 + d), ...range(2)] })
  const extent = places.map((place, i) => place + reach[i]!)
  const whole = make('overlapAdd', [order], {
    axes: range(2),
    size: kernel,
    stride,
    dilation,
    extent,
  })
  const start = reach.map((r, i) => r - low[i + 2]!)
  return make('slice', [whole], {
    start: [0, 0, ...start],
    stop: [batch, outputs, ...start.map((s, i) => s + node.shape[i + 2]!)],
    step: whole.shape.map(() => 1),
  })
}
