import { sameShape } from '../../base/shape.ts'
import type { OpName } from '../../graph/attributes.ts'
import type { Node } from '../../graph/node.ts'
import { keeping } from '../../graph/ops/helpers.ts'
import { recordOf } from '../../graph/ops.ts'

/** Ways to look at a graph, for what recognises operators in it. */

/** The node whose value it is: histories are left out, and moves to where it is already. */
export function bare(node: Node): Node {
  let found = node
  while (recordOf<OpName>(found.op).kind === 'alias' || staysPut(found)) found = found.inputs[0]!
  return found
}

const staysPut = (node: Node): boolean =>
  (node.is('reshape') || node.is('expand')) && sameShape(node.shape, node.inputs[0]!.shape)

/** The i-th input, without histories. */
export const input = (node: Node, i: number): Node => bare(node.inputs[i]!)

/** An input if it is of this op. */
export function as<O extends OpName>(node: Node | undefined, op: O): Node<O> | undefined {
  if (!node) return undefined
  const found = bare(node)
  return found.is(op) ? (found as Node<O>) : undefined
}

/** What is spread over a larger shape: expansions and reshapes left out. */
export function spreadFrom(node: Node): Node {
  let found = bare(node)
  while (found.is('expand') || found.is('reshape')) found = input(found, 0)
  return found
}

/** Constants whose values depend on the batch size. */
const varying = new WeakSet<Node>()

export function markVarying(node: Node): void {
  varying.add(node)
}
export const isVarying = (node: Node): boolean => varying.has(node)

/** The number that a node is everywhere, whatever the batch. */
export function numberOf(node: Node | undefined): number | undefined {
  if (!node) return undefined
  const found = spreadFrom(node)
  return found.is('constant') && !varying.has(found) ? found.attrs.value : undefined
}

/** One shape before it is spread: the sizes that the values themselves have. */
export function shapeBefore(node: Node): readonly number[] {
  const found = bare(node)
  return found.is('expand') ? found.inputs[0]!.shape : found.shape
}

/** A reduction along axes, spread back over what it was reduced from. */
export function reducedAlong<O extends 'sum' | 'amax'>(
  node: Node,
  op: O,
): { readonly from: Node; readonly axes: readonly number[] } | undefined {
  const found = as(spreadFrom(node), op)
  if (!found) return undefined
  const from = input(found, 0)
  const { axes } = found.attrs
  return sameShape(shapeBefore(node), keeping(from.shape, axes)) ? { from, axes } : undefined
}

/** The two operands of a commutative op, the one that `is` accepts first. */
export function operands(
  node: Node,
  is: (operand: Node) => boolean,
): readonly [Node, Node] | undefined {
  const [a, b] = [input(node, 0), input(node, 1)]
  if (is(a)) return [a, b]
  return is(b) ? [b, a] : undefined
}

/** Windows along the spatial axes of [N, C, …S], and the padding before them. */
export interface SeenWindows {
  /** What the windows lie on, before it is padded. */
  readonly x: Node
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** What is padded with. */
  readonly value: number | undefined
}

/** The windows that a reduction folds, if it folds them whole. */
export function windowsIn(node: Node, axes: readonly number[]): SeenWindows | undefined {
  const chain: Node<'window'>[] = []
  let x = bare(node)
  while (x.is('window')) {
    chain.unshift(x)
    x = input(x, 0)
  }
  const d = chain.length
  const whole = axes.length === d && axes.every((axis, i) => axis === d + 2 + i)
  if (d === 0 || !whole || x.shape.length !== d + 2) return undefined
  if (chain.some(({ attrs }, i) => attrs.axis !== i + 2)) return undefined
  const of = (name: 'size' | 'stride' | 'dilation') => chain.map(({ attrs }) => attrs[name])
  const pad = plainPad(x)
  const none = chain.map(() => 0)
  return {
    x: pad ? pad.x : x,
    kernel: of('size'),
    stride: of('stride'),
    dilation: of('dilation'),
    before: pad?.before ?? none,
    after: pad?.after ?? none,
    value: pad?.value,
  }
}

/** Padding of the spatial axes alone, with nothing between neighbours. */
export function plainPad(node: Node):
  | {
      readonly x: Node
      readonly before: readonly number[]
      readonly after: readonly number[]
      readonly value: number
    }
  | undefined {
  if (!node.is('pad')) return undefined
  const { low, high, interior, value } = node.attrs
  if (interior.some((n) => n > 0) || [...low.slice(0, 2), ...high.slice(0, 2)].some((n) => n > 0)) {
    return undefined
  }
  return { x: input(node, 0), before: low.slice(2), after: high.slice(2), value }
}
