import { afterAll, expect, test } from 'vitest'
import { currentBackend } from '../src/tensor/engine.ts'
import { tensor } from '../src/tensor/tensor.ts'
import * as metrics from '../src/train/metrics.ts'

afterAll(async () => (await currentBackend()).close())

const scores = tensor([
  [3, 1, 2, 0],
  [0, 1, 2, 3],
  [1, 5, 4, 0],
  [2, 2, 2, 9],
])
const classes = tensor([0, 2, 2, 0], { dtype: 'i32' })

/** A metric over two batches, as a run measures it. */
async function measured<R>(metric: metrics.Metric<R>): Promise<R> {
  const parts = [
    [scores.slice([0, 3]), classes.slice([0, 3])],
    [scores.slice([3, 4]), classes.slice([3, 4])],
  ] as const
  const sums = await Promise.all(parts.map(([x, y]) => metric.measure(x, y).data()))
  return metric.result(
    sums[0]!.map((sum, i) => sum + sums[1]![i]!),
    4,
  )
}

test('accuracy of one output: positive logits are of the class 1', async () => {
  const logits = tensor([[2], [-1], [0.5], [0]])
  const labels = tensor([1, 1, 0, 0], { dtype: 'i32' })
  expect(await metrics.accuracy.measure(logits, labels).item()).toBe(2)
})

test('accuracy, also of one-hot targets', async () => {
  expect(await measured(metrics.accuracy)).toBe(1 / 4)
  const shares = tensor([
    [0, 1],
    [1, 0],
  ])
  const sum = metrics.accuracy.measure(tensor([[1, 2], [3, 4]]), shares) // biome-ignore format: short
  expect(await sum.item()).toBe(1)
})

test('top k counts scores that are higher than the own class', async () => {
  expect(await measured(metrics.topK(1))).toBe(1 / 4)
  expect(await measured(metrics.topK(2))).toBe(1)
  const broken = tensor([[Number.NaN, 1]])
  const zero = tensor([0], { dtype: 'i32' })
  expect(await metrics.topK(1).measure(broken, zero).item()).toBe(0)
  expect(() => metrics.topK(0)).toThrow('whole number')
})

test('confusion matrix', async () => {
  expect(await measured(metrics.confusion(4))).toEqual([
    [1, 0, 0, 1],
    [0, 0, 0, 0],
    [0, 1, 0, 1],
    [0, 0, 0, 0],
  ])
})

test('mean absolute and squared error are means over elements', async () => {
  const x = tensor([[1, 2], [3, 4]]) // biome-ignore format: short
  const y = tensor([[1, 0], [0, 0]]) // biome-ignore format: short
  expect(metrics.mae.result(await metrics.mae.measure(x, y).flatten().data(), 2)).toBe(9 / 4)
  expect(metrics.mse.result(await metrics.mse.measure(x, y).flatten().data(), 2)).toBe(29 / 4)
})

test('outputs that are no scores are refused', () => {
  expect(() => metrics.accuracy.measure(tensor([1, 2]), classes)).toThrow('[n, classes]')
})
