import { recomputedGradients } from '../gradient/recompute.ts'
import { leavesOf, Tensor } from './tensor.ts'

/**
 * Applies a function without keeping its intermediate values: the backward pass computes them
 * again. Trades time for memory. Parameters that the function uses get their gradients as usual.
 *
 * @example
 * ```ts
 * const hidden = checkpoint((x) => block.forward(x), input)
 * ```
 */
export function checkpoint<A extends readonly Tensor[]>(
  fn: (...inputs: A) => Tensor,
  ...inputs: A
): Tensor {
  // Stand-ins end the graph that is computed again.
  const own = inputs.map((t) => t.detach()) as unknown as A
  const output = fn(...own)
  const leaves = leavesOf(output.node).map(({ owner }) => owner)
  const others = [...new Set(leaves)].filter((leaf) => !inputs.includes(leaf))
  const [before, after] = [own.map((t) => t.node), others.map((t) => t.node)]
  return output.withHistory([...inputs, ...others], (g) =>
    recomputedGradients(output.node, before, after, g.node).map((node) => new Tensor(node)),
  )
}
