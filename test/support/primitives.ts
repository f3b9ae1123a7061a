import type { OpName } from '../../src/graph/attributes.ts'
import { opNames, recordOf } from '../../src/graph/ops.ts'
import type { Backend } from '../../src/tensor/backend.ts'
import { compareBackends } from '../property/compare-backends.ts'
import { checkDerivative } from '../property/derivative.ts'
import { stream } from '../property/dice.ts'
import { differentiable, type Graph, grow, weigh } from '../property/graph.ts'
import type { Mark, Marks } from './check.ts'

export const primitives: readonly OpName[] = [...opNames].sort()

const TRIES = 60

/** A graph of one op that both checks have an opinion on. */
async function graphOf(op: OpName, agrees: (graph: Graph) => Promise<boolean>): Promise<Graph> {
  for (let seed = 1; seed <= TRIES; seed++) {
    const random = stream(seed)
    const dice = Array.from({ length: 24 }, () => Math.floor(random() * 1000))
    const graph = grow([{ op, dice }])
    if (graph.outputs.some((o) => o.shape.includes(0)) || !hasGradient(op, graph)) continue
    if (await agrees(graph)) return graph
  }
  throw new Error(`${op}: no graph of ${TRIES} says anything`)
}

/** Ops that carry gradients are shown where they do. */
function hasGradient(op: OpName, graph: Graph): boolean {
  return !recordOf<OpName>(op).gradient || differentiable(graph).length > 0
}

function gradientOf(op: OpName, graph: Graph): boolean {
  if (!recordOf<OpName>(op).gradient) return true
  const loss = weigh(graph.outputs)
  return loss !== undefined && checkDerivative(loss, differentiable(graph))
}

/** The marks of an op: interpreter, then each backend. */
export async function marksOf(op: OpName, backends: readonly Backend[]): Promise<Marks[]> {
  const gradient: Mark = recordOf<OpName>(op).gradient ? '✓' : '–'
  // An error of one of the checks shows the graph: it ends the run.
  await graphOf(op, async (graph) => {
    if (!gradientOf(op, graph)) return false
    for (const backend of backends) if (!(await compareBackends(graph, backend))) return false
    return true
  })
  return [undefined, ...backends].map(() => ({ forward: '✓', gradient }))
}
