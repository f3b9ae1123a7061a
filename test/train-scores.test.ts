import { afterAll, describe, expect, test } from 'vitest'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import { Module } from '../src/nn/module/module.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import type { Tensor } from '../src/tensor/tensor.ts'
import { evaluate } from '../src/train/evaluate.ts'
import { follow } from '../src/train/history.ts'
import * as metrics from '../src/train/metrics.ts'

afterAll(async () => (await currentBackend()).close())

/** Gives its inputs back, so that inputs are the scores that are measured. */
class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x
  }
}

/** A metric of these outputs, measured in batches of three, the last of which is smaller. */
async function measured<R>(
  metric: metrics.Metric<R>,
  outputs: readonly number[],
  targets: readonly number[],
  shape: readonly number[] = [],
  type: 'i32' | 'f32' = 'i32',
): Promise<R> {
  const length = outputs.length / (shape[0] ?? 1)
  const dataset = new ArrayDataset({
    name: 'scores',
    inputs: { dtype: 'f32', shape: [length, ...shape], data: Float32Array.from(outputs) },
    targets:
      type === 'i32'
        ? { dtype: 'i32', shape: [length], data: Int32Array.from(targets) }
        : { dtype: 'f32', shape: [length, ...shape], data: Float32Array.from(targets) },
  })
  const found = await evaluate(new Identity(), dataset, { metrics: [metric], batchSize: 3 })
  return found.metrics[metric.name] as R
}

const truth = [0, 1, 2, 2, 1, 0, 2]
const taken = [0, 2, 2, 1, 1, 0, 0]
const scores = taken.flatMap((p) => [0, 1, 2].map((c) => Number(c === p)))

describe('precision, recall and F1', () => {
  const options = (average: 'macro' | 'micro') => ({ average, classes: 3 })
  // Hits, wrong and missed: 2 1 0, 1 1 1, 1 1 2.
  test.each([
    [metrics.precision(options('macro')), (2 / 3 + 1 / 2 + 1 / 2) / 3],
    [metrics.recall(options('macro')), (1 + 1 / 2 + 1 / 3) / 3],
    [metrics.f1(options('macro')), (0.8 + 0.5 + 0.4) / 3],
    [metrics.precision(options('micro')), 4 / 7],
    [metrics.recall(options('micro')), 4 / 7],
    [metrics.f1(options('micro')), 4 / 7],
  ])('$name over batches', async (metric, wanted) => {
    expect(await measured(metric, scores, truth, [3])).toBeCloseTo(wanted, 10)
  })

  test('of the class 1, from logits and from two scores', async () => {
    const labels = [1, 0, 1, 1, 0, 0]
    const logits = [2, 1, -1, 0.5, -3, 0]
    const pairs = logits.flatMap((logit) => [0, logit])
    for (const [outputs, shape] of [
      [logits, []],
      [logits, [1]],
      [pairs, [2]],
    ] as const) {
      expect(await measured(metrics.precision(), outputs, labels, shape)).toBeCloseTo(2 / 3, 10)
      expect(await measured(metrics.recall(), outputs, labels, shape)).toBeCloseTo(2 / 3, 10)
      expect(await measured(metrics.f1(), outputs, labels, shape)).toBeCloseTo(2 / 3, 10)
    }
  })

  test('are 0 without a positive example or prediction', async () => {
    const none = [-1, -2, -1, -1]
    for (const metric of [metrics.precision(), metrics.recall(), metrics.f1()]) {
      expect(await measured(metric, none, [0, 0, 0, 0])).toBe(0)
      expect(await measured(metric, none, [1, 0, 1, 0])).toBe(0)
    }
  })

  test('a class that neither occurs nor is predicted is left out of the mean', async () => {
    const four = taken.flatMap((p) => [0, 1, 2, 3].map((c) => Number(c === p)))
    const metric = metrics.recall({ classes: 4 })
    expect(await measured(metric, four, truth, [4])).toBeCloseTo((1 + 1 / 2 + 1 / 3) / 3, 10)
  })
})

