import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { topological } from '../../src/graph/node.ts'
import { opNames } from '../../src/graph/ops.ts'
import type { Backend } from '../../src/tensor/backend.ts'
import { createBackend } from '../../src/tensor/choose.ts'
import { compareBackends } from './compare-backends.ts'
import { stream } from './dice.ts'
import { Garden } from './garden.ts'
import { type Graph, grow, recipe, type Step, single } from './graph.ts'
import { runs } from './runs.ts'

/** The backends that must agree with the interpreter, and how many random graphs they get. */
const backends = [
  { name: 'interpreter', graphs: 100, large: 5 },
  { name: 'wasm', graphs: 400, large: 20 },
  { name: 'native', graphs: 60, large: 4 },
] as const

const loops = fc
  .tuple(single('scan'), recipe(opNames, 3))
  .map(([loop, others]) => [...loop, ...others])

describe.each(backends)('$name agrees with double precision', ({ name, graphs, large }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await createBackend(name)
  })
  afterAll(() => backend.close())

  const holds = (steps: fc.Arbitrary<Step[]>, usual: number) =>
    fc.assert(
      fc.asyncProperty(steps, async (s) => fc.pre(await compareBackends(grow(s), backend))),
      runs(usual),
    )
  test('random graphs', () => holds(recipe(opNames), graphs))
  // One loop and what its results flow into: random graphs seldom have one.
  test('random loops', () => holds(loops, graphs / 4))
  test('integers wrap around at 32 bits', () => compareBackends(overflowing(), backend))
  test('large random graphs', () => holds(recipe(opNames, 60), large))
})

/** Sums and products of integers that need more than 32 bits, and more than a double has. */
function overflowing(): Graph {
  const garden = new Garden()
  const random = stream(3)
  const large = () => garden.plant([3, 4], 'i32', () => Math.floor((random() - 0.5) * 2 ** 32))
  const [x, y] = [large(), large()]
  const product = garden.make('mul', [x, y], {})
  const outputs = [
    product,
    garden.make('sum', [product], { axes: [0, 1] }),
    garden.make('cumsum', [product], { axis: 1 }),
    garden.make('cast', [garden.make('sub', [garden.make('add', [x, x], {}), y], {})], {
      to: 'f32',
    }),
  ]
  return { outputs, leaves: garden.leaves }
}

describe('the comparison', () => {
  test('sees an error of a few units in the last place of f32', async () => {
    const right = await createBackend('interpreter')
    const wrong: Backend = {
      ...right,
      async prepare(task) {
        const runnable = await right.prepare(task)
        return {
          async run(buffers, outputs) {
            await runnable.run(buffers, outputs)
            const [out] = outputs
            out!.replace(out!.read().map((v) => v * (1 + 2 ** -14)))
          },
        }
      },
    }
    const graph = grow([{ op: 'exp', dice: [0] }])
    expect(await compareBackends(graph, right)).toBe(true)
    await expect(compareBackends(graph, wrong)).rejects.toThrow('output 0: expected')
  })

  test('random graphs reach every op', () => {
    const seen = new Set<string>()
    for (const steps of fc.sample(recipe(opNames), { seed: 1, numRuns: 300 })) {
      for (const node of topological(grow(steps).outputs)) seen.add(node.op)
    }
    expect(opNames.filter((op) => !seen.has(op))).toEqual([])
  })
})
