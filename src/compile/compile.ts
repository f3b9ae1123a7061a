import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import type { Program } from '../loop/ir.ts'
import type { Target } from '../loop/target.ts'
import { copyStep } from './copy.ts'
import { valuesOf } from './nest.ts'
import { keyOf } from './position.ts'
import { programOf } from './program.ts'
import { distinctRoots } from './roots.ts'
import { decideStoring } from './schedule.ts'
import { simplify } from './simplify.ts'
import type { Step } from './step.ts'
import { stepsOf } from './steps.ts'

/** A graph to be compiled: values to return and buffers to overwrite. */
export interface Graph {
  /** Slots 1 … n, in order. */
  readonly buffers: readonly Node<'buffer'>[]
  /** The slots after those. */
  readonly outputs: readonly Node[]
  readonly updates: readonly { readonly buffer: number; readonly value: Node }[]
}

/**
 * Compiles a graph, all of it, into one program: simplify, decide what is stored, form kernels,
 * order them so that updates can work in place, place temporaries, write the loops.
 */
export function compileGraph(graph: Graph, target: Target): Program {
  const { buffers, outputs, updates } = graph
  const roots = distinctRoots(simplify([...outputs, ...updates.map((update) => update.value)]))
  const results = roots.slice(0, outputs.length)
  const values = roots.slice(outputs.length)
  const steps = stepsOf(decideStoring(roots), target)
  const slotOf = new Map<Node, number>()
  buffers.forEach((node, i) => {
    slotOf.set(canonical(node, steps), i + 1)
  })
  results.forEach((node, i) => {
    slotOf.set(node, buffers.length + 1 + i)
  })
  const final: Step[] = []
  const overwrites = new Map<Step, Node[]>()
  updates.forEach(({ buffer }, i) => {
    const value = values[i]!
    if (sizeOf(value.shape) === 0) return
    const state = canonical(buffers[buffer]!, steps)
    if (postpone(steps, value, state, overwrites)) slotOf.set(value, buffer + 1)
    else final.push(copyStep(value, state, () => true, target))
  })
  return programOf([...steps, ...final], slotOf, buffers.length + outputs.length + 1)
}

/** Buffer nodes of one source are one in the simplified graph; which one, the steps know. */
function canonical(node: Node<'buffer'>, steps: readonly Step[]): Node {
  for (const { reads } of steps) {
    for (const read of reads)
      if (read.is('buffer') && read.attrs.source === node.attrs.source) return read
  }
  return node
}

/**
 * Moves the step that computes `value` behind all that read `state`, if nothing in between needs
 * it, and says whether it may then write over the state.
 */
function postpone(
  steps: Step[],
  value: Node,
  state: Node,
  /** The states that steps write over already. */
  overwrites: Map<Step, Node[]>,
): boolean {
  const from = steps.findIndex((step) => step.writes.includes(value))
  const step = steps[from]
  if (!step || steps.filter((s) => s.writes.includes(value)).length > 1) return false
  if (!readsInPlace(step, value, state)) return false
  let to = from
  for (let i = from + 1; i < steps.length; i++) if (steps[i]!.reads.has(state)) to = i
  for (let i = from + 1; i <= to; i++) {
    if (step.writes.some((node) => steps[i]!.reads.has(node))) return false
    // Two states that are computed from each other can't both be written over.
    if (overwrites.get(steps[i]!)?.some((other) => step.reads.has(other))) return false
  }
  overwrites.set(step, [...(overwrites.get(step) ?? []), state])
  steps.splice(from, 1)
  steps.splice(to, 0, step)
  return true
}

/** Whether a step reads the state only where, and before, it writes the value: a stage reads all before it writes. */
function readsInPlace(step: Step, value: Node, state: Node): boolean {
  const { reads, stages, operands } = step
  if (!reads.has(state)) return true
  if (operands?.has(state)) return false
  const writers = stages.filter((stage) => stage.writes.some((write) => write.to === value))
  const [writer] = writers
  if (!writer || writers.length > 1) return false
  const written = writer.writes.filter((write) => write.to === value).map((write) => write.at)
  if (written.some((at) => at.terms.some(({ atom }) => atom.kind !== 'digit'))) return false
  const keys = new Set(written.map(keyOf))
  let seen = 0
  for (const stage of stages) {
    for (const part of valuesOf([stage])) {
      if (part.kind !== 'load' || part.from !== state) continue
      if (stage !== writer || !keys.has(keyOf(part.at))) return false
      seen++
    }
  }
  return seen > 0
}
