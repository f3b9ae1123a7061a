import { afterAll, expect, test } from 'vitest'
import { createModel, LeNet, modelNames } from '../src/models/models.ts'
import { zeros } from '../src/tensor/create.ts'
import { currentBackend } from '../src/tensor/engine.ts'

afterAll(async () => (await currentBackend()).close())

const shapes = [
  [1, 8, 8],
  [1, 28, 28],
  [3, 17, 20],
]

test.each(modelNames.flatMap((name) => shapes.map((shape) => [name, shape] as const)))(
  '%s takes images %j',
  (name, inputShape) => {
    const model = createModel(name, { inputShape, classes: 7 })
    expect(model.forward(zeros([2, ...inputShape])).shape).toEqual([2, 7])
  },
)

test('LeNet for 28 × 28 is 20-50-500', () => {
  const model = new LeNet({ inputShape: [1, 28, 28], classes: 10 })
  expect(model.parameters().reduce((sum, { size }) => sum + size, 0)).toBe(431_080)
  expect(Object.keys(model.stateDict())).toEqual(
    ['conv1', 'conv2', 'fc1', 'fc2'].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]),
  )
})

test('an unknown name, and data that a model can not take, are refused', () => {
  const sizes = { inputShape: [1, 8, 8], classes: 2 }
  expect(() => createModel('lenett', sizes)).toThrow(/'lenett'.*Did you mean 'lenet'/)
  expect(() => createModel('lenet', { ...sizes, inputShape: [64] })).toThrow(
    'LeNet: expected images',
  )
})
