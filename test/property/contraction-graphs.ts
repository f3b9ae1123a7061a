import fc from 'fast-check'
import type { Node } from '../../src/graph/node.ts'
import { add, binary, broadcastTo, constant, mul } from '../../src/tensor/compose/arithmetic.ts'
import { convolution, matmul } from '../../src/tensor/compose/contraction.ts'
import { permute } from '../../src/tensor/compose/movement.ts'
import { bufferNode } from '../../src/tensor/engine.ts'
import { Storage } from '../../src/tensor/storage.ts'
import type { Leaf } from './garden.ts'
import type { Graph } from './graph.ts'

/** Random products and convolutions, most of them large enough for tiles. */

/** Element i of all leaves. */
export type Elements = (i: number) => number

/** Few bits: sums of products are exact. */
const eighths: Elements = (i) => (((i * 31) % 17) - 8) / 8

class Leaves {
  readonly list: Leaf[] = []
  private readonly elements: Elements

  constructor(elements: Elements) {
    this.elements = elements
  }

  leaf(shape: readonly number[]): Node {
    const size = shape.reduce((a, b) => a * b, 1)
    const start = this.list.length * 37
    const data = Float32Array.from({ length: size }, (_, i) => this.elements(i + start))
    const node = bufferNode(new Storage('f32', size, data), shape)
    this.list.push({ node, data })
    return node
  }
}

export interface Product {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly batch: number
  readonly turned: readonly [boolean, boolean, boolean]
  readonly ending: number
}

export const product: fc.Arbitrary<Product> = fc
  .record({
    m: fc.integer({ min: 4, max: 70 }),
    n: fc.integer({ min: 4, max: 70 }),
    k: fc.oneof(fc.integer({ min: 4, max: 90 }), fc.integer({ min: 500, max: 1400 })),
    batch: fc.integer({ min: 1, max: 3 }),
    turned: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    ending: fc.integer({ min: 0, max: 3 }),
  })
  .filter(({ m, n, k, batch }) => m * n * k * batch < 2_000_000)

/** What follows a contraction: nothing, a bias, a bias along the rows and a maximum, a product with another array. */
function end(x: Node, ending: number, leaves: Leaves): Node {
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  if (ending === 1) return add(x, leaves.leaf([columns]))
  if (ending === 2) {
    const biased = add(x, leaves.leaf([rows, 1]))
    return binary('max', biased, broadcastTo(constant(0.0625, [], 'f32'), biased.shape))
  }
  return ending === 3 ? mul(x, leaves.leaf(x.shape)) : x
}

export function productGraph(
  { m, n, k, batch, turned, ending }: Product,
  elements = eighths,
): Graph {
  const leaves = new Leaves(elements)
  const swap = (shape: readonly number[], turn: boolean) => {
    const rank = shape.length
    if (!turn) return leaves.leaf(shape)
    const order = [...Array(rank - 2).keys(), rank - 1, rank - 2]
    return permute(leaves.leaf(order.map((axis) => shape[axis]!)), order)
  }
  const lead = batch > 1 ? [batch] : []
  const out = end(
    matmul(swap([...lead, m, k], turned[0]), swap([...lead, k, n], turned[1])),
    ending,
    leaves,
  )
  const rank = out.shape.length
  const order = [...Array(rank - 2).keys(), rank - 1, rank - 2]
  return { outputs: [turned[2] ? permute(out, order) : out], leaves: leaves.list }
}

export interface Conv {
  readonly n: number
  readonly c: number
  readonly k: number
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly padding: number
  readonly groups: number
  readonly ending: number
}

export const conv: fc.Arbitrary<Conv> = fc.record({
  n: fc.integer({ min: 1, max: 4 }),
  c: fc.integer({ min: 1, max: 6 }),
  k: fc.integer({ min: 1, max: 9 }),
  size: fc.integer({ min: 6, max: 17 }),
  kernel: fc.integer({ min: 1, max: 5 }),
  stride: fc.integer({ min: 1, max: 2 }),
  padding: fc.integer({ min: 0, max: 2 }),
  groups: fc.integer({ min: 1, max: 2 }),
  ending: fc.integer({ min: 0, max: 3 }),
})

export function convGraph(
  { n, c, k, size, kernel, stride, padding, groups, ending }: Conv,
  elements = eighths,
): Graph {
  const leaves = new Leaves(elements)
  const x = leaves.leaf([n, c * groups, size, size + 1])
  const weight = leaves.leaf([k * groups, c, kernel, kernel])
  const bias = leaves.leaf([k * groups])
  const out = convolution(2, x, weight, bias, { stride, padding, groups })
  return { outputs: [end(out, ending, leaves)], leaves: leaves.list }
}
