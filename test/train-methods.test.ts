import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import type { Example } from '../src/data/dataset.ts'
import { IterableDataset } from '../src/data/iterable.ts'
import { uniformAt } from '../src/data/random.ts'
import { Sequential } from '../src/nn/containers/sequential.ts'
import { Dropout } from '../src/nn/dropout/dropout-layers.ts'
import { Linear } from '../src/nn/linear/linear.ts'
import { crossEntropy } from '../src/nn/losses/cross-entropy.ts'
import { Module } from '../src/nn/module/module.ts'
import { BatchNorm1d } from '../src/nn/normalization/batchnorm.ts'
import { stepLR } from '../src/optim/schedules/decay.ts'
import { oneCycleLR } from '../src/optim/schedules/one-cycle.ts'
import { reduceLROnPlateau } from '../src/optim/schedules/plateau.ts'
import { SGD, sgd } from '../src/optim/sgd.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import { generator, manualSeed } from '../src/tensor/random.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'
import { beta } from '../src/train/beta.ts'
import { evaluate } from '../src/train/evaluate.ts'
import type { TrainEvent } from '../src/train/events.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import { crossValidate, holdOut, kFold } from '../src/train/folds.ts'
import { lrRangeTest } from '../src/train/lr-range.ts'
import { asArgument, cutmix, mixup } from '../src/train/mixing.ts'
import type { FitOptions } from '../src/train/options.ts'
import { predict } from '../src/train/predict.ts'
import { bitsOf, circle, freshNet, temporaryFolder, usual } from './train-case.ts'

const folder = temporaryFolder()
const trainSet = circle(60)
const validation = circle(33, 1)
afterAll(async () => (await currentBackend()).close())

/** A network whose steps are the same for a batch as for its parts. */
function plainNet(): Sequential {
  manualSeed(3)
  return new Sequential(new Linear(2, 8), new Linear(8, 2))
}

/** The same examples as `circle`'s, of which nobody knows how many there are. */
class Stream extends IterableDataset<Example> {
  readonly name = 'stream'
  private readonly set: ArrayDataset

  constructor(examples: number) {
    super()
    this.set = circle(examples)
  }
  override *iterate() {
    for (let i = 0; i < this.set.length; i++) yield this.set.get(i)
  }
}

const weightsOf = async (model: Module) => {
  const data = await Promise.all(model.parameters().map((p) => p.data()))
  return data.flatMap((values) => [...values])
}

const recorded = () => {
  const events: TrainEvent[] = []
  return { events, onEvent: (event: TrainEvent) => void events.push(event) }
}

describe('schedules', () => {
  test('per step and per epoch: the rates of the steps', async () => {
    const { events, onEvent } = recorded()
    const options = { ...usual, optimizer: sgd({ lr: 1 }), epochs: 2, batchSize: 20, onEvent }
    const rates = () => events.flatMap((event) => (event.type === 'step' ? [event.lr] : []))
    const schedule = stepLR({ stepSize: 2, gamma: 0.5 })
    const { history } = await trainModel(plainNet(), trainSet, {
      ...options,
      schedule,
      scheduleEvery: 'step',
    })
    expect(rates()).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25])
    expect(history.map(({ lr }) => lr)).toEqual([0.5, 0.25])
    events.length = 0
    await trainModel(plainNet(), trainSet, { ...options, epochs: 3, schedule })
    expect(rates()).toEqual([1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5])
  })

  test('a plateau of the monitored value lowers the rate', async () => {
    const { events, onEvent } = recorded()
    await trainModel(plainNet(), trainSet, {
      ...usual,
      optimizer: sgd({ lr: 0 }),
      schedule: (optimizer) => {
        optimizer.lr = 0.5
        return reduceLROnPlateau({ patience: 0, factor: 0.5, threshold: 1e9 })(optimizer)
      },
      validation,
      epochs: 4,
      onEvent,
    })
    const rates = events.flatMap((event) => (event.type === 'epoch' ? [event.record.lr] : []))
    expect(rates).toEqual([0.5, 0.5, 0.25, 0.125])
  })

  test('one cycle may end with the last step, and says when it is too short', async () => {
    const cycle = (totalSteps: number): FitOptions => ({
      ...usual,
      batchSize: 20,
      epochs: 2,
      schedule: oneCycleLR({ maxLr: 0.1, totalSteps }),
      scheduleEvery: 'step',
    })
    const { stoppedBy } = await trainModel(plainNet(), trainSet, cycle(6))
    expect(stoppedBy).toBe('epochs')
    await expect(trainModel(plainNet(), trainSet, cycle(4))).rejects.toThrow(
      /OneCycleLR: expected at most 4 steps.*totalSteps to epochs/,
    )
  })
})

