import { sameShape } from '../../src/base/shape.ts'
import type { OpName } from '../../src/graph/attributes.ts'
import { make } from '../../src/graph/make.ts'
import { type Node, topological } from '../../src/graph/node.ts'
import { ScanBody } from '../../src/graph/scan-body.ts'
import type { Builder } from './builder.ts'
import type { Dice } from './dice.ts'
import { Garden, type Leaf } from './garden.ts'

/** Ops of bodies: defined everywhere, and without jumps, which nobody watches inside a loop. */
const smooth = [
  'add',
  'tanh',
  'contract',
  'mul',
  'sum',
  'permute',
  'sub',
  'slice',
  'reshape',
  'sin',
  'expand',
  'concat',
  'neg',
  'pad',
  'flip',
  'window',
] as const satisfies readonly OpName[]

/** A scan over a random body, and one of the things that it leaves. */
export const loop =
  (builderOf: (op: OpName) => Builder): Builder =>
  (garden, dice) => {
    const inner = new Garden()
    const steps = 1 + dice.below(4)
    for (let i = 0; i < steps; i++) inner.pool.push(builderOf(dice.pick(smooth))(inner, dice))
    const reached = new Set(topological(inner.pool))
    const leaves = inner.leaves.filter(({ node }) => reached.has(node))
    const { states, sequences, constants } = roles(leaves, dice)
    const nodes = (from: readonly Leaf[]) => from.map(({ node }) => node)
    const next = states.map(({ node }) => nextOf(node, inner.pool))
    const body = new ScanBody(
      { states: nodes(states), sequences: nodes(sequences), constants: nodes(constants) },
      next,
      inner.pool,
    )
    const length = dice.pick([2, 3, 1, 4, 0])
    const inputs = [
      ...sequences.map(({ node }) => garden.leaf(dice, [length, ...node.shape], node.dtype)),
      ...[...states, ...constants].map(({ node }) => garden.leaf(dice, node.shape, node.dtype)),
    ]
    const attrs = { body, length, reverse: dice.below(2) === 1 }
    const scan = garden.make('scan', inputs, attrs)
    const places = [...nodes(states), ...inner.pool].map((node) => body.placeOf(node))
    return garden.make('scanned', [scan], { of: dice.pick(places) })
  }

/** What the leaves of a body are. */
function roles(leaves: readonly Leaf[], dice: Dice) {
  const states: Leaf[] = []
  const sequences: Leaf[] = []
  const constants: Leaf[] = []
  for (const leaf of leaves) {
    const role = dice.below(3)
    if (role === 0 && leaf.node.dtype === 'f32') states.push(leaf)
    else (role === 1 ? sequences : constants).push(leaf)
  }
  return { states, sequences, constants }
}

/** What a state becomes: a result of its shape, if there is one; no larger than 1. */
function nextOf(state: Node, pool: readonly Node[]): Node {
  const found = pool.findLast((node) => node.dtype === 'f32' && sameShape(node.shape, state.shape))
  return make('tanh', [found ?? make('add', [state, state], {})], {})
}
