import fc from 'fast-check'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { make } from '../../src/graph/make.ts'
import type { Node } from '../../src/graph/node.ts'
import type { Backend } from '../../src/tensor/backend.ts'
import { createBackend } from '../../src/tensor/choose.ts'
import { bufferNode } from '../../src/tensor/engine.ts'
import { Storage } from '../../src/tensor/storage.ts'
import { compareBackends } from './compare-backends.ts'
import type { Leaf } from './garden.ts'
import type { Graph } from './graph.ts'
import { runs } from './runs.ts'

/**
 * Elements moved along axes that are long enough for vectors: what is padded, joined, spread,
 * interleaved or windowed begins and ends anywhere within a vector.
 */

type Move = (x: Node, dice: () => number, leaf: (shape: readonly number[]) => Node) => Node

const zeros = (x: Node): number[] => x.shape.map(() => 0)
const ones = (x: Node): number[] => x.shape.map(() => 1)
/** Mostly the last axis. */
const axisOf = (x: Node, roll: number): number =>
  Math.max(0, x.shape.length - 1 - (roll % 3 === 2 ? 1 : 0))

const moves: { readonly [name: string]: Move } = {
  pad: (x, dice) => {
    const axis = axisOf(x, dice())
    return make('pad', [x], {
      low: zeros(x).with(axis, dice() % 5),
      high: zeros(x).with(axis, dice() % 4),
      interior: zeros(x).with(axis, Math.max(0, (dice() % 5) - 2)),
      value: dice() % 2,
    })
  },
  slice: (x, dice) => {
    const axis = axisOf(x, dice())
    const start = dice() % Math.min(4, x.shape[axis]!)
    const stop = x.shape[axis]! - (dice() % Math.min(3, x.shape[axis]! - start))
    const step = 1 + Math.max(0, (dice() % 5) - 2)
    return make('slice', [x], {
      start: zeros(x).with(axis, start),
      stop: x.shape.with(axis, stop),
      step: ones(x).with(axis, step),
    })
  },
  flip: (x, dice) => make('flip', [x], { axes: [axisOf(x, dice())] }),
  concat: (x, dice, leaf) => {
    const axis = axisOf(x, dice())
    const other = leaf(x.shape.with(axis, 1 + (dice() % 20)))
    return make('concat', dice() % 2 ? [x, other] : [other, x], { axis })
  },
  interleave: (x, dice, leaf) => {
    const parts = [x, ...Array.from({ length: 1 + (dice() % 3) }, () => leaf(x.shape))]
    const last = x.shape.length
    const columns = parts.map((part) => make('reshape', [part], { shape: [...x.shape, 1] }))
    const joined = make('concat', columns, { axis: last })
    return make('reshape', [joined], {
      shape: x.shape.with(last - 1, x.shape[last - 1]! * parts.length),
    })
  },
  transpose: (x) =>
    make('permute', [x], {
      order: [...x.shape.keys()].slice(0, -2).concat(x.shape.length - 1, x.shape.length - 2),
    }),
  windows: (x, dice) => {
    const axis = axisOf(x, dice())
    const size = 1 + (dice() % Math.min(3, x.shape[axis]!))
    const view = make('window', [x], { axis, size, stride: 1 + (dice() % 3), dilation: 1 })
    return make(dice() % 2 ? 'amax' : 'sum', [view], { axes: [x.shape.length] })
  },
  add: (x, _, leaf) => make('add', [x, leaf(x.shape)], {}),
  rows: (x, _, leaf) => {
    const sum = make('sum', [x], { axes: [x.shape.length - 1] })
    const column = make('reshape', [sum], { shape: x.shape.with(-1, 1) })
    return make('mul', [make('expand', [column], { shape: x.shape }), leaf(x.shape)], {})
  },
}

interface Chain {
  readonly shape: readonly number[]
  readonly steps: readonly { readonly name: string; readonly dice: readonly number[] }[]
}

const chain: fc.Arbitrary<Chain> = fc.record({
  shape: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 3, max: 70 }),
  ),
  steps: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(moves)),
      dice: fc.array(fc.nat(99), { minLength: 6, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
})

function graphOf({ shape, steps }: Chain): Graph {
  const leaves: Leaf[] = []
  const leaf = (of: readonly number[]) => {
    const size = of.reduce((a, b) => a * b, 1)
    const start = leaves.length * 37
    const data = Float32Array.from({ length: size }, (_, i) => ((((i + start) * 31) % 17) - 8) / 8)
    const node = bufferNode(new Storage('f32', size, data), of)
    leaves.push({ node, data })
    return node
  }
  let x: Node = leaf(shape)
  for (const { name, dice } of steps) {
    let next = 0
    x = moves[name]!(x, () => dice[next++ % dice.length]!, leaf)
  }
  return { outputs: [x], leaves }
}

describe.each([
  { name: 'wasm', graphs: 60 },
  { name: 'native', graphs: 12 },
] as const)('$name: elements are moved to their places', ({ name, graphs }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await createBackend(name)
  })
  afterAll(() => backend.close())

  test('along axes of any length', () =>
    fc.assert(
      fc.asyncProperty(chain, async (c) => fc.pre(await compareBackends(graphOf(c), backend))),
      runs(graphs),
    ))
})
