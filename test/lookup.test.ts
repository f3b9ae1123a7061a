import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { simplify } from '../src/compile/simplify.ts'
import { topological } from '../src/graph/node.ts'
import { einsum, embedding, grad, type Tensor, tensor, useBackend, variable } from '../src/index.ts'
import type { Backend } from '../src/tensor/backend.ts'
import { createBackend } from '../src/tensor/choose.ts'

const [N, T, ENTRIES, WIDTH, OUT] = [6, 5, 7, 16, 24]

const wave = (shape: readonly number[], phase: number): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1)
  const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + phase))
  return tensor(values).reshape([...shape])
}
const tokens = (entries: number): Tensor =>
  tensor(
    Int32Array.from({ length: N * T }, (_, i) => (i * 5 + (i >> 2)) % entries),
    { dtype: 'i32' },
  ).reshape([N, T])

/** A product with looked-up rows, and its gradients. */
function made(equation: string, entries = ENTRIES): Tensor[] {
  const table = variable(wave([entries, WIDTH], 0), true)
  const weight = variable(wave([OUT, WIDTH], 1), true)
  const y = einsum(equation, weight, embedding(tokens(entries), table))
  return [y, ...grad(y.mul(wave(y.shape, 2)).sum(), [table, weight])]
}

/** Multiply-adds of the products that are left once a graph is simplified. */
function multiplyAdds(values: readonly Tensor[]): number {
  const nodes = topological(simplify(values.map(({ node }) => node)))
  return nodes.reduce((sum, node) => {
    if (!node.is('contract')) return sum
    const sizes = new Map<number, number>()
    const note = (labels: readonly number[], shape: readonly number[]) =>
      labels.forEach((label, i) => void sizes.set(label, shape[i]!))
    note(node.attrs.a, node.inputs[0]!.shape)
    note(node.attrs.b, node.inputs[1]!.shape)
    return sum + [...sizes.values()].reduce((a, b) => a * b, 1)
  }, 0)
}

const equations = ['gi,bti->btg', 'gi,bti->tgb', 'gi,bti->gbt']

describe.each(['native', 'wasm'] as const)('products with looked-up rows on %s', (name) => {
  let backend: Backend
  let oracle: Backend
  beforeAll(async () => {
    ;[backend, oracle] = [await createBackend(name), await createBackend('interpreter')]
  })
  afterAll(() => backend.close())

  test.each(equations)('%s: values and gradients as without the rewrite', async (equation) => {
    await useBackend(oracle)
    const want = await Promise.all(made(equation).map((t) => t.data()))
    await useBackend(backend)
    const got = await Promise.all(made(equation).map((t) => t.data()))
    got.forEach((values, i) => {
      values.forEach((value, j) => {
        expect(Math.abs(value - want[i]![j]!), `${i}[${j}]`).toBeLessThan(1e-4)
      })
    })
  })
})

test.each(equations)('%s: the entries are multiplied, forward and backward', (equation) => {
  expect(multiplyAdds(made(equation))).toBe(3 * ENTRIES * WIDTH * OUT)
})

test('with about as many entries as rows, the rows are', () => {
  const entries = N * T - 1
  expect(multiplyAdds(made(equations[0]!, entries))).toBe(3 * N * T * WIDTH * OUT)
})
