import { afterAll, describe, expect, test } from 'vitest'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import { Sequential } from '../src/nn/containers/sequential.ts'
import { Linear } from '../src/nn/linear/linear.ts'
import { crossEntropy } from '../src/nn/losses/cross-entropy.ts'
import { sgd } from '../src/optim/sgd.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import { manualSeed } from '../src/tensor/random.ts'
import { crossValidate, holdOut, kFold } from '../src/train/folds.ts'
import { lrRangeTest } from '../src/train/lr-range.ts'
import { bitsOf, circle, usual } from './train-case.ts'

const trainSet = circle(60)
afterAll(async () => (await currentBackend()).close())

/** A network whose steps are the same for a batch as for its parts. */
function plainNet(): Sequential {
  manualSeed(3)
  return new Sequential(new Linear(2, 8), new Linear(8, 2))
}

describe('validation', () => {
  test('folds share no example and cover all, with the classes in proportion', () => {
    const folds = kFold(circle(103), { folds: 4, stratified: true, seed: 2 })
    const key = ({ inputs }: ArrayDataset) =>
      Array.from({ length: inputs.shape[0]! }, (_, i) => inputs.data.slice(2 * i, 2 * i + 2).join())
    const all = key(circle(103)).sort()
    expect(folds.flatMap(({ validation }) => key(validation)).sort()).toEqual(all)
    expect(folds.map(({ validation }) => validation.length)).toEqual([26, 26, 26, 25])
    for (const { train, validation } of folds) {
      expect([...key(train), ...key(validation)].sort()).toEqual(all)
      const share = (set: ArrayDataset) =>
        Array.from(set.targets.data).reduce((a, b) => a + b, 0) / set.length
      expect(share(validation)).toBeCloseTo(share(train), 1)
    }
  })

  test('a hold-out is the share that was asked for', () => {
    const { train, validation } = holdOut(circle(50), 0.1, { seed: 3 })
    expect([train.length, validation.length]).toEqual([45, 5])
  })

  test('cross-validation learns what it normalises with from the training part alone', async () => {
    const seen: ArrayDataset[] = []
    const { runs, values, mean, std } = await crossValidate(plainNet, trainSet, {
      ...usual,
      folds: 3,
      monitor: 'accuracy',
      prepare: (part) => {
        seen.push(part)
        return { normalize: { mean: 0.1 } }
      },
    })
    expect(seen.map(({ length }) => length)).toEqual([40, 40, 40])
    expect(runs.map(({ history }) => history.length)).toEqual([1, 1, 1])
    expect(values).toEqual(runs.map(({ history }) => history[0]!.validation!.metrics['accuracy']))
    expect(mean).toBeCloseTo((values[0]! + values[1]! + values[2]!) / 3, 10)
    const squares = values.map((value) => (value - mean) ** 2)
    expect(std).toBeCloseTo(Math.sqrt((squares[0]! + squares[1]! + squares[2]!) / 2), 10)
  })

  test('items that are read when they are asked for are folded, held out and cross-validated, too', async () => {
    const items = trainSet.map((example) => example)
    const names = (sets: readonly { readonly name: string }[]) => sets.map(({ name }) => name)
    const options = { folds: 3, stratified: true }
    const [folds, known] = [kFold(items, options), kFold(trainSet, options)]
    expect(names(folds.map(({ train }) => train))).toEqual(names(known.map(({ train }) => train)))
    expect(await folds[1]!.validation.get(3)).toEqual(known[1]!.validation.get(3))
    expect(holdOut(items, 0.25).validation.length).toBe(15)
    const all = { ...usual, ...options }
    const { values } = await crossValidate(plainNet, items, all)
    expect(values).toEqual((await crossValidate(plainNet, trainSet, all)).values)
    const { inputs } = trainSet
    const unknown = new ArrayDataset({ name: 'points', inputs, targets: inputs })
    expect(() => kFold(unknown, options)).toThrow(/points, which knows none/)
  })

  test.each([1, 61, 2.5])('refuses %s folds of 60 examples', (folds) => {
    expect(() => kFold(trainSet, { folds })).toThrow(/whole number from 2 to 60/)
  })
})

describe('the range test', () => {
  test('finds a rate at which the loss falls, and leaves the model as it was', async () => {
    const model = plainNet()
    const before = await bitsOf(model)
    const options = { loss: crossEntropy, optimizer: sgd({ lr: 1 }), batchSize: 60 }
    const { rates, losses, suggestion } = await lrRangeTest(model, trainSet, {
      ...options,
      startLr: 1e-4,
      endLr: 100,
      steps: 60,
    })
    expect(await bitsOf(model)).toEqual(before)
    expect(rates[0]).toBe(1e-4)
    expect(rates.length).toBe(losses.length)
    expect(rates[1]! / rates[0]!).toBeCloseTo(10 ** (6 / 59), 8)
    expect(suggestion).toBeGreaterThan(1e-3)
    expect(suggestion).toBeLessThan(100)
    const items = trainSet.map((example) => example)
    const short = { ...options, steps: 5 }
    expect(await lrRangeTest(model, items, short)).toEqual(
      await lrRangeTest(model, trainSet, short),
    )
    await expect(lrRangeTest(model, trainSet, { ...options, endLr: 0 })).rejects.toThrow(/startLr/)
    await expect(lrRangeTest(model, trainSet, { ...options, steps: 1 })).rejects.toThrow(/got 1/)
  })
})
