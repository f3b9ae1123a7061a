import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import { Node, topological } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'
import type { AnyOp } from '../graph/record.ts'
import { ScanBody } from '../graph/scan-body.ts'
import { inRound } from './round.ts'
import { Tensor, withHistoryOf } from './tensor.ts'

/** What a round of a scan leaves. */
export interface ScanRound {
  /** The states after the round, in the shapes that they had before it. */
  readonly states: readonly Tensor[]
  /** What else is wanted of each round (default: nothing). */
  readonly outputs?: readonly Tensor[]
}

export interface ScanOptions {
  /** The states before the first round. */
  readonly initial: readonly Tensor[]
  /** Each round sees one element of their first dims, which are equal. */
  readonly sequences?: readonly Tensor[]
  /** The number of rounds; needed where there are no sequences. */
  readonly length?: number
  /** Begin with the sequences' last elements. What is returned keeps the sequences' order (default false). */
  readonly reverse?: boolean
}

export interface Scanned {
  /** Each state after each round: [length, …]. */
  readonly states: readonly Tensor[]
  /** Each state after the last round. */
  readonly final: readonly Tensor[]
  /** Each output of each round: [length, …]. */
  readonly outputs: readonly Tensor[]
}

/**
 * A loop over time that carries states: (states, elements) → (states, outputs), once for each element of
 * the sequences. The body is traced once and compiled as a loop inside the program; gradients run it
 * backward (backpropagation through time). As jax.lax.scan.
 *
 * @throws BrickError `argument` without sequences and length, or if the body assigns to a state of the
 * model or asks for a value; `shape` for sequences of different lengths or a state that changes its
 * shape.
 * @example
 * ```ts
 * // Compound interest: b ← 1.5 · b + paid[t]
 * const paid = tensor([1, 1, 1])
 * const { states } = scan(([b], [x]) => ({ states: [b!.mul(1.5).add(x!)] }), {
 *   initial: [tensor(0)],
 *   sequences: [paid],
 * })
 * await states[0]!.data() // Float32Array [1, 2.5, 4.75]
 * ```
 */
export function scan(
  body: (states: readonly Tensor[], elements: readonly Tensor[]) => ScanRound,
  options: ScanOptions,
): Scanned {
  const { initial, sequences = [], reverse = false } = options
  const length = lengthOf(options)
  const rounds = make('iota', [], { shape: [length], axis: 0 })
  const given = {
    sequences: [
      ...sequences.map(({ node }) => standIn(node.shape.slice(1), node)),
      standIn([], rounds),
    ],
    states: initial.map(({ node }) => standIn(node.shape, node)),
  }
  const elements = given.sequences.slice(0, -1)
  const tracked = (from: readonly Tensor[]) => (node: Node, i: number) =>
    new Tensor(node, from[i]!.requiresGrad)
  const made = inRound(given.sequences.at(-1)!, () =>
    body(given.states.map(tracked(initial)), elements.map(tracked(sequences))),
  )
  const { states, outputs = [] } = checked(made, initial)
  const lifted = new Lifted([...given.sequences, ...given.states])
  const next = states.map(({ node }) => lifted.inside(node))
  const wanted = outputs.map(({ node }) => lifted.inside(node))
  const used = new Set(topological([...next, ...wanted]))
  const seen = given.sequences.flatMap((node, i) => (used.has(node) ? [i] : []))
  const all = [...sequences.map(({ node }) => node), rounds]
  const parameters = {
    sequences: seen.map((i) => given.sequences[i]!),
    states: given.states,
    constants: lifted.standIns,
  }
  const round = new ScanBody(parameters, next, wanted, lifted.made)
  const inputs = [...seen.map((i) => all[i]!), ...initial.map(({ node }) => node), ...lifted.outer]
  const loop = make('scan', inputs, { body: round, length, reverse })
  const history = [...initial, ...sequences, ...states, ...outputs]
  const part = (of: Node) =>
    withHistoryOf(make('scanned', [loop], { of: round.placeOf(of) }), history)
  const times = given.states.map(part)
  return {
    states: times.map((state) =>
      reverse ? state.slice([0, length]) : state.slice([1, length + 1]),
    ),
    final: times.map((state) => state.slice(reverse ? 0 : length)),
    outputs: wanted.map(part),
  }
}

function standIn(shape: readonly number[], { dtype }: Node): Node<'buffer'> {
  return make('buffer', [], { source: {}, shape, dtype }) as Node<'buffer'>
}

function lengthOf({ sequences = [], length }: ScanOptions): number {
  const lengths = new Set(sequences.map(({ shape }) => shape[0]))
  if (length !== undefined) lengths.add(length)
  const [only] = lengths
  if (lengths.size === 1 && only !== undefined && Number.isInteger(only) && only >= 0) return only
  const got = sequences.map(({ shape }) => showShape(shape)).join(', ')
  throw new BrickError({
    kind: lengths.size > 1 ? 'shape' : 'argument',
    where: 'scan',
    got: `${got ? `sequences ${got}` : 'no sequences'}${length === undefined ? '' : ` and length ${length}`}`,
    wanted: 'sequences of equal first dims, or a length',
  })
}

function checked(made: ScanRound, initial: readonly Tensor[]): ScanRound {
  const { states, outputs = [] } = made ?? {}
  const isList = (list: unknown) => Array.isArray(list) && list.every((t) => t instanceof Tensor)
  if (isList(states) && isList(outputs) && states.length === initial.length) return made
  throw new BrickError({
    kind: 'argument',
    where: 'scan',
    got: Array.isArray(states)
      ? `a body that returned ${states.length} states`
      : `a body that returned ${typeof made}`,
    wanted: `{ states, outputs? }, lists of tensors, with ${initial.length} states`,
  })
}

/**
 * Takes what a body computes out of the graph around it: what depends on nothing of a round is
 * computed once, outside, and a constant of the body.
 */
class Lifted {
  readonly standIns: Node<'buffer'>[] = []
  readonly outer: Node[] = []
  private readonly varying: Set<Node>
  /** What nodes have become. */
  readonly made = new Map<Node, Node>()

  constructor(given: readonly Node[]) {
    this.varying = new Set(given)
    for (const node of given) this.made.set(node, node)
  }

  /** A node of the body, without what lies outside. */
  inside(root: Node): Node {
    for (const node of topological([root], ({ inputs }) => inputs))
      if (node.inputs.some((input) => this.varying.has(input))) this.varying.add(node)
    return this.rebuild(root)
  }

  private rebuild(node: Node): Node {
    const known = this.made.get(node)
    if (known) return known
    const made = this.rebuilt(node)
    this.made.set(node, made)
    return made
  }

  private rebuilt(node: Node): Node {
    if (!this.varying.has(node)) {
      const source = recordOf<OpName>(node.op).kind === 'source'
      if (source && !node.is('buffer') && node.inputs.length === 0) return node
      // Views are no more than a way to read: they belong to whoever reads.
      if (!isView(node)) return this.constant(node)
    }
    const inputs = node.inputs.map((input) => this.rebuild(input))
    if (inputs.every((input, i) => input === node.inputs[i])) return node
    return new Node(node.op, inputs, node.attrs, node.shape, node.dtype, node.scope, node.origin)
  }

  private constant(node: Node): Node {
    const made = standIn(node.shape, node)
    this.standIns.push(made)
    this.outer.push(node)
    return made
  }
}

function isView(node: Node): boolean {
  const { kind } = recordOf<OpName>(node.op) as AnyOp<OpName>
  return kind === 'movement' && node.inputs.length === 1
}
