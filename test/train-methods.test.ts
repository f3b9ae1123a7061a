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
import { stepLR } from '../src/optim/schedules/decay.ts'
import { oneCycleLR } from '../src/optim/schedules/one-cycle.ts'
import { reduceLROnPlateau } from '../src/optim/schedules/plateau.ts'
import { SGD, sgd } from '../src/optim/sgd.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import { manualSeed } from '../src/tensor/random.ts'
import type { Tensor } from '../src/tensor/tensor.ts'
import { evaluate } from '../src/train/evaluate.ts'
import type { TrainEvent } from '../src/train/events.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import { cutmix, mixup } from '../src/train/mixing.ts'
import type { FitOptions } from '../src/train/options.ts'
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
    const scores = (records: typeof history) =>
      records.map(({ seconds: _, loading: __, ...record }) => record)
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
