import { afterAll, describe, expect, test } from 'vitest'
import { Tanh } from '../src/nn/activations/activation-layers.ts'
import { MultiTask, multiTaskLoss } from '../src/nn/containers/multi-task.ts'
import { Sequential } from '../src/nn/containers/sequential.ts'
import { Linear } from '../src/nn/linear/linear.ts'
import { crossEntropy } from '../src/nn/losses/cross-entropy.ts'
import { bceWithLogits } from '../src/nn/losses/losses.ts'
import { Module } from '../src/nn/module/module.ts'
import { adam } from '../src/optim/adam.ts'
import { sgd } from '../src/optim/sgd.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import type { Tensor } from '../src/tensor/tensor.ts'
import { f1 } from '../src/train/class-metrics.ts'
import { evaluate } from '../src/train/evaluate.ts'
import type { TrainEvent } from '../src/train/events.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import { accuracy, confusion } from '../src/train/metrics.ts'
import { predict } from '../src/train/predict.ts'
import { bitsOf, circle, freshNet, usual } from './train-case.ts'

const trainSet = circle(60)
const validation = circle(33, 1)
afterAll(async () => (await currentBackend()).close())

test('a model of several outputs: loss and metrics see them by name', async () => {
  const trunk = new Sequential(new Linear(2, 16), new Tanh())
  const model = new MultiTask(trunk, { inside: new Linear(16, 2), radius: new Linear(16, 1) })
  const inside = {
    ...accuracy,
    measure: ({ inside }: Record<'inside' | 'radius', Tensor>, target: Tensor) =>
      accuracy.measure(inside, target),
  }
  const loss = (scores: Record<'inside' | 'radius', Tensor>, target: Tensor) =>
    multiTaskLoss({
      inside: crossEntropy(scores.inside, target),
      radius: scores.radius.squeeze(1).sub(target.to('f32')).square().mean(),
    })
  const run = await trainModel(model, circle(204), {
    loss,
    optimizer: adam({ lr: 0.02 }),
    validation,
    metrics: [inside],
    epochs: 20,
    progress: 'none',
  })
  expect(run.history.at(-1)!.validation!.metrics['accuracy']).toBeGreaterThan(0.8)
  const found = await evaluate(model, validation, { loss, metrics: [inside] })
  expect(found.loss).toBeCloseTo(run.history.at(-1)!.validation!.loss, 5)
})

test('a network learns, with a smaller last batch and a validation set', async () => {
  const events: TrainEvent[] = []
  const model = freshNet()
  const run = await trainModel(model, circle(204), {
    ...usual,
    validation,
    epochs: 20,
    onEvent: (event) => void events.push(event),
  })
  expect(run.history).toHaveLength(20)
  expect(run.stoppedBy).toBe('epochs')
  const losses = run.history.map((record) => record.validation!.loss)
  expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!)
  expect(run.history.at(-1)!.validation!.metrics['accuracy']).toBeGreaterThan(0.8)
  const kinds = events.map(({ type }) => type)
  expect(kinds.filter((kind) => kind === 'step')).toHaveLength(20 * 26)
  expect([kinds[0], kinds.at(-1)]).toEqual(['start', 'end'])
  const steps = events.flatMap((event) => (event.type === 'step' ? [event.step] : []))
  expect(steps.slice(24, 28)).toEqual([25, 26, 1, 2])
  expect(model.training).toBe(false)
})

test('the loss of an epoch is the mean over examples, not over batches', async () => {
  // A learning rate of 0 leaves the model as it is: training and evaluation measure the same.
  const model = new Linear(2, 2)
  const { history } = await trainModel(model, trainSet, { ...usual, optimizer: sgd({ lr: 0 }) })
  const all = await evaluate(model, trainSet, { loss: crossEntropy, metrics: [accuracy] })
  expect(history[0]!.train.loss).toBeCloseTo(all.loss, 5)
  expect(history[0]!.train.metrics['accuracy']).toBeCloseTo(all.metrics['accuracy'] as number, 6)
})

test('evaluate and predict agree, and change neither mode nor state', async () => {
  const model = freshNet()
  const before = await bitsOf(model)
  const scores = await predict(model, validation, { batchSize: 10 })
  expect(scores.shape).toEqual([33, 2])
  const found = await evaluate(model, validation, { metrics: [accuracy, confusion(2)] })
  const rows = Array.from({ length: 33 }, (_, i) => scores.data.subarray(2 * i, 2 * i + 2))
  const right = rows.filter(([a, b], i) => Number(b! > a!) === validation.targets.data[i])
  expect(found.metrics['accuracy']).toBeCloseTo(right.length / 33, 6)
  const counts = found.metrics['confusion'] as number[][]
  expect(counts.flat().reduce((a, b) => a + b)).toBe(33)
  expect(counts[0]![0]! + counts[1]![1]!).toBe(right.length)
  expect(model.training).toBe(true)
  expect(await bitsOf(model)).toEqual(before)
})

test('early stopping restores the best weights', async () => {
  const model = freshNet()
  const bits: Record<string, number[]>[] = []
  const run = await trainModel(model, trainSet, {
    ...usual,
    optimizer: adam({ lr: 0.3 }),
    validation,
    epochs: 200,
    earlyStopping: { patience: 3 },
    onEvent: async (event) => {
      if (event.type === 'epoch') bits.push(await bitsOf(model))
    },
  })
  const { best, history } = run
  expect(run.stoppedBy).toBe('early-stopping')
  expect(history.length).toBe(best!.epoch + 3)
  expect(best!.value).toBe(Math.min(...history.map((record) => record.validation!.loss)))
  expect(run.restoredBest).toBe(true)
  expect(await bitsOf(model)).toEqual(bits[best!.epoch - 1])
  expect(await bitsOf(model)).not.toEqual(bits.at(-1))
})

