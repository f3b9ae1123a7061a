import { beforeAll, describe, expect, test } from 'vitest'
import {
  BrickError,
  compile,
  createBackend,
  customGradient,
  grad,
  manualSeed,
  nn,
  ones,
  rand,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const numbers = async (x: Tensor): Promise<number[]> => [...(await x.data())]
const close = async (x: Tensor, want: readonly number[], digits = 5) => {
  const got = await numbers(x)
  expect(got).toHaveLength(want.length)
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(want[i]!, digits)
  })
}

describe('convolutions and pools', () => {
  test.each([
    ['plain', new nn.Conv2d(2, 4, 3), [1, 4, 8, 7]],
    ['stride and padding', new nn.Conv2d(2, 4, 3, { stride: 2, padding: 1 }), [1, 4, 5, 5]],
    ['same', new nn.Conv2d(2, 4, [4, 3], { padding: 'same' }), [1, 4, 10, 9]],
    ['same, dilated', new nn.Conv2d(2, 4, 3, { padding: 'same', dilation: 2 }), [1, 4, 10, 9]],
    ['groups', new nn.Conv2d(2, 4, 3, { groups: 2 }), [1, 4, 8, 7]],
    ['reflect', new nn.Conv2d(2, 4, 3, { padding: 1, paddingMode: 'reflect' }), [1, 4, 10, 9]],
    ['max pool', new nn.MaxPool2d(2), [1, 2, 5, 4]],
    ['max pool, ceil', new nn.MaxPool2d(2, { ceilMode: true }), [1, 2, 5, 5]],
    ['average pool', new nn.AvgPool2d(3, { stride: 2, padding: 1 }), [1, 2, 5, 5]],
    ['global pool', new nn.AdaptiveAvgPool2d(1), [1, 2, 1, 1]],
    ['flatten', new nn.Flatten(), [1, 180]],
  ] as const)('%s', (_, layer, shape) => {
    expect(layer.forward(zeros([1, 2, 10, 9])).shape).toEqual(shape)
  })

  test('in one and three dims', () => {
    expect(new nn.Conv1d(2, 3, 3).forward(zeros([1, 2, 9])).shape).toEqual([1, 3, 7])
    expect(new nn.Conv3d(1, 2, 2).forward(zeros([1, 1, 4, 4, 4])).shape).toEqual([1, 2, 3, 3, 3])
    expect(new nn.AvgPool1d(3).forward(zeros([1, 2, 9])).shape).toEqual([1, 2, 3])
    expect(new nn.MaxPool3d(2).forward(zeros([1, 1, 4, 4, 4])).shape).toEqual([1, 1, 2, 2, 2])
  })

  test("'same' puts the odd element behind, as PyTorch does", async () => {
    const layer = new nn.Conv1d(1, 1, 2, { padding: 'same', bias: false })
    layer.weight.assign(tensor([[[1, 10]]]))
    expect(await numbers(layer.forward(tensor([[[1, 2, 3]]])))).toEqual([21, 32, 3])
  })

  test.each([
    [() => new nn.Conv2d(3, 4, 3, { groups: 2 }), /Conv2d: .*groups that divide both.*groups = 2/],
    [() => new nn.Conv2d(3, 4, 3, { padding: 'same', stride: 2 }), /stride 1/],
    [() => new nn.Conv2d(3, 0, 3), /outChannels = 0/],
    [() => new nn.Conv2d(3, 4, [3, 3, 3]), /kernel/],
    [() => new nn.Linear(2.5, 1), /inFeatures = 2.5/],
    [() => new nn.Dropout(1.5), /p = 1.5/],
    [() => new nn.MaxPool2d(2).forward(zeros([3, 4])), /MaxPool2d: expected \[N, C, H, W\]/],
    [() => new nn.BatchNorm2d(3).forward(zeros([2, 4, 3, 3])), /BatchNorm2d: expected 3 channels/],
    [() => new nn.BatchNorm1d(3).forward(zeros([1, 3])), /more than one value a channel/],
    [() => nn.groupNorm(zeros([2, 4, 3]), 3), /divisible by 3/],
    [() => nn.layerNorm(zeros([2, 4]), [3]), /ends in \[3\]/],
  ])('refuses bad options and inputs (%#)', (body, message) => {
    expect(body).toThrow(BrickError)
    expect(body).toThrow(message)
  })
})

