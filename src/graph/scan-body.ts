import { type Body, exactNumbers } from './attributes.ts'
import { type Node, topological } from './node.ts'

/** Stand-ins for what a round is given, each a buffer node of the body's own. */
export interface Parameters {
  /** One element of each sequence. */
  readonly sequences: readonly Node<'buffer'>[]
  /** What the states are before the round. */
  readonly states: readonly Node<'buffer'>[]
  /** What is the same in every round. */
  readonly constants: readonly Node<'buffer'>[]
}

/**
 * What one round of a scan computes: a graph that is closed, so that nothing outside needs to look
 * into it. `next`: the states after the round; `outputs`: what else may be asked for, with all that
 * they are computed from.
 */
export class ScanBody implements Body {
  readonly parameters: Parameters
  readonly next: readonly Node[]
  /** All nodes that can be asked for, inputs first: `scanned` names them by their place here. */
  readonly nodes: readonly Node[]
  /** The structure: bodies of equal keys compute the same. */
  readonly key: string
  private readonly places: ReadonlyMap<Node, number>
  private readonly originals: ReadonlyMap<Node, Node>

  /**
   * @param originals What nodes of the body were before it was closed, and which they are now: gradients
   * of one's own may still name them.
   */
  constructor(
    parameters: Parameters,
    next: readonly Node[],
    outputs: readonly Node[],
    originals: ReadonlyMap<Node, Node> = new Map(),
  ) {
    this.parameters = parameters
    this.next = next
    this.originals = originals
    const given = [...parameters.sequences, ...parameters.states, ...parameters.constants]
    const computed = topological([...next, ...outputs]).filter((node) => !node.is('buffer'))
    this.nodes = [...given, ...computed]
    this.places = new Map(this.nodes.map((node, i) => [node, i]))
    const { sequences, states } = parameters
    const head = `${sequences.length},${states.length},${given.length}`
    const after = next.map((node) => this.placeOf(node))
    this.key = `${head};${this.nodes.map((node) => this.describe(node)).join(';')};${after}`
  }

  /** A node's place in `nodes`. */
  placeOf(node: Node): number {
    const place = this.places.get(node)
    if (place === undefined) throw new Error(`${node.op} is no node of this body`)
    return place
  }

  /** The node of this body that a node is, or was before the body was closed. */
  find(node: Node): Node | undefined {
    const own = this.originals.get(node) ?? node
    return this.places.has(own) ? own : undefined
  }

  /** The state that the node at a place stands for before a round: its number, or −1. */
  stateAt(place: number): number {
    return this.parameters.states.indexOf(this.nodes[place] as Node<'buffer'>)
  }

  /** How attributes show a body: by its structure. */
  toJSON(): string {
    return this.key
  }

  private describe(node: Node): string {
    const type = `${node.dtype}[${node.shape}]`
    if (node.is('buffer')) return type
    const inputs = node.inputs.map((input) => this.placeOf(input))
    const attrs = node.is('custom') ? '' : JSON.stringify(node.attrs, exactNumbers)
    return `${node.op}(${inputs})${attrs}:${type}`
  }
}

/** The body of a scan. */
export const bodyOf = (scan: Node<'scan'>): ScanBody => scan.attrs.body as ScanBody
