import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'

/** Windows of at most this many elements are added up where they end, not one after the other. */
const FEW = 16

/** Windows of few elements, added where they lie: every element of the result as the sum of those that meet there. */
export function sumOfTaps(node: Node<'overlapAdd'>): Node | undefined {
  const { size } = node.attrs
  if (size.reduce((a, b) => a * b, 1) > FEW) return undefined
  const taps = size.reduce<number[][]>(
    (all, count) => all.flatMap((tap) => Array.from({ length: count }, (_, r) => [...tap, r])),
    [[]],
  )
  return taps.map((tap) => oneTap(node, tap)).reduce((sum, tap) => make('add', [sum, tap], {}))
}

/** One element of every window, at its place among zeros. */
function oneTap(node: Node<'overlapAdd'>, tap: readonly number[]): Node {
  const { axes, stride, dilation, extent } = node.attrs
  const [x] = node.inputs as [Node]
  const rank = node.shape.length
  const zeros = node.shape.map(() => 0)
  const place = (of: (i: number) => number) =>
    axes.reduce((all, axis, i) => all.with(axis, of(i)), zeros)
  const one = make('slice', [x], {
    start: [...zeros, ...tap],
    stop: [...x.shape.slice(0, rank), ...tap.map((r) => r + 1)],
    step: x.shape.map(() => 1),
  })
  const flat = make('reshape', [one], { shape: x.shape.slice(0, rank) })
  const reach = (i: number) => (x.shape[axes[i]!]! - 1) * stride[i]! + 1 + tap[i]! * dilation[i]!
  return make('pad', [flat], {
    low: place((i) => tap[i]! * dilation[i]!),
    high: place((i) => extent[i]! - reach(i)),
    interior: place((i) => stride[i]! - 1),
    value: 0,
  })
}
