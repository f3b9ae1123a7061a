import { gradients } from '../../src/gradient/gradient.ts'
import type { Node } from '../../src/graph/node.ts'
import { interpret, type Values } from '../../src/interpreter/interpreter.ts'
import { stream } from './dice.ts'
import type { Leaf } from './garden.ts'
import { show } from './graph.ts'
import { isDecision, same } from './noise.ts'

const STEP = 1e-4

/**
 * Compares the gradients of a scalar with central differences along a random direction, in double
 * precision, at a point off the grid that leaves are made on.
 *
 * Returns false, without an opinion, if a comparison in the value or its gradients turns around
 * within the step: there is a kink. Throws an Error that shows the graph if they disagree.
 */
export function checkDerivative(loss: Node, leaves: readonly Leaf[], seed = 1): boolean {
  const grads = gradients(
    loss,
    leaves.map((leaf) => leaf.node),
  )
  const random = stream(seed)
  const spread = (size: number, data: ArrayLike<number>) =>
    Float64Array.from(data, (v) => v + size * (2 * random() - 1))
  const points = new Map(leaves.map(({ node, data }) => [node.attrs.source, spread(0.01, data)]))
  const directions = leaves.map(({ data }) => spread(1, new Float64Array(data.length)))
  const directionOf = new Map(leaves.map(({ node }, i) => [node.attrs.source, directions[i]!]))

  const at = (t: number) => {
    const decisions: Values[] = []
    const values = interpret(
      [loss, ...grads],
      (node) => {
        const { source } = node.attrs
        const point = points.get(source)
        const direction = directionOf.get(source)
        if (!point || !direction) return (source as { read(): ArrayLike<number> }).read()
        return point.map((v, i) => v + t * direction[i]!)
      },
      (node, out) => {
        if (isDecision(node)) decisions.push(out)
      },
    )
    return { loss: values[0]![0]!, grads: values.slice(1), decisions }
  }

  const here = at(0)
  const ends = [STEP, -STEP, STEP / 2, -STEP / 2].map(at)
  if (ends.some((end) => end.decisions.some((d, i) => !same(d, here.decisions[i]!)))) return false
  const [far, near] = [
    (ends[0]!.loss - ends[1]!.loss) / (2 * STEP),
    (ends[2]!.loss - ends[3]!.loss) / STEP,
  ] as const
  const terms = here.grads.flatMap((g, i) => Array.from(g, (v, j) => v * directions[i]![j]!))
  const claimed = terms.reduce((a, b) => a + b, 0)
  // Richardson's extrapolation; its difference from the nearer estimate bounds the error.
  const measured = (4 * near - far) / 3
  const size = terms.reduce((sum, v) => sum + Math.abs(v), Math.abs(here.loss))
  const tolerance = 1e-6 * (1 + size) + Math.abs(near - far)
  // Overflow on both sides: nothing to compare.
  if (![claimed, measured].every(Number.isFinite)) return false
  if (Math.abs(claimed - measured) <= tolerance) return true
  throw new Error(`gradient ${claimed}, by differences ${measured} ± ${tolerance}\n${show([loss])}`)
}