test('the event loop turns during training', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 5)
  const start = performance.now()
  await trainModel(freshNet(), circle(2000), { ...usual, epochs: 5 })
  clearInterval(timer)
  // At least one turn for each 100 ms; a loop that blocks has none.
  expect(turns).toBeGreaterThan((performance.now() - start) / 100)
})

describe('what goes wrong', () => {
  class Logarithm extends Module {
    readonly inner = new Linear(2, 2)
    forward(x: Tensor): Tensor {
      return this.inner.forward(x).log()
    }
  }
  class Broken extends Module {
    readonly first = new Linear(2, 2)
    readonly bad = new Logarithm()
    forward(x: Tensor): Tensor {
      return this.bad.forward(this.first.forward(x))
    }
  }

  test('NaN stops the training', async () => {
    const failing = trainModel(new Broken(), trainSet, usual)
    await expect(failing).rejects.toMatchObject({
      kind: 'numeric',
      got: 'NaN',
      where: expect.stringMatching(/epoch 1, step \d of 8/),
      remedy: expect.stringContaining('debugNan'),
    })
  })

  test('debugNan names the operation and its place in the model', async () => {
    const failing = trainModel(new Broken(), trainSet, { ...usual, debugNan: true })
    await expect(failing).rejects.toMatchObject({
      kind: 'numeric',
      where: 'Broken.bad',
      got: expect.stringContaining("by 'log' [8, 2], epoch 1, step 1"),
    })
  })

  test('debugNan finds the step in which weights overflow, and puts them back', async () => {
    const model = new Linear(2, 2)
    const options = { ...usual, optimizer: sgd({ lr: 3e38 }), debugNan: true, epochs: 9 }
    await expect(trainModel(model, trainSet, options)).rejects.toMatchObject({
      kind: 'numeric',
      got: expect.stringMatching(/∞|NaN/),
    })
    for (const state of model.parameters()) {
      expect((await state.data()).every(Number.isFinite)).toBe(true)
    }
  })

  test.each([
    ['epochs', { epochs: 0 }],
    ['batchSize', { batchSize: 2.5 }],
    ['monitor', { monitor: 'acuracy' }],
    ['earlyStopping.patience', { earlyStopping: { patience: 0 } }],
    ['resume', { resume: true }],
  ])('an impossible %s is refused', async (name, options) => {
    await expect(trainModel(freshNet(), trainSet, { ...usual, ...options })).rejects.toMatchObject({
      kind: 'argument',
      where: `train.fit: ${name}`,
    })
  })

  // @ts-expect-error: JavaScript lets it through.
  class Silent extends Module {
    readonly inner = new Linear(2, 2)
  }
  class Talking extends Silent {
    forward(): Tensor {
      return 3 as never
    }
  }
  class Mixed extends Silent {
    forward(x: Tensor): Tensor {
      return { h: this.inner.forward(x), c: 3 } as never
    }
  }
  test.each<[string, unknown, unknown, object, RegExp]>([
    ['no model', undefined, trainSet, {}, /model: expected a Module .*got undefined/],
    ['a model without forward', new Silent(), trainSet, {}, /got Silent without one/],
    ['a model that returns a number', new Talking(), trainSet, {}, /model\.forward: .*got number/],
    ['a model of other things', new Mixed(), trainSet, {}, /got 'c' of type number among several/],
    ['no dataset', freshNet(), undefined, {}, /trainSet: expected a dataset, got undefined/],
    [
      'an array to validate on',
      freshNet(),
      trainSet,
      { validation: [1] },
      /validation: .*an array/,
    ],
    ['metrics by name', freshNet(), trainSet, { metrics: ['accuracy'] }, /Pass \[metrics\.acc/],
    ['a maker of metrics', freshNet(), trainSet, { metrics: [f1] }, /got the function f1/],
    ['an async loss', freshNet(), trainSet, { loss: async () => 1 }, /loss: .*got a promise/],
  ])('%s is refused', async (_, model, data, options, message) => {
    const run = trainModel(model as Module, data as never, { ...usual, ...options })
    await expect(run).rejects.toThrow(message)
    await expect(run).rejects.toMatchObject({ kind: 'argument' })
  })

  test('a label that the model has no output for is named', async () => {
    const failing = trainModel(new Linear(2, 1), trainSet, usual)
    await expect(failing).rejects.toThrow(
      /circle\/0: targets: expected labels from 0 to 0 \(there are 1 classes\), got 1 at example 0/,
    )
  })

  test('one output decides between two classes', async () => {
    const loss = (output: Tensor, target: Tensor) =>
      bceWithLogits(output.squeeze(1), target.to('f32'))
    const { history } = await trainModel(new Linear(2, 1), trainSet, { ...usual, loss, epochs: 2 })
    expect(history[1]!.train.loss).toBeLessThan(history[0]!.train.loss)
  })

  test.each(['step', 'epoch'])(
    'an error of a listener at a %s ends the run with it',
    async (type) => {
      const onEvent = (event: { type: string }) => {
        if (event.type === type) throw new Error('of the listener')
      }
      const run = trainModel(freshNet(), trainSet, { ...usual, onEvent })
      await expect(run).rejects.toThrow('of the listener')
    },
  )

  test('a loss that is no number is refused', async () => {
    const loss = (output: Tensor) => output
    await expect(trainModel(freshNet(), trainSet, { ...usual, loss })).rejects.toMatchObject({
      kind: 'shape',
      where: 'loss',
    })
  })
})
