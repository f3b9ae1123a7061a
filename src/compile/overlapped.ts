import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import { flatten } from '../graph/ops/movement.ts'
import type { Nest } from './nest.ts'
import { addPositions, type Loop, loopPosition, scalePosition, symbolic } from './position.ts'
import { coordinates, loadOf, Reader } from './value.ts'

/** Rows of the result are set to zero; then all windows are added, tap after tap, where they lie. */
export function overlapNest(
  node: Node<'overlapAdd'>,
  inMemory: (node: Node) => boolean,
  origin: string,
): { nest: Nest; reads: ReadonlySet<Node> } {
  const { axes, size, stride, dilation, extent } = node.attrs
  const [x] = node.inputs as [Node]
  const reads = new Set<Node>()
  const reader = new Reader((other, coords) => {
    if (!inMemory(other)) return undefined
    reads.add(other)
    return loadOf(other, coords)
  })
  const rest = node.shape.map((e, axis) => (axes.includes(axis) ? 1 : e))
  const outer: Loop = { name: 'o', extent: sizeOf(rest) }
  const row = coordinates(loopPosition(outer), rest)
  // Axes in the order of memory, so that the last loop runs along it.
  const order = axes.map((_, i) => i).sort((i, j) => axes[i]! - axes[j]!)
  const cleared: Loop = { name: 'z', extent: sizeOf(extent) }
  const within = coordinates(
    loopPosition(cleared),
    order.map((i) => extent[i]!),
  )
  const zeroAt = row.slice()
  order.forEach((i, place) => {
    zeroAt[axes[i]!] = within[place]!
  })
  const inner: Loop = { name: 'r', extent: sizeOf(x.shape) / outer.extent }
  const places = coordinates(loopPosition(inner), [
    ...order.map((i) => size[i]!),
    ...order.map((i) => x.shape[axes[i]!]!),
  ])
  const from = [...row, ...axes.map((_, i) => places[order.indexOf(i)]!)]
  const to = row.slice()
  order.forEach((i, place) => {
    const window = places[order.length + place]!
    from[axes[i]!] = window
    to[axes[i]!] = addPositions(
      scalePosition(window, stride[i]!),
      scalePosition(places[place]!, dilation[i]!),
    )
  })
  const at = (coords: typeof row) => flatten(coords, node.shape, symbolic)
  const zero = { to: node, at: at(zeroAt), value: reader.constant(0, node.dtype) }
  const sum = { to: node, at: at(to), value: reader.read(x, from), accumulate: true }
  return {
    nest: {
      outer,
      stages: [
        { inner: cleared, folds: [], writes: [zero] },
        { inner, folds: [], writes: [sum], serial: true },
      ],
      origin,
    },
    reads,
  }
}
