import { type Node, topological } from '../../graph/node.ts'
import { bodyOf, type ScanBody } from '../../graph/scan-body.ts'
import type { Draft } from '../file/messages.ts'
import type { Dim } from './dims.ts'
import { idioms } from './idioms.ts'
import { as, bare, input } from './look.ts'
import type { Plan, PlanContext } from './plan.ts'
import { type Elsewhere, type Primitive, primitives } from './primitives.ts'
import { needsOf, recurrentLayer, writeLayer } from './recurrent.ts'
import { codes, type GraphWriter, graph, INT64, int, ints } from './writer.ts'

/** Names of values by node. */
type Names = Map<Node, string>

/**
 * Writes nodes and all that they need that has no name yet; each gets its name in `names`. Nothing is
 * written that a larger operator has taken in.
 */
export function emit(
  roots: readonly Node[],
  names: Names,
  writer: GraphWriter,
  context: PlanContext,
): void {
  const plans = new Map<Node, Plan>()
  const stack = roots.map(bare)
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (plans.has(node) || names.has(node)) continue
    const plan = node.is('scan') ? loopPlan(node, context, plans, roots) : planOf(node, context)
    plans.set(node, plan)
    stack.push(...plan.needs.map(bare))
  }
  const nameOf = (node: Node): string => names.get(bare(node))!
  for (const node of [...plans.keys()].sort((a, b) => a.id - b.id)) {
    writer.scope = node.scope
    names.set(node, plans.get(node)!.write(writer, nameOf))
  }
  writer.scope = ''
}

function planOf(node: Node, context: PlanContext): Plan {
  if (node.is('scanned')) return scannedPlan(node)
  for (const recognize of idioms[node.op] ?? []) {
    const plan = recognize(node, context)
    if (plan) return plan
  }
  const write = primitives[node.op as Exclude<typeof node.op, Elsewhere>]
  return (write as Primitive<typeof node.op>)(node, context)
}

/** What a loop has left: the name of what was asked of its rounds, by place in the body. */
type LoopNames = (place: number, writer: GraphWriter) => string
const loops = new WeakMap<Node, LoopNames>()

/** A loop over time: a recurrent layer's operator if it is one and no more is asked of it, else Scan. */
function loopPlan(
  node: Node<'scan'>,
  context: PlanContext,
  plans: ReadonlyMap<Node, Plan>,
  roots: readonly Node[],
): Plan {
  const seen = recurrentLayer(node)
  if (!seen || !asksForLayer(node, topological(roots))) return scanPlan(node, context, plans)
  return {
    needs: needsOf(seen),
    write: (writer, name) => {
      const { length, reverse } = node.attrs
      const { outputs, final } = writeLayer(seen, reverse, writer, name)
      const initial = seen.initial.map(name)
      loops.set(node, (place, w) => {
        const state = bodyOf(node).stateAt(place)
        if (state === 0) return withInitial(w, initial[0]!, outputs, reverse)
        // The last state is all that is asked for: it stands in every place.
        const last = w.add('Unsqueeze', [final[state]!, w.integers([0])])
        return w.add('Expand', [last, w.integers([length + 1, 1, 1])])
      })
      return ''
    },
  }
}

/** Whether of a loop no more is asked than its outputs, and of other states the last ones. */
function asksForLayer(loop: Node<'scan'>, all: readonly Node[]): boolean {
  const body = bodyOf(loop)
  const { length, reverse } = loop.attrs
  const last = reverse ? 0 : length
  return all.every((node) => {
    if (node.is('scanned') && input(node, 0) === loop) return body.stateAt(node.attrs.of) >= 0
    return node.inputs.every((from) => {
      const asked = as(from, 'scanned')
      if (!asked || input(asked, 0) !== loop || body.stateAt(asked.attrs.of) === 0) return true
      return node.is('slice') && node.attrs.start[0] === last && node.attrs.stop[0] === last + 1
    })
  })
}

/** A state in all rounds, with what it was before them, in front (or at the end, going back). */
function withInitial(w: GraphWriter, initial: string, rounds: string, reverse: boolean): string {
  const first = w.add('Unsqueeze', [initial, w.integers([0])])
  return w.add('Concat', reverse ? [rounds, first] : [first, rounds], { axis: int(0) })
}

