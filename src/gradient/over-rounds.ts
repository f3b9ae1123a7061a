import type { OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'
import type { AnyOp } from '../graph/record.ts'
import { bodyOf } from '../graph/scan-body.ts'

/** What a node of a scan's body was in each round, along a new first axis. */
export function inEachRound(scan: Node<'scan'>, node: Node): Node {
  return new Rounds(scan).each(node)
}

/** What a node of a scan's body was, summed over all rounds. */
export function overRounds(scan: Node<'scan'>, node: Node): Node {
  return new Rounds(scan).sum(node)
}

/** Movement of one input that leaves a first axis alone, as it is with one more in front. */
const lifted: {
  readonly [O in OpName]?: (node: Node<O>, x: Node, rounds: number) => Node
} = {
  reshape: ({ attrs: { shape } }, x, rounds) => make('reshape', [x], { shape: [rounds, ...shape] }),
  expand: ({ attrs: { shape } }, x, rounds) => make('expand', [x], { shape: [rounds, ...shape] }),
  permute: ({ attrs: { order } }, x) =>
    make('permute', [x], { order: [0, ...order.map((axis) => axis + 1)] }),
  flip: ({ attrs: { axes } }, x) => make('flip', [x], { axes: axes.map((axis) => axis + 1) }),
  slice: ({ attrs: { start, stop, step } }, x, rounds) =>
    make('slice', [x], { start: [0, ...start], stop: [rounds, ...stop], step: [1, ...step] }),
}

/**
 * Values of a body's nodes outside the body. A sum over rounds of products is one product over all
 * rounds; so is one of what is linear in a node.
 */
class Rounds {
  private readonly scan: Node<'scan'>
  private readonly varying = new Map<Node, boolean>()

  constructor(scan: Node<'scan'>) {
    this.scan = scan
  }

  private get length(): number {
    return this.scan.attrs.length
  }

  /** Whether a node differs from round to round. */
  private varies(node: Node): boolean {
    const known = this.varying.get(node)
    if (known !== undefined) return known
    const { constants } = bodyOf(this.scan).parameters
    const made = node.is('buffer')
      ? !constants.includes(node)
      : node.inputs.some((input) => this.varies(input))
    this.varying.set(node, made)
    return made
  }

  /** A node that is the same in every round, as the scan's own inputs give it. */
  private once(node: Node): Node {
    const { sequences, states, constants } = bodyOf(this.scan).parameters
    if (node.is('buffer'))
      return this.scan.inputs[sequences.length + states.length + constants.indexOf(node)]!
    if (node.inputs.length === 0) return node
    return make(
      node.op,
      node.inputs.map((input) => this.once(input)),
      node.attrs,
    )
  }

  each(node: Node): Node {
    const { length } = this
    if (!this.varies(node)) {
      const one = make('reshape', [this.once(node)], { shape: [1, ...node.shape] })
      return make('expand', [one], { shape: [length, ...node.shape] })
    }
    const body = bodyOf(this.scan)
    if (node.is('buffer')) {
      const sequence = body.parameters.sequences.indexOf(node)
      if (sequence >= 0) return this.scan.inputs[sequence]!
    }
    const lift = lifted[node.op] as ((node: Node, x: Node, rounds: number) => Node) | undefined
    if (lift) return lift(node, this.each(node.inputs[0]!), length)
    const of = body.placeOf(node)
    const all = make('scanned', [this.scan], { of })
    if (body.stateAt(of) < 0) return all
    const from = this.scan.attrs.reverse ? 1 : 0
    const start = all.shape.map(() => 0).with(0, from)
    const stop = all.shape.with(0, from + length)
    return make('slice', [all], { start, stop, step: all.shape.map(() => 1) })
  }

  sum(node: Node): Node {
    if (!this.varies(node)) return this.times(this.once(node), this.length)
    const record = recordOf<OpName>(node.op) as AnyOp<OpName>
    if (node.is('contract')) return this.sumOfProducts(node)
    if (node.is('convolutionWeight')) return this.sumOfBatches(node)
    if (node.is('add'))
      return make(
        'add',
        node.inputs.map((input) => this.sum(input)),
        {},
      )
    if (node.is('sub'))
      return make(
        'sub',
        node.inputs.map((input) => this.sum(input)),
        {},
      )
    if (node.is('sum')) {
      const axes = [0, ...node.attrs.axes.map((axis) => axis + 1)]
      return make('sum', [this.each(node.inputs[0]!)], { axes })
    }
    const zeroFilled = record.kind === 'movement' && !record.fill?.(node.attrs)
    if (zeroFilled)
      return make(
        node.op,
        node.inputs.map((input) => this.sum(input)),
        node.attrs,
      )
    return make('sum', [this.each(node)], { axes: [0] })
  }

  private times(node: Node, factor: number): Node {
    const { shape, dtype } = node
    return make('mul', [node, make('constant', [], { value: factor, shape, dtype })], {})
  }

  private sumOfProducts(node: Node<'contract'>): Node {
    const { a, b, out } = node.attrs
    const [x, y] = node.inputs as [Node, Node]
    if (!this.varies(x)) return make('contract', [this.once(x), this.sum(y)], node.attrs)
    if (!this.varies(y)) return make('contract', [this.sum(x), this.once(y)], node.attrs)
    const round = Math.max(...a, ...b, ...out, 0) + 1
    const attrs = { a: [round, ...a], b: [round, ...b], out }
    return make('contract', [this.each(x), this.each(y)], attrs)
  }

  /** Rounds are a larger batch. */
  private sumOfBatches(node: Node<'convolutionWeight'>): Node {
    const [x, g] = node.inputs.map((input) => {
      const all = this.each(input)
      const [rounds, batch, ...rest] = all.shape as [number, number, ...number[]]
      return make('reshape', [all], { shape: [rounds * batch, ...rest] })
    })
    return make('convolutionWeight', [x!, g!], node.attrs)
  }
}
