import fc from 'fast-check'
import { gradients } from '../../src/gradient/gradient.ts'
import type { OpName } from '../../src/graph/attributes.ts'
import { make } from '../../src/graph/make.ts'
import { type Node, topological } from '../../src/graph/node.ts'
import { builders } from './builders.ts'
import { Dice, stream } from './dice.ts'
import { Garden, type Leaf } from './garden.ts'

/** One op to add, and the choices it takes. */
export interface Step {
  readonly op: OpName
  readonly dice: readonly number[]
}

/** A graph with the contents of its leaves. */
export interface Graph {
  readonly outputs: readonly Node[]
  readonly leaves: readonly Leaf[]
}

const throws = fc.array(fc.nat(999), { minLength: 4, maxLength: 40 })

/** Steps for `grow`: shrinks to fewer ops with simpler choices. */
export const recipe = (ops: readonly OpName[], maxLength = 12): fc.Arbitrary<Step[]> =>
  fc.array(fc.record({ op: fc.constantFrom(...ops), dice: throws }), {
    minLength: 1,
    maxLength,
    size: 'max',
  })

/** Choices for one op. */
export const single = (op: OpName): fc.Arbitrary<Step[]> => throws.map((dice) => [{ op, dice }])

/** The graph of a recipe: every recipe makes one. */
export function grow(steps: readonly Step[]): Graph {
  const garden = new Garden()
  for (const { op, dice } of steps) garden.pool.push(builders[op](garden, new Dice(dice)))
  const reached = new Set(topological(garden.outputs))
  return {
    outputs: garden.outputs,
    leaves: garden.leaves.filter((leaf) => reached.has(leaf.node)),
  }
}

/** The leaves that gradients are taken for. */
export const differentiable = ({ leaves }: Graph): Leaf[] =>
  leaves.filter((leaf) => leaf.node.dtype === 'f32')

/** Σ weights · nodes over the floating-point ones, with fixed weights; undefined if there are none. */
export function weigh(nodes: readonly Node[], seed = 1): Node | undefined {
  const random = stream(seed)
  const terms = nodes
    .filter((node) => node.dtype === 'f32')
    .map((node) => {
      // A ramp over the elements, so that each of them counts on its own.
      const size = node.shape.reduce((a, b) => a * b, 1)
      const flat = make('reshape', [node], { shape: [size] })
      const position = make('iota', [], { shape: [size], axis: 0 })
      const ramp = make('cast', [position], { to: 'f32' })
      const scale = make('constant', [], { value: 0.25, shape: [size], dtype: 'f32' })
      const shift = Math.floor(random() * 9 - 4) / 4 + 0.125
      const start = make('constant', [], { value: shift, shape: [size], dtype: 'f32' })
      const weights = make('add', [make('mul', [ramp, scale], {}), start], {})
      return make('sum', [make('mul', [flat, weights], {})], { axes: [0] })
    })
  return terms.reduce<Node | undefined>(
    (sum, t) => (sum ? make('add', [sum, t], {}) : t),
    undefined,
  )
}

/** The gradients of the weighted outputs, one for each differentiable leaf. */
export function gradientsOf(graph: Graph): Node[] {
  const loss = weigh(graph.outputs)
  const wrt = differentiable(graph).map((leaf) => leaf.node)
  return loss ? gradients(loss, wrt) : []
}

/** A graph as text: a line for each node, the leaves with their contents. */
export function show(roots: readonly Node[]): string {
  const nodes = topological(roots)
  const name = (node: Node) => `%${nodes.indexOf(node)}`
  return nodes.map((node) => `${name(node)} = ${line(node, name)}`).join('\n')
}

function line(node: Node, name: (node: Node) => string): string {
  const type = `${node.dtype}[${node.shape}]`
  if (node.is('buffer')) {
    const data = (node.attrs.source as { read(): ArrayLike<number> }).read()
    return `leaf ${type} ${Array.from(data).join(' ')}`
  }
  const attrs = Object.entries(node.attrs).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return `${node.op}(${[...node.inputs.map(name), ...attrs].join(', ')}) ${type}`
}
