import { make } from '../graph/make.ts'
import { Node, topological } from '../graph/node.ts'
import { gradients } from './gradient.ts'

/**
 * The gradients of `output` with respect to `inputs` and `leaves`, from a copy of the graph between
 * them that is computed when `g` is known: nothing of the first computation need be kept
 * (Chen et al., “Training deep nets with sublinear memory cost”, 2016). Random numbers are drawn
 * from the same keys, so the copy has the same values.
 */
export function recomputedGradients(
  output: Node,
  inputs: readonly Node[],
  leaves: readonly Node[],
  g: Node,
): Node[] {
  const copies = new Map<Node, Node>(inputs.map((node) => [node, make('barrier', [node, g], {})]))
  const depends = new Set<Node>(inputs)
  for (const node of topological([output])) {
    if (copies.has(node) || !node.inputs.some((input) => depends.has(input))) continue
    depends.add(node)
    const own = node.inputs.map((input) => copies.get(input) ?? input)
    const { op, attrs, shape, dtype, scope, origin } = node
    copies.set(node, new Node(op, own, attrs, shape, dtype, scope, origin))
  }
  const again = copies.get(output) ?? output
  return gradients(again, [...inputs.map((node) => copies.get(node)!), ...leaves], g)
}