describe('batch norm', () => {
  const x = tensor([
    [1, 10],
    [3, 30],
    [5, 80],
  ])

  test('running statistics: momentum, unbiased variance, a counter', async () => {
    const layer = new nn.BatchNorm1d(2, { momentum: 0.5 })
    const y = await numbers(layer.forward(x))
    expect(y[0]).toBeCloseTo(-2 / Math.sqrt(8 / 3), 4)
    await close(layer.runningMean!, [1.5, 20])
    await close(layer.runningVar!, [0.5 + 2, 0.5 + 650], 3)
    layer.forward(x)
    expect(await layer.numBatchesTracked!.item()).toBe(2)
    expect(layer.numBatchesTracked!.dtype).toBe('i32')
    await close(layer.runningMean!, [2.25, 30])
  })

  test('evaluation uses them and leaves them alone', async () => {
    const layer = new nn.BatchNorm1d(2, { eps: 0 }).eval()
    layer.loadStateDict(
      { running_mean: tensor([1, 10]), running_var: tensor([4, 100]) },
      { strict: false },
    )
    await close(layer.forward(x), [0, 0, 1, 2, 2, 7])
    await close(layer.runningMean!, [1, 10])
  })

  test('momentum null is the mean of all batches', async () => {
    const layer = new nn.BatchNorm1d(2, { momentum: null })
    layer.forward(x)
    layer.forward(x.add(2))
    await close(layer.runningMean!, [4, 41])
  })

  test('compiled, the statistics move at each call', async () => {
    const layer = new nn.BatchNorm1d(2)
    const step = compile((batch: Tensor) => layer.forward(batch))
    for (let i = 0; i < 3; i++) step(x)
    expect(await layer.numBatchesTracked!.item()).toBe(3)
    await close(layer.runningMean!, [3 * (1 - 0.9 ** 3), 40 * (1 - 0.9 ** 3)], 4)
  })

  test('without statistics or weights there are no states', () => {
    const layer = new nn.BatchNorm1d(2, { affine: false, trackRunningStats: false })
    expect(Object.keys(layer.stateDict())).toEqual([])
    expect(layer.eval().forward(x).shape).toEqual([3, 2])
  })

  test('gradient and its gradient agree with the composed formula', async () => {
    const a = variable(
      tensor([
        [0.3, -1],
        [2, 0.5],
        [-0.7, 1.1],
      ]),
      true,
    )
    const weights = tensor([
      [1, -2],
      [0.5, 3],
      [2, 0.1],
    ])
    const composed = (t: Tensor) =>
      t.sub(t.mean(0, true)).div(t.sub(t.mean(0, true)).square().mean(0, true).add(1e-5).sqrt())
    const both = [(t: Tensor) => nn.batchNorm(t), composed].map((fn) => {
      const [first] = grad(fn(a).mul(weights).sum(), [a])
      return [first!, grad(first!.square().sum(), [a])[0]!] as const
    })
    await close(both[0]![0], await numbers(both[1]![0]), 4)
    await close(both[0]![1], await numbers(both[1]![1]), 3)
  })
})

