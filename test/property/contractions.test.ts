import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { analyse } from '../../src/compile/contraction.ts'
import { isTiled } from '../../src/compile/cut.ts'
import { simplify } from '../../src/compile/simplify.ts'
import { topological } from '../../src/graph/node.ts'
import type { Backend } from '../../src/tensor/backend.ts'
import { createBackend } from '../../src/tensor/choose.ts'
import { compareBackends } from './compare-backends.ts'
import { conv, convGraph, product, productGraph } from './contraction-graphs.ts'
import type { Graph } from './graph.ts'
import { runs } from './runs.ts'

/** Contractions large enough for tiles: edges of tiles, blocks of k, split sums, operands in any order, epilogues. */

const backends = [
  { name: 'wasm', graphs: 12 },
  { name: 'native', graphs: 5 },
] as const

describe.each(backends)('$name: contractions agree with double precision', ({ name, graphs }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await createBackend(name)
  })
  afterAll(() => backend.close())

  test('products of matrices', () =>
    fc.assert(
      fc.asyncProperty(product, async (p) =>
        fc.pre(await compareBackends(productGraph(p), backend)),
      ),
      runs(graphs),
    ))
  test('convolutions', () =>
    fc.assert(
      fc.asyncProperty(conv, async (p) => fc.pre(await compareBackends(convGraph(p), backend))),
      runs(graphs),
    ))
})

test('most of these products and some of these convolutions are tiled', () => {
  const tiled = (graph: Graph) =>
    topological(simplify(graph.outputs)).some(
      (node) => node.is('contract') && isTiled(analyse(node, (n) => n.is('buffer'))),
    )
  const share = (graphs: Graph[]) => graphs.filter(tiled).length / graphs.length
  expect(
    share(fc.sample(product, { seed: 1, numRuns: 60 }).map((p) => productGraph(p))),
  ).toBeGreaterThan(0.6)
  expect(share(fc.sample(conv, { seed: 1, numRuns: 60 }).map((p) => convGraph(p)))).toBeGreaterThan(
    0.2,
  )
})