/** A loop over time: ONNX's Scan. What is asked of its rounds is known when it is written. */
function scanPlan(node: Node<'scan'>, context: PlanContext, plans: ReadonlyMap<Node, Plan>): Plan {
  return {
    needs: node.inputs.map(bare),
    write: (writer, name) => {
      const places = [...plans.keys()].flatMap((n) =>
        n.is('scanned') && input(n, 0) === node ? [n.attrs.of] : [],
      )
      loops.set(node, writeScan(node, [...new Set(places)], writer, context, name))
      return ''
    },
  }
}

function writeScan(
  node: Node<'scan'>,
  places: readonly number[],
  writer: GraphWriter,
  context: PlanContext,
  name: (node: Node) => string,
): LoopNames {
  const { sequences, states } = bodyOf(node).parameters
  const given = node.inputs.map(name)
  const initial = given.slice(sequences.length, sequences.length + states.length)
  // A loop of a number of rounds alone needs something to go over.
  const counted = Array.from({ length: node.attrs.length }, () => 0)
  const over = sequences.length > 0 ? given.slice(0, sequences.length) : [writer.integers(counted)]
  const constants = given.slice(sequences.length + states.length)
  const body = roundGraph(node, places, constants, writer, context)
  const back = node.attrs.reverse ? 1 : 0
  writer.scope = node.scope
  const made = writer.addAll(
    'Scan',
    [...initial, ...over],
    {
      body: graph(body),
      num_scan_inputs: int(over.length),
      scan_input_directions: ints(over.map(() => back)),
      scan_output_directions: ints(places.map(() => back)),
    },
    states.length + places.length,
  )
  return (place, w) => {
    const rounds = made[states.length + places.indexOf(place)]!
    const state = bodyOf(node).stateAt(place)
    return state < 0 ? rounds : withInitial(w, initial[state]!, rounds, node.attrs.reverse)
  }
}

/** The graph of a round: states and elements in, states and what is wanted of the round out. */
function roundGraph(
  node: Node<'scan'>,
  places: readonly number[],
  outer: readonly string[],
  writer: GraphWriter,
  context: PlanContext,
): Draft<'GraphProto'> {
  const body = bodyOf(node)
  const { sequences, states, constants } = body.parameters
  const own: Names = new Map(constants.map((standIn, i) => [standIn, outer[i]!]))
  const inputs = [...states, ...sequences].map((standIn) => {
    const inside = writer.unique(`${node.scope || 'scan'}/state`)
    own.set(standIn, inside)
    return valueInfo(inside, standIn, context)
  })
  if (sequences.length === 0)
    inputs.push({ name: writer.unique('round'), type: tensorType(INT64, []) })
  const roots = [...body.next, ...places.map((place) => roundValue(body, place))]
  const outputs: string[] = []
  const nodes = writer.inside(() => {
    emit(roots, own, writer, context)
    // A value that goes through, or is asked for twice, needs a name of its own.
    for (const root of roots) outputs.push(writer.add('Identity', [own.get(bare(root))!]))
  })
  return {
    name: writer.unique('round'),
    node: nodes,
    input: inputs,
    output: outputs.map((output, i) => valueInfo(output, roots[i]!, context)),
  }
}

/** What a place of a body is in a round: of a state, what it is after the round. */
function roundValue(body: ScanBody, place: number): Node {
  const state = body.stateAt(place)
  return state < 0 ? body.nodes[place]! : body.next[state]!
}

/** A value in all rounds; of a state, its beginning too. */
function scannedPlan(node: Node<'scanned'>): Plan {
  const loop = input(node, 0)
  return { needs: [loop], write: (writer) => loops.get(loop)!(node.attrs.of, writer) }
}

const tensorType = (elemType: number, dims: readonly Dim[]): Draft<'TypeProto'> => ({
  tensorType: {
    elemType,
    shape: {
      dim: dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: symbol(d) })),
    },
  },
})

/** `batch`, `batch*4`, `batch+1`. */
function symbol({ scale, offset }: Exclude<Dim, number>): string {
  const times = scale === 1 ? 'batch' : `batch*${scale}`
  return offset === 0 ? times : `${times}${offset > 0 ? '+' : ''}${offset}`
}

/** A name with the type and the sizes of a node. */
export function valueInfo(name: string, node: Node, context: PlanContext): Draft<'ValueInfoProto'> {
  return { name, type: tensorType(codes[node.dtype], context.dims(node)) }
}