describe('area under the ROC curve', () => {
  const labels = [0, 0, 1, 1, 1, 0]
  const logits = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4]

  test('counts pairs, ties half, over all batches', async () => {
    expect(await measured(metrics.rocAuc(), logits, labels)).toBeCloseTo(6 / 9, 10)
    const pairs = logits.flatMap((logit) => [-logit, 0])
    expect(await measured(metrics.rocAuc(), pairs, labels, [2])).toBeCloseTo(6 / 9, 10)
  })

  test('is NaN with one class alone, which is never the best epoch', async () => {
    expect(await measured(metrics.rocAuc(), logits, [1, 1, 1, 1, 1, 1])).toBeNaN()
    const record = (epoch: number, value: number) => ({
      epoch,
      train: { loss: 1, metrics: { auc: value } },
      seconds: 1,
    })
    const first = follow(undefined, record(1, Number.NaN), 'auc', 'max', 0)
    const stored = { ...first.best, value: null, reference: null } as unknown as typeof first.best
    for (const best of [first.best, stored]) {
      const second = follow(best, record(2, 0.6), 'auc', 'max', 0)
      expect([second.isBest, second.best.value, second.best.waited]).toEqual([true, 0.6, 0])
      const third = follow(second.best, record(3, Number.NaN), 'auc', 'max', 0)
      expect([third.isBest, third.best.value, third.best.waited]).toEqual([false, 0.6, 1])
    }
  })

  test('of several classes is the mean of each against the others', async () => {
    const rows = [
      [2, 1, 0],
      [0, 1, 3],
      [1, 1.5, 1],
      [0, 0, 1],
      [1, 2, 0],
    ]
    const classes = [0, 2, 1, 1, 1]
    const shares = rows.map((row) => {
      const powers = row.map(Math.exp)
      const sum = powers.reduce((a, b) => a + b)
      return powers.map((power) => power / sum)
    })
    const areas = [0, 1, 2].map((c) => {
      const own = shares.filter((_, i) => classes[i] === c).map((row) => row[c]!)
      const rest = shares.filter((_, i) => classes[i] !== c).map((row) => row[c]!)
      const won = own.flatMap((a) => rest.map((b) => Number(a > b) + Number(a === b) / 2))
      return won.reduce((a, b) => a + b) / won.length
    })
    const wanted = areas.reduce((a, b) => a + b) / 3
    const metric = metrics.rocAuc({ classes: 3 })
    expect(await measured(metric, rows.flat(), classes, [3])).toBeCloseTo(wanted, 10)
  })
})

describe('R²', () => {
  test('is the mean over columns, of all batches together', async () => {
    const outputs = [2.5, 1, 0, 3, 2, 5, 8, 5]
    const targets = [3, 1, -0.5, 2, 2, 5, 7, 4]
    const wanted = (1 - 1.5 / 29.1875 + (1 - 2 / 10)) / 2
    expect(await measured(metrics.r2, outputs, targets, [2], 'f32')).toBeCloseTo(wanted, 10)
  })

  test('keeps its precision far from 0', async () => {
    const targets = [10000, 10001, 10002, 10003]
    const outputs = [10000, 10001, 10002, 10004]
    expect(await measured(metrics.r2, outputs, targets, [], 'f32')).toBeCloseTo(1 - 1 / 5, 10)
  })

  test('targets that never change give 1 if they are met, else 0', async () => {
    expect(await measured(metrics.r2, [2, 2, 2], [2, 2, 2], [], 'f32')).toBe(1)
    expect(await measured(metrics.r2, [2, 3, 2], [2, 2, 2], [], 'f32')).toBe(0)
    expect(await measured(metrics.r2, [2], [2], [], 'f32')).toBeNaN()
  })
})

test('perplexity is of the mean over tokens, not over batches', async () => {
  const logits = scores.map((score) => 3 * score)
  const ignored = truth.with(0, -100)
  const nll = ignored.flatMap((label, i) => {
    const row = logits.slice(3 * i, 3 * i + 3)
    const sum = row.reduce((total, logit) => total + Math.exp(logit), 0)
    return label < 0 ? [] : [Math.log(sum) - row[label]!]
  })
  const wanted = Math.exp(nll.reduce((a, b) => a + b) / nll.length)
  expect(await measured(metrics.perplexity(), logits, ignored, [3])).toBeCloseTo(wanted, 5)
})

test('intersection over union', async () => {
  const metric = metrics.iou(3)
  const wanted = (2 / 3 + 1 / 3 + 1 / 4) / 3
  expect(await measured(metric, scores, truth, [3])).toBeCloseTo(wanted, 10)
  expect(await measured(metric, scores, truth.with(1, -100), [3])).toBeCloseTo(
    (2 / 3 + 1 / 2 + 1 / 3) / 3,
    10,
  )
  expect(await measured(metric, scores, new Array(7).fill(-100), [3])).toBeNaN()
})

test.each<[string, () => unknown, RegExp]>([
  [
    'macro without classes',
    () => metrics.f1({ average: 'macro' }),
    /metrics\.f1.*classes.*undefined/,
  ],
  ['one class', () => metrics.iou(1), /whole number from 2, got 1/],
  ['no whole number', () => metrics.rocAuc({ classes: 2.5 }), /got 2\.5/],
])('refuses %s', (_, body, message) => {
  expect(body).toThrow(message)
})

test('refuses scores of three classes as binary ones', async () => {
  await expect(measured(metrics.f1(), scores, truth, [3])).rejects.toThrow(
    /f1: expected outputs \[n\].*got \[3, 3\].*\{ classes \}/,
  )
})
