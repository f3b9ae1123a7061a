import type { OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import { Node, topological } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'
import type { AnyOp } from '../graph/record.ts'
import { bodyOf, ScanBody } from '../graph/scan-body.ts'
import { inEachRound, overRounds } from './over-rounds.ts'

/** Gradients of Σ output · seed with respect to some nodes; undefined where there is none. */
export type GradientsOf = (
  seeds: ReadonlyMap<Node, Node>,
  wrt: readonly Node[],
) => readonly (Node | undefined)[]

/**
 * The gradients of a scan's inputs: a scan the other way round, whose states are the gradients of
 * the states. What it needs of the rounds forward is asked of the scan, as more of what that leaves;
 * what it can compute at little cost it computes again. Gradients of constants, sums over all rounds,
 * are taken after it, in one go for all rounds where that is possible.
 */
export function gradientsOfScan(
  scan: Node<'scan'>,
  /** Of what the scan leaves, by place. */
  parts: ReadonlyMap<number, Node>,
  wanted: readonly boolean[],
  gradientsOf: GradientsOf,
): (Node | undefined)[] {
  const body = bodyOf(scan)
  const { length, reverse } = scan.attrs
  const { sequences, states, constants } = body.parameters
  const given = new Given()
  const live = states.flatMap((state, i) => (state.dtype === 'f32' ? [i] : []))
  const gradientOfState = new Map(live.map((i) => [i, standIn(states[i]!)]))

  const seeds = new Map<Node, Node>()
  const seed = (node: Node, g: Node) => {
    const sum = seeds.get(node)
    seeds.set(node, sum ? make('add', [sum, g], {}) : g)
  }
  for (const i of live) seed(body.next[i]!, gradientOfState.get(i)!)
  for (const [of, g] of parts)
    if (body.stateAt(of) < 0) seed(body.nodes[of]!, given.sequence(body.nodes[of]!, g))

  const wrt = [
    ...live.map((i) => states[i]!),
    ...sequences.filter((_, i) => wanted[i]),
    ...constants.filter((_, i) => wanted[sequences.length + states.length + i]),
  ]
  const found = new Map(gradientsOf(seeds, wrt).map((g, i) => [wrt[i]! as Node, g]))

  // What a state is before a round may be asked for, too.
  const next = live.map((i) => {
    const state = states[i]!
    const through = found.get(state) ?? zeros(state)
    const asked = parts.get(body.placeOf(state))
    if (!asked) return through
    return make('add', [through, given.sequence(state, before(asked, length, reverse))], {})
  })
  const others = wrt.slice(live.length).flatMap((node) => found.get(node) ?? [])
  const forward = new Forward(scan, given, [...gradientOfState.values()])
  const [nexts, outputs] = forward.replaced([next, others])

  const initial = live.map((i) => {
    const asked = parts.get(body.placeOf(states[i]!))
    return asked ? row(asked, reverse ? 0 : length) : zeros(states[i]!)
  })
  const backward = new ScanBody(
    {
      sequences: given.sequences.map(([node]) => node),
      states: live.map((i) => gradientOfState.get(i)!),
      constants: given.constants.map(([node]) => node),
    },
    nexts!,
    outputs!,
    forward.known,
  )
  const inputs = [
    ...given.sequences.map(([, outer]) => outer),
    ...initial,
    ...given.constants.map(([, outer]) => outer),
  ]
  const attrs = { body: backward, length, reverse: !reverse }
  const back = make('scan', inputs, attrs) as Node<'scan'>

  const replaced = new Map(
    wrt
      .slice(live.length)
      .flatMap((node) => found.get(node) ?? [])
      .map((g, i) => [g, outputs![i]!]),
  )
  const gradientOf = (node: Node): Node | undefined => {
    const g = found.get(node)
    return g && replaced.get(g)
  }
  return [
    ...sequences.map((node, i) => {
      const g = wanted[i] ? gradientOf(node) : undefined
      return g && inEachRound(back, g)
    }),
    ...states.map((_, i) => {
      if (!wanted[sequences.length + i]) return undefined
      const of = backward.placeOf(gradientOfState.get(i)!)
      return row(make('scanned', [back], { of }), reverse ? length : 0)
    }),
    ...constants.map((node, i) => {
      const g = wanted[sequences.length + states.length + i] ? gradientOf(node) : undefined
      return g && overRounds(back, g)
    }),
  ]
}

const zeros = ({ shape, dtype }: Node): Node => make('constant', [], { value: 0, shape, dtype })

/** A stand-in for a node in a body. */
function standIn({ shape, dtype }: Node): Node<'buffer'> {
  return make('buffer', [], { source: {}, shape, dtype }) as Node<'buffer'>
}

/** What a backward body is given: stand-ins and what they stand for. */
class Given {
  readonly sequences: [standIn: Node<'buffer'>, outer: Node][] = []
  readonly constants: [standIn: Node<'buffer'>, outer: Node][] = []

  sequence(like: Node, outer: Node): Node<'buffer'> {
    const made = standIn(like)
    this.sequences.push([made, outer])
    return made
  }

  constant(outer: Node): Node<'buffer'> {
    const made = standIn(outer)
    this.constants.push([made, outer])
    return made
  }
}

/** Elements of the first axis. */
function rows(x: Node, from: number, to: number): Node {
  const zero = x.shape.map(() => 0)
  const attrs = { start: zero.with(0, from), stop: x.shape.with(0, to), step: x.shape.map(() => 1) }
  return make('slice', [x], attrs)
}

const row = (x: Node, at: number): Node =>
  make('reshape', [rows(x, at, at + 1)], { shape: x.shape.slice(1) })

/** What a state was before each round, of what it was at all times. */
function before(states: Node, length: number, reverse: boolean): Node {
  return reverse ? rows(states, 1, length + 1) : rows(states, 0, length)
}

function after(states: Node, length: number, reverse: boolean): Node {
  return reverse ? rows(states, 0, length) : rows(states, 1, length + 1)
}

/** Costs no more to compute again than to keep. */
function isLight(node: Node): boolean {
  const record = recordOf<OpName>(node.op) as AnyOp<OpName>
  if (record.kind === 'elementwise') return record.heavy !== true
  return (record.kind === 'movement' || record.kind === 'alias') && node.inputs.length === 1
}

/** The rounds forward, as the rounds backward see them. */
class Forward {
  /** What nodes have become. */
  readonly known = new Map<Node, Node>()
  private readonly scan: Node<'scan'>
  private readonly body: ScanBody
  private readonly given: Given
  /** What is kept, besides what is known anyway. */
  private readonly kept = new Set<Node>()
  private readonly varying = new Map<Node, boolean>()

  /** `own`: stand-ins of the rounds backward besides those given. */
  constructor(scan: Node<'scan'>, given: Given, own: readonly Node[]) {
    this.scan = scan
    this.body = bodyOf(scan)
    this.given = given
    for (const node of [...own, ...given.sequences.map(([standIn]) => standIn)]) {
      this.known.set(node, node)
      this.varying.set(node, true)
    }
  }

  /** Graphs that use nodes of the body forward, with stand-ins for these. */
  replaced(lists: readonly (readonly Node[])[]): Node[][] {
    const roots = lists.flat()
    const nodes = topological(roots).filter((node) => !this.body.find(node))
    const used = [...roots, ...nodes.flatMap(({ inputs }) => inputs)]
    const needed = new Set(used.flatMap((node) => this.body.find(node) ?? []))
    for (const node of [...needed].sort((a, b) => a.id - b.id)) this.decide(node)
    return lists.map((list) => list.map((node) => this.replace(node)))
  }

  /** Known without being kept: what the body is given, and the states after the round. */
  private isFree(node: Node): boolean {
    return node.inputs.length === 0 || this.body.next.includes(node)
  }

  /** Keeps a node, unless it follows at little cost from what is known. */
  private decide(node: Node): void {
    if (this.isFree(node) || this.follows(node)) return
    // Views are not kept: what they show is.
    const view = recordOf<OpName>(node.op).kind === 'movement' && node.inputs.length === 1
    if (view) this.decide(node.inputs[0]!)
    else this.kept.add(node)
  }

  private follows(node: Node): boolean {
    if (this.isFree(node) || this.kept.has(node)) return true
    return isLight(node) && node.inputs.every((input) => this.follows(input))
  }

  private replace(node: Node): Node {
    const known = this.known.get(node)
    if (known) return known
    const own = this.body.find(node)
    const made = own ? this.forward(own) : this.outside(node)
    this.known.set(node, made)
    return made
  }

  /** A node that only the rounds backward have: a constant, if nothing of a round is in it. */
  private outside(node: Node): Node {
    if (this.varies(node)) return this.rebuild(node)
    const isSource = node.inputs.length === 0 && !node.is('buffer')
    return isSource ? node : this.given.constant(node)
  }

  private varies(node: Node): boolean {
    const known = this.varying.get(node)
    if (known !== undefined) return known
    const made =
      this.body.find(node) !== undefined || node.inputs.some((input) => this.varies(input))
    this.varying.set(node, made)
    return made
  }

  private rebuild(node: Node): Node {
    const inputs = node.inputs.map((input) => this.replace(input))
    if (inputs.every((input, i) => input === node.inputs[i])) return node
    return new Node(node.op, inputs, node.attrs, node.shape, node.dtype, node.scope, node.origin)
  }

  /** A stand-in for a node of the body forward, or how it follows from others. */
  private forward(node: Node): Node {
    const { scan, body, given } = this
    const { length, reverse } = scan.attrs
    const { sequences, states, constants } = body.parameters
    const state = (i: number) => make('scanned', [scan], { of: body.placeOf(states[i]!) })
    if (node.is('buffer')) {
      const i = sequences.indexOf(node)
      if (i >= 0) return given.sequence(node, scan.inputs[i]!)
      const j = states.indexOf(node)
      if (j >= 0) return given.sequence(node, before(state(j), length, reverse))
      const k = constants.indexOf(node)
      return given.constant(scan.inputs[sequences.length + states.length + k]!)
    }
    const j = body.next.indexOf(node)
    if (j >= 0 && node.inputs.length > 0)
      return given.sequence(node, after(state(j), length, reverse))
    if (!this.kept.has(node)) return this.rebuild(node)
    return given.sequence(node, make('scanned', [scan], { of: body.placeOf(node) }))
  }
}