describe('gradients', () => {
  test('accumulated ones make the step of one large batch, also where the last part is small', async () => {
    const [parts, whole] = [plainNet(), plainNet()]
    const options = { ...usual, optimizer: sgd({ lr: 0.5, momentum: 0.9 }), epochs: 3 }
    const set = circle(50)
    await trainModel(parts, set, { ...options, batchSize: 8, accumulate: 3 })
    await trainModel(whole, set, { ...options, batchSize: 24 })
    const [a, b] = [await weightsOf(parts), await weightsOf(whole)]
    expect(a.length).toBe(42)
    a.forEach((value, i) => {
      expect(value).toBeCloseTo(b[i]!, 5)
    })
  })

  test('accumulated over a stream of unknown length, what is left makes the last update', async () => {
    const set = circle(50)
    const { events, onEvent } = recorded()
    const options = { ...usual, batchSize: 8, accumulate: 3, shuffle: false, epochs: 2 }
    const schedule = stepLR({ stepSize: 1, gamma: 0.5 })
    const [known, stream] = [plainNet(), plainNet()]
    const all = { ...options, schedule, scheduleEvery: 'step' as const }
    await trainModel(known, set, all)
    await trainModel(stream, new Stream(50), { ...all, onEvent })
    const wanted = await weightsOf(known)
    ;(await weightsOf(stream)).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 6)
    })
    const rates = events.flatMap((event) => (event.type === 'step' ? [event.lr / 0.02] : []))
    expect(rates).toEqual([
      1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.125, 0.125, 0.125, 0.0625, 0.0625, 0.0625, 0.03125,
    ])
  })

  test('a run over a stream may stop anywhere, also before the last update of a pass', async () => {
    const options = { ...usual, batchSize: 8, accumulate: 2, epochs: 2 }
    const whole = plainNet()
    await trainModel(whole, new Stream(33), options)
    for (const told of [1, 2, 3]) {
      const out = join(folder, `stream-${told}`)
      const controller = new AbortController()
      let steps = 0
      const onEvent = (event: TrainEvent) => {
        if (event.type === 'step' && ++steps === told) controller.abort()
      }
      const cut = { ...options, out, onEvent, signal: controller.signal }
      await trainModel(plainNet(), new Stream(33), cut)
      const model = plainNet()
      await trainModel(model, new Stream(33), { ...options, out, resume: true })
      expect(await bitsOf(model)).toEqual(await bitsOf(whole))
    }
  })

  test('are clipped by norm and by value', async () => {
    const length = async (options: Partial<FitOptions>) => {
      const model = plainNet()
      const before = await weightsOf(model)
      const all = { ...usual, optimizer: sgd({ lr: 1 }), batchSize: 60, ...options }
      await trainModel(model, trainSet, all)
      return (await weightsOf(model)).map((value, i) => before[i]! - value)
    }
    const free = await length({})
    const norm = Math.hypot(...free)
    const short = await length({ clipGradNorm: norm / 4 })
    expect(Math.hypot(...short)).toBeCloseTo(norm / 4, 5)
    expect(short[0]!).toBeCloseTo(free[0]! / 4, 5)
    const limit = Math.max(...free.map(Math.abs)) / 2
    const cut = await length({ clipGradValue: limit })
    cut.forEach((value, i) => {
      expect(value).toBeCloseTo(Math.max(-limit, Math.min(limit, free[i]!)), 5)
    })
  })
})

