import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noise, parameterValues } from '../bench/inputs.ts'
import { createBackend, full, models, nn, Tensor, useBackend, zeros } from '../src/index.ts'
import type { Module } from '../src/nn/module/module.ts'
import type { Backend } from '../src/tensor/backend.ts'

const { createModel, LeNet, LeNet5, MLP, UNet, AlexNet2012, GoogLeNet } = models

let backend: Backend
beforeAll(async () => {
  backend = await createBackend('wasm')
  await useBackend(backend)
})
afterAll(() => backend.close())

const countOf = (model: Module): number =>
  model.parameters().reduce((sum, { size }) => sum + size, 0)

interface Published {
  readonly parameters: number
  readonly states: string
  readonly scores?: readonly number[]
}

/** What torchvision says: see torchvision/make.py. */
const published = JSON.parse(
  readFileSync(join(import.meta.dirname, 'torchvision/models.json'), 'utf8'),
) as Readonly<Record<string, Published>>

describe('as in torchvision', () => {
  test.each(Object.keys(published))('%s: parameters, names and shapes of states', (name) => {
    const sizes = { inputShape: [3, 224, 224], classes: 1000 }
    const model = nn.init.skip(() => createModel(name, sizes))
    const lines = Object.entries(model.stateDict()).map(([key, { shape }]) => `${key} ${shape}`)
    const sum = createHash('sha256').update(lines.sort().join('\n')).digest('hex')
    expect({ parameters: countOf(model), states: sum }).toEqual({
      parameters: published[name]!.parameters,
      states: published[name]!.states,
    })
  })

  const light = ['resnet18', 'squeezenet1_1', 'squeezenet1_0', 'mobilenet_v2', 'googlenet']
  test.each(light)('%s: scores with the same weights', async (name) => {
    const sizes = { inputShape: [3, 96, 96], classes: 7 }
    const model = nn.init.skip(() => createModel(name, sizes)).eval()
    for (const [i, [key, p]] of Object.entries(model.namedParameters()).entries())
      await p.load(parameterValues(key, p.shape, i))
    for (const [key, buffer] of Object.entries(model.namedBuffers()))
      if (key.endsWith('running_var')) buffer.assign(full(buffer.shape, 2))
    const images = Tensor.of(noise(2 * 3 * 96 * 96), [2, 3, 96, 96], 'f32')
    const scores = await model.forward(images).data()
    const want = published[name]!.scores!
    const scale = Math.max(...want.map(Math.abs))
    scores.forEach((score, i) => {
      expect(Math.abs(score - want[i]!) / scale).toBeLessThan(1e-4)
    })
  })
})

describe('networks by name', () => {
  const shapes = [
    [1, 8, 8],
    [1, 28, 28],
    [3, 17, 20],
  ]
  test.each(['lenet', 'mlp'].flatMap((name) => shapes.map((shape) => [name, shape] as const)))(
    '%s takes images %j',
    (name, inputShape) => {
      const model = createModel(name, { inputShape, classes: 7 })
      expect(model.forward(zeros([2, ...inputShape])).shape).toEqual([2, 7])
    },
  )

  test('mlp:784-1568-10 has the sizes of its name', () => {
    const sizes = { inputShape: [1, 28, 28], classes: 10 }
    const model = createModel('mlp:784-300-100-10', sizes)
    expect(Object.keys(model.stateDict())).toEqual(
      [1, 2, 3].flatMap((i) => [`fc${i}.weight`, `fc${i}.bias`]),
    )
    expect(model.forward(zeros([2, 1, 28, 28])).shape).toEqual([2, 10])
    expect(() => createModel('mlp:700-10', sizes)).toThrow(/784-…-10/)
  })

  test('an unknown name, and data that a model can not take, are refused', () => {
    const sizes = { inputShape: [1, 8, 8], classes: 2 }
    expect(() => createModel('lenett', sizes)).toThrow(/'lenett'.*Did you mean 'lenet'/)
    expect(() => createModel('lenet', { ...sizes, inputShape: [64] })).toThrow(
      'LeNet: expected images',
    )
    expect(() => createModel('resnet18', sizes)).toThrow(/at least 32 × 32/)
  })
})

test('LeNet for 28 × 28 is 20-50-500', () => {
  const model = new LeNet({ inputShape: [1, 28, 28], classes: 10 })
  expect(countOf(model)).toBe(431_080)
  expect(Object.keys(model.stateDict())).toEqual(
    ['conv1', 'conv2', 'fc1', 'fc2'].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]),
  )
})

describe('LeNet-5', () => {
  const sizes = { inputShape: [1, 28, 28], classes: 10 }

  test('has the trained weights of the paper, but for those behind the mask', () => {
    const model = new LeNet5(sizes, { output: 'rbf' })
    const [masked, seen] = [16 * 6 * 25, 60 * 25]
    expect(countOf(model)).toBe(60_000 + masked - seen)
  })

  test.each(['linear', 'rbf'] as const)('takes 28 × 28 and 32 × 32; output %s', (output) => {
    for (const size of [28, 32]) {
      const model = new LeNet5({ ...sizes, inputShape: [1, size, size] }, { output })
      expect(model.forward(zeros([2, 1, size, size])).shape).toEqual([2, 10])
    }
  })

  test('scores of rbf: the nearest picture has most', async () => {
    const model = new LeNet5(sizes, { output: 'rbf' })
    const codes = Object.entries(model.namedBuffers()).find(([name]) => name.endsWith('codes'))![1]
    const distances = model.output.forward(codes)
    expect([...(await distances.argmax(1).data())]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('filters see the maps of the table alone', async () => {
    const { c3 } = new LeNet5(sizes)
    const [first] = await c3.mask.sum([1, 2, 3]).data()
    expect(first).toBe(3)
  })

  test.each([
    ['other sizes', { inputShape: [1, 30, 30], classes: 10 }, 'linear', /30 × 30/],
    ['rbf of twelve classes', { ...sizes, classes: 12 }, 'rbf', /at most 10/],
  ] as const)('refuses %s', (_, given, output, message) => {
    expect(() => new LeNet5(given, { output })).toThrow(message)
  })
})

test('AlexNet of 2012 has the parameters of the paper', () => {
  const sizes = { inputShape: [3, 227, 227], classes: 1000 }
  const model = nn.init.skip(() => new AlexNet2012(sizes))
  expect(countOf(model)).toBe(60_965_224)
})

test("GoogLeNet's auxiliary heads", () => {
  const sizes = { inputShape: [3, 64, 64], classes: 5 }
  const model = nn.init.skip(() => new GoogLeNet(sizes, { auxiliary: true }))
  const scores = model.heads(zeros([2, 3, 64, 64]))
  expect(scores.map(({ shape }) => shape)).toEqual([
    [2, 5],
    [2, 5],
    [2, 5],
  ])
})

test('U-Net gives each pixel scores', () => {
  const model = new UNet({ inputShape: [1, 32, 48], classes: 3 })
  expect(model.forward(zeros([2, 1, 32, 48])).shape).toEqual([2, 3, 32, 48])
  expect(() => model.forward(zeros([2, 1, 30, 48]))).toThrow(/that 8 divides/)
})

test('MLP is a module like any other', () => {
  expect(new MLP({ inputShape: [4], classes: 2 })).toBeInstanceOf(nn.Module)
})
