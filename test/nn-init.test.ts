import { beforeAll, describe, expect, test } from 'vitest'
import { createBackend, eye, manualSeed, nn, type Tensor, useBackend } from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

async function statistics(x: Tensor) {
  const data = [...(await x.data())]
  const mean = data.reduce((a, b) => a + b, 0) / data.length
  const std = Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length)
  return { mean, std, largest: Math.max(...data.map(Math.abs)) }
}

const { init } = nn

describe('distributions', () => {
  const shape = [64, 32, 3, 3]
  const [fanIn, fanOut] = [32 * 9, 64 * 9]
  test.each([
    [
      'kaimingUniform',
      () => init.kaimingUniform(shape, { nonlinearity: 'relu' }),
      Math.sqrt(2 / fanIn),
    ],
    [
      'kaimingNormal',
      () => init.kaimingNormal(shape, { nonlinearity: 'relu' }),
      Math.sqrt(2 / fanIn),
    ],
    [
      'kaimingNormal, fanOut',
      () => init.kaimingNormal(shape, { mode: 'fanOut' }),
      Math.sqrt(2 / fanOut),
    ],
    ['xavierUniform', () => init.xavierUniform(shape), Math.sqrt(2 / (fanIn + fanOut))],
    ['xavierNormal, gain', () => init.xavierNormal(shape, 3), 3 * Math.sqrt(2 / (fanIn + fanOut))],
    ['normal', () => init.normal(shape, 0, 0.02), 0.02],
    ['uniform', () => init.uniform(shape, -1, 1), 1 / Math.sqrt(3)],
  ] as const)('%s has its standard deviation and mean 0', async (_, make, std) => {
    const found = await statistics(make())
    expect(found.std / std).toBeCloseTo(1, 1)
    expect(Math.abs(found.mean)).toBeLessThan((4 * std) / Math.sqrt(64 * 32 * 9))
  })

  test('uniform ones stay within their bounds and come near them', async () => {
    const bound = Math.sqrt(6 / fanIn)
    const { largest } = await statistics(init.kaimingUniform(shape, { nonlinearity: 'relu' }))
    expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6))
    expect(largest).toBeGreaterThan(bound * 0.99)
  })

  test("layers begin as PyTorch's: U(±1/√fanIn), weight and bias", async () => {
    for (const layer of [new nn.Linear(400, 300), new nn.Conv2d(16, 300, 5)]) {
      for (const state of [layer.weight, layer.bias!]) {
        const { largest, std } = await statistics(state)
        expect(largest).toBeLessThanOrEqual(0.05 * (1 + 1e-6))
        expect(std).toBeCloseTo(0.05 / Math.sqrt(3), 2)
      }
    }
  })

  test('fans and gains', () => {
    expect(init.fans([20, 10])).toEqual({ fanIn: 10, fanOut: 20 })
    expect(() => init.kaimingUniform([3])).toThrow(/at least 2 dims/)
    expect(init.gain('tanh')).toBeCloseTo(5 / 3)
    expect(() => init.gain('swish' as 'tanh')).toThrow(/'swish'/)
  })

  test('weights of zeros are refused unless asked for by name', async () => {
    for (const make of [
      () => init.constant([2, 3], 0),
      () => init.uniform([2, 3], 0, 0),
      () => init.normal([2, 3], 0, 0),
      () => init.xavierUniform([2, 3], 0),
      () => init.xavierNormal([2, 3], 0),
      () => init.orthogonal([2, 3], 0),
      () => init.sparse([2, 3], 0.9),
    ]) {
      expect(make).toThrow(/not all 0, got .* for a weight \[2, 3\]\. .*init\.zeros/)
    }
    expect([...(await init.zeros([1, 2]).data())]).toEqual([0, 0])
    expect([...(await init.constant([2], 0).data())]).toEqual([0, 0])
  })

  test('truncated normal stays within its interval and keeps its shape', async () => {
    const x = init.truncatedNormal([200, 50], { std: 1, low: -1, high: 1.5 })
    const data = [...(await x.data())]
    expect(Math.min(...data)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...data)).toBeLessThanOrEqual(1.5)
    // Mean of N(0, 1) on [−1, 1.5]: (φ(−1) − φ(1.5)) / (Φ(1.5) − Φ(−1)).
    expect((await statistics(x)).mean).toBeCloseTo((0.24197 - 0.12952) / (0.93319 - 0.15866), 1)
    expect(() => init.truncatedNormal([2, 2], { low: 1, high: 1 })).toThrow(/got \[1, 1\]/)
    expect(() => init.truncatedNormal([2, 2], { low: 50, high: 60 })).toThrow(/reaches/)
    expect(() => init.truncatedNormal([2, 2], { std: 0 })).toThrow(/std = 0/)
  })

  test.each([
    [3, 5],
    [5, 3],
    [4, 4],
    [8, 2, 3],
  ])('orthogonal of %j', async (...shape) => {
    const w = init.orthogonal(shape, 2).reshape([shape[0]!, -1])
    const [rows, columns] = w.shape as [number, number]
    const gram = rows <= columns ? w.matmul(w.transpose()) : w.transpose().matmul(w)
    const n = Math.min(rows, columns)
    const difference = gram.sub(eye(n).mul(4)).abs().max()
    expect(await difference.item()).toBeLessThan(1e-5)
    expect(() => init.orthogonal([3])).toThrow(/at least 2 dims/)
  })

  test('sparse has its share of zeros in each column', async () => {
    const w = init.sparse([10, 6], 0.25, { std: 1 })
    expect([...(await w.eq(0).sum(0).data())]).toEqual(new Array(6).fill(3))
    expect(() => init.sparse([10, 6], 1)).toThrow(/sparsity = 1/)
  })

  test('constants', async () => {
    expect([...(await init.constant([2], 3).data())]).toEqual([3, 3])
  })
})

test('a seed gives the same weights, another seed others, and no two layers the same', async () => {
  const weights = async (seed: number) => {
    manualSeed(seed)
    const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Linear(3, 4))
    return Promise.all(model.parameters().map(async (p) => [...(await p.data())]))
  }
  const [a, b, c] = [await weights(1), await weights(1), await weights(2)]
  expect(b).toEqual(a)
  expect(c).not.toEqual(a)
  expect(a[0]).not.toEqual(a[2])
})