test('averaged weights are what is validated, kept as best and left in the model', async () => {
  const model = freshNet()
  const out = join(folder, 'ema')
  const run = await trainModel(model, trainSet, {
    ...usual,
    validation,
    epochs: 4,
    ema: { decay: 0.9 },
    out,
  })
  const { loss } = await evaluate(model, validation, { loss: crossEntropy })
  expect(loss).toBeCloseTo(run.history.at(-1)!.validation!.loss, 6)
  const plain = freshNet()
  await trainModel(plain, trainSet, { ...usual, validation, epochs: 4 })
  expect(await weightsOf(plain)).not.toEqual(await weightsOf(model))
  const resumed = freshNet()
  await trainModel(resumed, trainSet, {
    ...usual,
    validation,
    epochs: 4,
    ema: { decay: 0.9 },
    out,
    resume: true,
  })
  expect(await bitsOf(resumed)).toEqual(await bitsOf(model))
})

describe('a resumed run goes on bit by bit', () => {
  const images = new ArrayDataset({
    name: 'images',
    inputs: {
      dtype: 'f32',
      shape: [40, 1, 3, 3],
      data: Float32Array.from({ length: 360 }, (_, i) => uniformAt(0, 1, i)),
    },
    targets: { dtype: 'i32', shape: [40], data: Int32Array.from({ length: 40 }, (_, i) => i % 2) },
  })
  class Flat extends Module {
    readonly inner = new Linear(9, 2)
    forward(x: Tensor): Tensor {
      return this.inner.forward(x.flatten(1))
    }
  }
  const flat = (): Module => {
    manualSeed(1)
    return new Flat()
  }
  const cycle = oneCycleLR({ maxLr: 0.1, totalSteps: 99 })
  test.each<[string, Partial<FitOptions>]>([
    ['with a schedule per step', { schedule: cycle, scheduleEvery: 'step' }],
    ['with a schedule per epoch', { schedule: stepLR({ stepSize: 1, gamma: 0.5 }) }],
    ['with a plateau', { schedule: reduceLROnPlateau({ patience: 0, threshold: 1 }) }],
    ['with averaged weights', { ema: { decay: 0.8, warmup: true } }],
    ['with accumulated gradients', { accumulate: 3, clipGradNorm: 0.1 }],
    ['with mixup', { mix: mixup({ classes: 2 }) }],
    [
      'with all of it',
      {
        schedule: cycle,
        scheduleEvery: 'step',
        ema: { decay: 0.8 },
        accumulate: 2,
        mix: cutmix({ classes: 2 }),
      },
    ],
  ])('%s', async (name, given) => {
    const options = { ...usual, epochs: 3, validation: images, ...given }
    const whole = flat()
    const { history } = await trainModel(whole, images, options)
    const out = join(folder, name)
    const controller = new AbortController()
    await trainModel(flat(), images, {
      ...options,
      out,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === 'step' && event.epoch === 2) controller.abort()
      },
    })
    const model = flat()
    const rest = await trainModel(model, images, { ...options, out, resume: true })
    expect(await bitsOf(model)).toEqual(await bitsOf(whole))
    const scores = (records: typeof history) => records.map(({ seconds: _, ...record }) => record)
    expect(scores(rest.history)).toEqual(scores(history))
  })

  test('and refuses to go on without its schedule, average, accumulation or mixing', async () => {
    const out = join(folder, 'otherwise')
    const options: FitOptions = {
      ...usual,
      schedule: stepLR({ stepSize: 1 }),
      ema: {},
      accumulate: 2,
      mix: mixup({ classes: 2 }),
      out,
    }
    await trainModel(flat(), images, options)
    const { schedule: _, ...without } = options
    for (const [other, what] of [
      [without, 'schedule'],
      [{ ...options, ema: { decay: 0.5 } }, 'ema'],
      [{ ...options, accumulate: 3 }, 'accumulate'],
      [{ ...options, mix: mixup({ classes: 2, alpha: 1 }) }, undefined],
      [{ ...options, mix: cutmix({ classes: 2 }) }, 'mix'],
    ] as const) {
      const going = trainModel(flat(), images, { ...other, epochs: 2, resume: true })
      if (what === undefined) await going
      else await expect(going).rejects.toThrow(`the ${what} of the checkpoint`)
    }
  })
})

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

