import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import { bodyOf } from '../graph/scan-body.ts'
import { add, i32, load, store } from '../loop/build.ts'
import type { Stmt } from '../loop/ir.ts'
import type { Target } from '../loop/target.ts'
import { copyStep } from './copy.ts'
import { distinctRoots } from './roots.ts'
import { simplify } from './simplify.ts'
import type { KernelStep, LoopStep, Place, Step } from './step.ts'
import { temporary } from './temporary.ts'
import { windowOf } from './window.ts'

/** What a scan reads in its rounds: its sequences and constants. */
export function roundInputs(scan: Node<'scan'>): readonly Node[] {
  const { sequences, states } = bodyOf(scan).parameters
  return scan.inputs.toSpliced(sequences.length, states.length)
}

/**
 * A scan as a loop over the steps of its body. States lie in their histories, one row a round: a
 * round reads one row and writes the next. What a round reads of sequences, and writes of what is
 * asked for, lies in rows as well. Steps that come out the same in every round are done before.
 */
export function loopStep(
  scan: Node<'scan'>,
  parts: readonly Node<'scanned'>[],
  inMemory: (node: Node) => boolean,
  target: Target,
  stepsOf: (roots: readonly Node[]) => readonly Step[],
): LoopStep {
  const { length, reverse } = scan.attrs
  const body = bodyOf(scan)
  const { sequences, states, constants } = body.parameters
  const asked = parts.filter(({ attrs: { of } }) => body.stateAt(of) < 0)
  const wanted = [...body.next, ...asked.map(({ attrs: { of } }) => body.nodes[of]!)]
  const roots = distinctRoots(simplify(wanted))
  const histories: Node[] = states.map((state) => {
    const of = body.placeOf(state)
    const part = parts.find(({ attrs }) => attrs.of === of)
    return part ?? temporary([length + 1, ...state.shape], state.dtype)
  })

  const places = new Map<Node, Place>()
  /** The rows that rounds see, of rows first … first + length − 1. */
  const rows = (node: Node, of: Node, first: number, offset = 0) => {
    const size = sizeOf(node.shape)
    const start = offset + (reverse ? first + length - 1 : first) * size
    places.set(node, { of, offset: start, advance: reverse ? -size : size })
  }
  sequences.forEach((standIn, i) => {
    const { base, offset } = windowOf(scan.inputs[i]!, inMemory)
    rows(standIn, base, 0, offset)
  })
  constants.forEach((standIn, i) => {
    const input = scan.inputs[sequences.length + states.length + i]!
    const { base, offset } = windowOf(input, inMemory)
    places.set(standIn, { of: base, offset, advance: 0 })
  })
  states.forEach((standIn, i) => {
    rows(standIn, histories[i]!, reverse ? 1 : 0)
    rows(roots[i]!, histories[i]!, reverse ? 0 : 1)
  })
  asked.forEach((part, i) => {
    rows(roots[states.length + i]!, part, 0)
  })

  const initial = states.map((state, i) => {
    const first = temporary(state.shape, state.dtype)
    const offset = reverse ? length * sizeOf(state.shape) : 0
    places.set(first, { of: histories[i]!, offset, advance: 0 })
    return copyStep(scan.inputs[sequences.length + i]!, first, inMemory, target)
  })
  const counter = temporary([1], 'i32')
  const [once, each] = hoisted(stepsOf(roots), new Set(constants), places)
  const steps = [...initial, ...once, ...each]
  const outer = steps.flatMap(({ reads }) => [...reads]).map((node) => places.get(node)?.of ?? node)
  const reads = new Set(outer.filter((node) => inMemory(node) && !histories.includes(node)))
  return {
    reads,
    writes: [...new Set([...parts, ...histories])],
    stages: [],
    operands: reads,
    times: length,
    counter,
    before: [
      ...initial.filter((_, i) => sizeOf(states[i]!.shape) > 0),
      ...once,
      countStep(counter, false),
    ],
    body: [...each, countStep(counter, true)],
    places,
  }
}

/** Steps apart that need nothing of a round: those that are the same in each. */
function hoisted(
  steps: readonly Step[],
  constants: Set<Node>,
  places: ReadonlyMap<Node, Place>,
): [once: Step[], each: Step[]] {
  const known = constants
  const isSame = ({ reads, writes }: Step) =>
    [...reads].every((node) => known.has(node)) && writes.every((node) => !places.has(node))
  const once: Step[] = []
  const each: Step[] = []
  for (const step of steps) {
    if (isSame(step)) {
      once.push(step)
      for (const node of step.writes) known.add(node)
    } else each.push(step)
  }
  return [once, each]
}

/** Begins counting rounds, or counts one. */
function countStep(counter: Node, raise: boolean): KernelStep {
  return {
    reads: new Set(raise ? [counter] : []),
    writes: [counter],
    functions: [],
    stages: [],
    emit: (memory, name) => {
      const { buffer } = memory(counter)
      const value = raise ? add(load(buffer, 'i32', i32(0)), i32(1)) : i32(0)
      const body: Stmt[] = [store(buffer, i32(0), value)]
      const origin = raise ? 'next round' : 'first round'
      return { name, chunks: 1, scratch: [], body, flops: 0, bytes: 4, origin }
    },
  }
}