describe('dropout', () => {
  test('keeps the expectation, draws by the seed, and passes in evaluation', async () => {
    const layer = new nn.Dropout(0.25)
    const x = ones([4000])
    manualSeed(7)
    const [first, second] = [await numbers(layer.forward(x)), await numbers(layer.forward(x))]
    expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / 0.75)]))
    expect(first.filter((v) => v === 0).length / 4000).toBeCloseTo(0.25, 1)
    expect(second).not.toEqual(first)
    manualSeed(7)
    expect(await numbers(layer.forward(x))).toEqual(first)
    expect(layer.eval().forward(x)).toBe(x)
  })

  test('p = 1 drops all, p = 0 nothing; gradients pass where values did', async () => {
    const x = variable(rand([64]).add(1), true)
    expect(await nn.dropout(x, 1).sum().item()).toBe(0)
    expect(nn.dropout(x, 0)).toBe(x)
    const y = nn.dropout(x, 0.5)
    const [g] = grad(y.sum(), [x])
    const [values, gradients] = [await numbers(y), await numbers(g!)]
    expect(values.map((v) => v !== 0)).toEqual(gradients.map((v) => v === 2))
    expect(new Set(gradients)).toEqual(new Set([0, 2]))
  })

  test('a compiled step draws anew at each call', async () => {
    const layer = new nn.Dropout()
    const step = compile((x: Tensor) => layer.forward(x))
    expect(await numbers(step(ones([64])))).not.toEqual(await numbers(step(ones([64]))))
  })
})

describe('activations', () => {
  const gradientAt = async (fn: (x: Tensor) => Tensor, ...values: number[]) => {
    const x = variable(tensor(values), true)
    return numbers(grad(fn(x).sum(), [x])[0]!)
  }

  test("gradients at kinks are PyTorch's", async () => {
    expect(await gradientAt((x) => x.relu(), -1, 0, 2)).toEqual([0, 0, 1])
    expect(await gradientAt((x) => nn.leakyRelu(x, 0.25), -1, 0, 2)).toEqual([0.25, 0.25, 1])
    expect(await gradientAt((x) => nn.elu(x, 2), 0)).toEqual([2])
    expect(await gradientAt((x) => nn.hardtanh(x), -1, 0, 1)).toEqual([0, 1, 0])
    expect(await gradientAt((x) => nn.relu6(x), 0, 3, 6)).toEqual([0, 1, 0])
    expect(await gradientAt((x) => nn.softplus(x), 0)).toEqual([0.5])
    await expect(gradientAt((x) => nn.hardswish(x), -3, 3)).resolves.toEqual([-0.5, 1.5])
  })

  test('far from 0 nothing overflows', async () => {
    for (const fn of [
      nn.elu,
      nn.selu,
      nn.celu,
      nn.softplus,
      nn.mish,
      nn.silu,
      nn.gelu,
      nn.logSigmoid,
    ]) {
      const g = await gradientAt((x) => fn(x), -200, 200)
      expect(g.every(Number.isFinite), fn.name).toBe(true)
    }
    await close(nn.softplus(tensor([-200, 200])), [0, 200])
  })

  test('relu keeps NaN, in values and gradients, and is linear in the gradient', async () => {
    expect(await numbers(tensor([Number.NaN, -1]).relu())).toEqual([Number.NaN, 0])
    expect(await gradientAt((x) => x.relu().mul(x), Number.NaN, 2)).toEqual([Number.NaN, 4])
    const x = variable(tensor([-1, 2, 3]), true)
    const [first] = grad(x.relu().square().sum(), [x])
    const [second] = grad(first!.mul(tensor([1, 10, 100])).sum(), [x])
    expect(await numbers(first!)).toEqual([0, 4, 6])
    expect(await numbers(second!)).toEqual([0, 20, 200])
  })

  test('maxout is the largest of its pieces', async () => {
    const weight = tensor([[[1, 0]], [[0, 1]]])
    expect(
      await numbers(
        nn.maxout(
          tensor([
            [3, 5],
            [7, 2],
          ]),
          weight,
        ),
      ),
    ).toEqual([5, 7])
    expect(() => nn.maxout(ones([1, 2]), ones([2, 2]))).toThrow(/\[pieces, out, in\]/)
  })
})

test('a custom gradient sees its inputs as they were, though a state was assigned since', async () => {
  const product = customGradient(
    (a: Tensor, b: Tensor) => a.mul(b),
    ([a, b], g) => [g.mul(b), g.mul(a)],
  )
  const [x, w] = [variable(tensor([3]), true), variable(tensor([2]), true)]
  const y = product(x, w)
  w.assign(tensor([100]))
  expect(await grad(y, [x])[0]!.item()).toBe(2)
})
