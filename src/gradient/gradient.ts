import { BrickError } from '../base/errors.ts'
import { sameShape, showShape } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import { type Node, topological } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'
import { forGradientOf } from '../graph/origin.ts'

/**
 * Reverse-mode differentiation, graph to graph: the gradients of Σ output · seed with respect to
 * each node of `wrt`, as new nodes. Zero where the output does not depend on one of them. The
 * result is an ordinary graph, so it can be differentiated again.
 *
 * Throws a BrickError of kind `gradient` if an op on the way has none, and of kind `dtype` if the
 * output is not floating-point.
 *
 * @example
 * ```ts
 * const square = make('mul', [x, x], {})
 * const [dx] = gradients(square, [x]) // 2 · x
 * ```
 */
export function gradients(output: Node, wrt: readonly Node[], seed?: Node): Node[] {
  if (output.dtype !== 'f32') {
    throw new BrickError({
      kind: 'dtype',
      where: 'gradient',
      got: `an output of ${output.dtype}`,
      wanted: 'f32',
    })
  }
  if (seed && !sameShape(seed.shape, output.shape)) {
    throw new BrickError({
      kind: 'shape',
      where: 'gradient',
      got: `a seed ${showShape(seed.shape)}`,
      wanted: `the output's shape ${showShape(output.shape)}`,
    })
  }
  const onPath = dependents(output, wrt)
  const found = new Map<Node, Node>()
  found.set(output, seed ?? make('constant', [], { value: 1, shape: output.shape, dtype: 'f32' }))
  for (const node of [...onPath].sort((a, b) => b.id - a.id)) {
    const g = found.get(node)
    if (g) forGradientOf(node.origin, () => backward(node, g, onPath, found))
  }
  return wrt.map(
    (node) =>
      found.get(node) ?? make('constant', [], { value: 0, shape: node.shape, dtype: 'f32' }),
  )
}

function endsHistory(node: Node): boolean {
  const record = recordOf<OpName>(node.op)
  return record.kind === 'alias' && record.endsHistory === true
}

/** All nodes that a gradient of this one may reach, and itself, inputs first. */
export function historyOf(node: Node): Node[] {
  return topological([node], (at) => (endsHistory(at) ? [] : at.inputs))
}

/** The nodes between the output and `wrt`: those that gradients must pass. */
function dependents(output: Node, wrt: readonly Node[]): Set<Node> {
  const onPath = new Set<Node>(wrt)
  for (const node of topological([output])) {
    if (!endsHistory(node) && node.inputs.some((input) => onPath.has(input))) onPath.add(node)
  }
  return onPath
}

/** Adds node's share to the gradients of its inputs. */
function backward(node: Node, g: Node, onPath: ReadonlySet<Node>, found: Map<Node, Node>): void {
  if (endsHistory(node)) return
  if (!node.inputs.some((input) => onPath.has(input) && input.dtype === 'f32')) return
  const record = recordOf<OpName>(node.op)
  if (!record.gradient) {
    // Comparisons and integer results carry no gradient; nothing flows through them.
    if (node.dtype !== 'f32') return
    throw new BrickError({
      kind: 'gradient',
      where: node.scope ? `${node.scope}: ${node.op}` : node.op,
      got: 'no gradient',
      wanted: 'a differentiable op',
      remedy: 'Put .detach() before it if it is not to be differentiated.',
    })
  }
  record.gradient(g, node, make).forEach((share, i) => {
    const input = node.inputs[i]!
    if (!share || input.dtype !== 'f32' || !onPath.has(input)) return
    const sum = found.get(input)
    found.set(input, sum ? make('add', [sum, share], {}) : share)
  })
}
