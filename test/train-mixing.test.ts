import { afterAll, describe, expect, test } from 'vitest'
import { uniformAt } from '../src/data/random.ts'
import { Sequential } from '../src/nn/containers/sequential.ts'
import { Dropout } from '../src/nn/dropout/dropout-layers.ts'
import { Linear } from '../src/nn/linear/linear.ts'
import type { Module } from '../src/nn/module/module.ts'
import { BatchNorm1d } from '../src/nn/normalization/batchnorm.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import { generator, manualSeed } from '../src/tensor/random.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'
import { beta } from '../src/train/beta.ts'
import type { TrainEvent } from '../src/train/events.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import { asArgument, cutmix, mixup } from '../src/train/mixing.ts'
import { predict } from '../src/train/predict.ts'
import { bitsOf, circle, freshNet, usual } from './train-case.ts'

const trainSet = circle(60)
const validation = circle(33, 1)
afterAll(async () => (await currentBackend()).close())

/** A network whose steps are the same for a batch as for its parts. */
function plainNet(): Sequential {
  manualSeed(3)
  return new Sequential(new Linear(2, 8), new Linear(8, 2))
}

const weightsOf = async (model: Module) => {
  const data = await Promise.all(model.parameters().map((p) => p.data()))
  return data.flatMap((values) => [...values])
}

const recorded = () => {
  const events: TrainEvent[] = []
  return { events, onEvent: (event: TrainEvent) => void events.push(event) }
}

describe('mixing', () => {
  test('mixup blends neighbours and their targets', async () => {
    const x = tensor([[1, 2], [3, 4], [5, 6]]) // biome-ignore format: short
    const y = tensor([0, 1, 1], { dtype: 'i32' })
    const [inputs, targets] = mixup({ classes: 2 }).apply(x, y, asArgument(Float32Array.of(0.75)))
    const blended = [2, 3, 2.5, 3.5, 4.5, 5.5]
    ;[...(await inputs.data())].forEach((value, i) => {
      expect(value).toBeCloseTo(blended[i]!, 6)
    })
    expect([...(await targets.data())]).toEqual([0.75, 0.25, 0.25, 0.75, 0, 1])
  })

  test('cutmix pastes a box and mixes targets by its area', async () => {
    const size = 4
    const x = tensor([1, 2].flatMap((v) => new Array<number>(16).fill(v))).reshape([2, 1, 4, 4])
    const y = tensor([0, 1], { dtype: 'i32' })
    const mix = cutmix({ classes: 2 })
    for (let seed = 0; seed < 5; seed++) {
      let index = 0
      const drawn = mix.draw(() => uniformAt(seed, 0, index++), [2, 1, size, size])
      const [inputs, targets] = mix.apply(x, y, asArgument(drawn))
      const pasted = [...(await inputs.data())].slice(0, 16).filter((v) => v === 2).length
      expect([...(await targets.data())].slice(0, 2)).toEqual([1 - pasted / 16, pasted / 16])
    }
  })

  test.each([0.2, 1, 3])('λ has the mean and variance of Beta(%s, α)', (alpha) => {
    let index = 0
    const draw = () => uniformAt(7, 3, index++)
    const values = Array.from({ length: 4000 }, () => beta(alpha, draw))
    const mean = values.reduce((a, b) => a + b) / values.length
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...values)).toBeLessThanOrEqual(1)
    expect(mean).toBeCloseTo(0.5, 1.5)
    expect(variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 2)
  })

  test('what can not be mixed is refused', async () => {
    const options = { ...usual, mix: mixup() }
    await expect(trainModel(plainNet(), trainSet, options)).rejects.toThrow(
      /train\.mixup: expected targets.*got i32 \[8\].*classes: 10/,
    )
    const boxes = { ...usual, mix: cutmix({ classes: 2 }) }
    await expect(trainModel(plainNet(), trainSet, boxes)).rejects.toThrow(
      /train\.cutmix: expected images.*got \[8, 2\].*mixup/,
    )
    expect(() => mixup({ alpha: 0 })).toThrow(/alpha > 0, got 0/)
    expect(() => cutmix({ classes: 1 })).toThrow(/classes from 2, got 1/)
  })
})

test('statistics of layers, gradients and weights, every so many steps', async () => {
  const { events, onEvent } = recorded()
  const model = freshNet()
  const options = { ...usual, batchSize: 20, epochs: 2, statistics: { every: 2 } }
  await trainModel(model, trainSet, { ...options, onEvent })
  const found = events.filter((event) => event.type === 'statistics')
  expect(found.map(({ epoch, step }) => [epoch, step])).toEqual([
    [1, 1],
    [1, 3],
    [2, 2],
  ])
  const { activations, gradients, weights } = found[0]!
  expect(Object.keys(activations)).toEqual(['hidden', 'norm', 'dropout', 'out'])
  expect(Object.keys(gradients)).toEqual(Object.keys(weights))
  expect(Object.keys(weights)).toEqual([
    'hidden.weight',
    'norm.weight',
    'norm.bias',
    'out.weight',
    'out.bias',
  ])
  expect(weights['norm.weight']).toEqual({ mean: 1, std: 0, largest: 1, zeros: 0 })
  expect(weights['norm.bias']).toEqual({ mean: 0, std: 0, largest: 0, zeros: 1 })
  expect(activations['norm']!.std).toBeCloseTo(1, 2)
  expect(activations['dropout']!.zeros).toBeGreaterThan(0.2)
  expect(gradients['out.bias']!.largest).toBeGreaterThan(0)
  const same = freshNet()
  await trainModel(same, trainSet, { ...options, statistics: { every: 3 } })
  const wanted = await weightsOf(model)
  ;(await weightsOf(same)).forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 5)
  })
})

describe('dropout ensembles', () => {
  const net = () => {
    manualSeed(5)
    return new Sequential(new Linear(2, 6), new BatchNorm1d(6), new Dropout(0.5), new Linear(6, 2))
  }

  test('averages converge to what one pass expects, and change nothing', async () => {
    const model = net()
    const before = [await bitsOf(model), [...(await generator.key.data())]]
    const one = await predict(model, validation)
    const few = await predict(model, validation, { samples: 2, batchSize: 10 })
    const many = await predict(model, validation, { samples: 400, batchSize: 10 })
    // The layer after dropout is linear, so the expectation is the pass without dropout.
    const away = (a: typeof one) =>
      Math.sqrt(a.data.reduce((sum, v, i) => sum + (v - one.data[i]!) ** 2, 0) / a.data.length)
    expect(away(few)).toBeGreaterThan(0.05)
    expect(away(many)).toBeLessThan(away(few) / 5)
    expect([await bitsOf(model), [...(await generator.key.data())]]).toEqual(before)
    expect(model.modules().every(({ training }) => training)).toBe(true)
  })

  test('a seed gives the same samples, and outputs are transformed before the average', async () => {
    const options = { samples: 3, output: (scores: Tensor) => scores.softmax(-1) }
    const [a, b] = [
      await predict(net(), validation, options),
      await predict(net(), validation, options),
    ]
    expect(a.data).toEqual(b.data)
    expect(a.data[0]! + a.data[1]!).toBeCloseTo(1, 6)
    const other = await predict(net(), validation, { ...options, seed: 1 })
    expect(other.data).not.toEqual(a.data)
    await expect(predict(net(), validation, { samples: 0 })).rejects.toThrow(/samples.*got 0/)
  })
})