describe('fit refuses', () => {
  const refused = (options: Partial<FitOptions>, model: Module = plainNet()) =>
    trainModel(model, trainSet, { ...usual, ...options })

  test('a frozen model, an optimiser of frozen parameters, a model without any', async () => {
    const frozen = plainNet().requiresGrad_(false)
    await expect(refused({}, frozen)).rejects.toThrow(
      /4 parameters, all of them frozen.*requiresGrad_\(\)/,
    )
    const model = plainNet()
    const first = model.parameters()[0]!
    first.requiresGrad = false
    const optimizer = () => new SGD([first], { lr: 1 })
    await expect(refused({ optimizer }, model)).rejects.toThrow(/1 parameters, all of them frozen/)
    await expect(refused({}, new Sequential(new Dropout()))).rejects.toThrow(
      /at least one parameter, got none/,
    )
  })

  test('a plateau per step, or one that waits for the wrong direction', async () => {
    const schedule = reduceLROnPlateau()
    await expect(refused({ schedule, scheduleEvery: 'step' })).rejects.toThrow(/epoch by epoch/)
    await expect(refused({ schedule, monitor: 'accuracy' })).rejects.toThrow(
      /mode 'max', as accuracy is monitored, got 'min'.*mode: 'max'/,
    )
  })

  test.each<[string, Partial<FitOptions>, RegExp]>([
    ['no accumulation', { accumulate: 0 }, /accumulate: expected a whole number from 1, got 0/],
    ['a norm of 0', { clipGradNorm: 0 }, /clipGradNorm: expected a number above 0/],
    ['a decay of 1', { ema: { decay: 1 } }, /decay = 1/],
    ['a made schedule', { schedule: {} as never }, /schedule: .*optim\.stepLR/],
    ['statistics every 0 steps', { statistics: { every: 0 } }, /statistics\.every/],
    ['another log', { logs: ['xml' as 'csv'] }, /logs: .*'xml'/],
    ['another rhythm', { scheduleEvery: 'hour' as 'step' }, /'epoch' or 'step', got 'hour'/],
  ])('%s', async (_, options, message) => {
    await expect(refused(options)).rejects.toThrow(message)
  })
})

test('on NaN, the operation is named also in an accumulated, mixed step', async () => {
  class Broken extends Module {
    readonly inner = new Linear(2, 2)
    forward(x: Tensor): Tensor {
      return this.inner.forward(x).log()
    }
  }
  const options = { ...usual, accumulate: 2, mix: mixup({ classes: 2 }), debugNan: true }
  await expect(trainModel(new Broken(), trainSet, options)).rejects.toThrow(/NaN.*'log'/)
})

test('what is thawed after an epoch is trained from then on', async () => {
  const model = plainNet()
  const [first, second] = model.children() as [Linear, Linear]
  first.requiresGrad_(false)
  const weights = [await first.weight.data()]
  await trainModel(model, trainSet, {
    ...usual,
    accumulate: 2,
    epochs: 2,
    onEvent: async (event) => {
      if (event.type !== 'epoch') return
      weights.push(await first.weight.data(), await second.weight.data())
      first.requiresGrad_()
      second.requiresGrad_(false)
    },
  })
  expect(weights[1]).toEqual(weights[0])
  expect(weights[3]).not.toEqual(weights[1])
  expect(weights[4]).toEqual(weights[2])
})

test('groups of a model are trained at rates of their own', async () => {
  const model = plainNet()
  const [first, second] = model.children() as [Linear, Linear]
  const { history } = await trainModel(model, trainSet, {
    ...usual,
    optimizer: () => new SGD([{ params: first, lr: 0 }, { params: second }], { lr: 0.5 }),
    epochs: 2,
  })
  const untouched = plainNet().children()[0] as Linear
  expect(await first.weight.data()).toEqual(await untouched.weight.data())
  expect(history[1]!.train.loss).toBeLessThan(history[0]!.train.loss)
})
