import { BrickError } from '../base/errors.ts'
import { sameShape, showShape } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import { type Node, topological } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'
import { forGradientOf } from '../graph/origin.ts'
import { gradientsOfScan } from './scan.ts'

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
  const ones = make('constant', [], { value: 1, shape: output.shape, dtype: 'f32' })
  return gradientsOf(new Map([[output, seed ?? ones]]), wrt).map(
    (g, i) => g ?? make('constant', [], { value: 0, shape: wrt[i]!.shape, dtype: 'f32' }),
  )
}

/** What gradients have come to so far. */
interface Found {
  readonly of: Map<Node, Node>
  /** Of loops: by what they leave. */
  readonly parts: Map<Node, Map<number, Node>>
}

/**
 * The gradients of Σ output · seed, summed over several outputs, with respect to each node of `wrt`;
 * undefined where none depends on it.
 */
function gradientsOf(seeds: ReadonlyMap<Node, Node>, wrt: readonly Node[]): (Node | undefined)[] {
  const onPath = dependents([...seeds.keys()], wrt)
  const found: Found = { of: new Map(seeds), parts: new Map() }
  for (const node of [...onPath].sort((a, b) => b.id - a.id)) {
    const parts = found.parts.get(node)
    const g = found.of.get(node)
    forGradientOf(node.origin, () => {
      if (parts) backwardLoop(node as Node<'scan'>, parts, onPath, found)
      else if (g) backward(node, g, onPath, found)
    })
  }
  return wrt.map((node) => found.of.get(node))
}

function endsHistory(node: Node): boolean {
  const record = recordOf<OpName>(node.op)
  return record.kind === 'alias' && record.endsHistory === true
}

/** All nodes that a gradient of this one may reach, and itself, inputs first. */
export function historyOf(node: Node): Node[] {
  return topological([node], (at) => (endsHistory(at) ? [] : at.inputs))
}

/** The nodes between the outputs and `wrt`: those that gradients must pass. */
function dependents(outputs: readonly Node[], wrt: readonly Node[]): Set<Node> {
  const onPath = new Set<Node>(wrt)
  for (const node of topological(outputs)) {
    if (!endsHistory(node) && node.inputs.some((input) => onPath.has(input))) onPath.add(node)
  }
  return onPath
}

/** Adds node's share to the gradients of its inputs. */
function backward(node: Node, g: Node, onPath: ReadonlySet<Node>, found: Found): void {
  if (endsHistory(node)) return
  if (!node.inputs.some((input) => onPath.has(input) && input.dtype === 'f32')) return
  const record = recordOf<OpName>(node.op)
  if (record.kind === 'part') {
    const [loop] = node.inputs as [Node]
    const parts = found.parts.get(loop) ?? new Map<number, Node>()
    found.parts.set(loop, parts)
    addTo(parts, (node as Node<'scanned'>).attrs.of, g)
    return
  }
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
  addShares(node, record.gradient(g, node, make), onPath, found)
}

/** The same for a loop, from the gradients of what it leaves. */
function backwardLoop(
  loop: Node<'scan'>,
  parts: ReadonlyMap<number, Node>,
  onPath: ReadonlySet<Node>,
  found: Found,
): void {
  const wanted = loop.inputs.map((input) => input.dtype === 'f32' && onPath.has(input))
  addShares(loop, gradientsOfScan(loop, parts, wanted, gradientsOf), onPath, found)
}

function addShares(
  node: Node,
  shares: readonly (Node | undefined)[],
  onPath: ReadonlySet<Node>,
  found: Found,
): void {
  shares.forEach((share, i) => {
    const input = node.inputs[i]!
    if (share && input.dtype === 'f32' && onPath.has(input)) addTo(found.of, input, share)
  })
}

function addTo<K>(sums: Map<K, Node>, key: K, share: Node): void {
  const sum = sums.get(key)
  sums.set(key, sum ? make('add', [sum, share], {}) : share)
}
