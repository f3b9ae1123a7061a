import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { data } from '../../src/index.ts'
import { currentBackend } from '../../src/tensor/engine.ts'

afterAll(async () => (await currentBackend()).close())

const { ArrayDataset, classTarget, DataLoader, Dataset, padded, randomAt } = data

/** Item i is i; some come later than others. */
class Slow extends Dataset<number> {
  readonly name = 'slow'
  readonly length: number
  reads = 0
  constructor(length: number) {
    super()
    this.length = length
  }
  override async get(index: number): Promise<number> {
    this.reads++
    await new Promise((done) => setTimeout(done, (index * 7) % 3))
    return index
  }
}

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('collate and samplers', () => {
  const sequence = (...ids: number[]) =>
    ({ dtype: 'i32', shape: [ids.length], data: Int32Array.from(ids) }) as const

  test('padded: to the longest, to a multiple, cut; targets too if they are sequences', () => {
    const items = [
      { input: sequence(1, 2, 3), target: sequence(4, 5, 6) },
      { input: sequence(7), target: sequence(8) },
    ]
    const [inputs, targets, lengths] = padded({ value: 9, multiple: 4 })(items)
    expect([...inputs.data]).toEqual([1, 2, 3, 9, 7, 9, 9, 9])
    expect([...targets.data]).toEqual([4, 5, 6, -100, 8, -100, -100, -100])
    expect([...lengths.data]).toEqual([3, 1])
    const cut = padded({ maxLength: 2 })(
      items.map(({ input }) => ({ input, target: classTarget(1) })),
    )
    expect([...cut[0].data]).toEqual([1, 2, 7, 0])
    expect(cut[1].shape).toEqual([2])
    expect([...cut[2].data]).toEqual([2, 1])
  })

  test('buckets: each example once, sequences of like length together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { minLength: 1, maxLength: 90 }),
        fc.nat(),
        (lengths, seed) => {
          const sampler = data.bucketSampler(lengths, { batchSize: 8 })
          const batches = sampler.batches(seed, 1)
          expect(batches).toHaveLength(sampler.length)
          expect(batches.flatMap((rows) => [...rows]).sort((a, b) => a - b)).toEqual([
            ...lengths.keys(),
          ])
          const waste = batches.reduce((sum, rows) => {
            const own = [...rows].map((row) => lengths[row]!)
            return sum + own.length * Math.max(...own) - own.reduce((a, b) => a + b)
          }, 0)
          // Sorted, batches overlap in one length at most: the sum of their ranges is below the range.
          expect(waste).toBeLessThanOrEqual(8 * 50)
          expect(sampler.batches(seed, 1)).toEqual(batches)
        },
      ),
    )
  })

  test('buckets in a loader; options that contradict are refused', async () => {
    const set = new Slow(7).map((i) => ({
      input: sequence(...Array(i + 1).fill(i)),
      target: classTarget(0),
    }))
    const batchSampler = data.bucketSampler([1, 2, 3, 4, 5, 6, 7], { batchSize: 2, shuffle: false })
    const loader = new DataLoader(set, { batchSampler, collate: padded() })
    expect((await all(loader)).map(([x]) => x.shape)).toEqual([
      [2, 2],
      [2, 4],
      [2, 6],
      [1, 7],
    ])
    expect(() => new DataLoader(set, { batchSampler, batchSize: 3 })).toThrow(/batchSampler alone/)
    const sampler = data.weightedSampler([1, 1])
    expect(() => new DataLoader(set, { sampler, shuffle: true })).toThrow(
      /sampler or shuffle, got both/,
    )
  })

  test('weighted: in proportion to the weights, each at most once without replacement', () => {
    const weights = [1, 0, 2, 5]
    const order = data.weightedSampler(weights, 8000).order(4, 0)
    weights.forEach((weight, i) => {
      const share = order.filter((row) => row === i).length / 8000
      // Four standard deviations of a binomial.
      expect(Math.abs(share - weight / 8)).toBeLessThan(4 * Math.sqrt(0.25 / 8000))
    })
    const counts = [0, 0, 0, 0]
    for (let seed = 0; seed < 4000; seed++) {
      const picked = data.weightedSampler(weights, 2, { replacement: false }).order(seed, 0)
      expect(new Set(picked).size).toBe(2)
      counts[picked[0]!]!++
    }
    expect(Math.abs(counts[3]! / 4000 - 5 / 8)).toBeLessThan(0.032)
    expect(() => data.weightedSampler([0, 0])).toThrow(/a weight above 0, got none/)
    expect(() => data.weightedSampler([1, -1])).toThrow(/got -1 at example 1/)
    expect(() => data.weightedSampler([1, 0], 2, { replacement: false })).toThrow(
      /at most 1 examples/,
    )
  })
})

test('unlabelled: each input is its own target, as f32; bytes from 0 to 1', () => {
  const targets = { dtype: 'i32' as const, shape: [2], data: Int32Array.of(0, 1) }
  const bytes = { dtype: 'u8' as const, shape: [2, 2], data: Uint8Array.of(0, 51, 102, 255) }
  const set = new ArrayDataset({ name: 'bytes', inputs: bytes, targets, classNames: ['a', 'b'] })
  const alone = set.unlabelled()
  expect([...alone.inputs.data].map((x) => Math.round(x * 1e6) / 1e6)).toEqual([0, 0.2, 0.4, 1])
  expect(alone.targets).toEqual(alone.inputs)
  expect([alone.name, alone.classNames]).toEqual(['bytes', undefined])
  const reals = { dtype: 'f32' as const, shape: [2, 1], data: Float32Array.of(-3, 7) }
  const kept = new ArrayDataset({ name: 'reals', inputs: reals, targets }).unlabelled()
  expect([...kept.targets.data]).toEqual([-3, 7])
})

describe('Random', () => {
  test('weighted: a position as often as its weight says', () => {
    const random = randomAt(1, 0, 0)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 20_000; i++) counts[random.weighted([1, 0, 5, 4])]!++
    expect(counts[1]).toBe(0)
    expect(counts[0]! / 20_000).toBeCloseTo(0.1, 2)
    expect(counts[2]! / 20_000).toBeCloseTo(0.5, 1)
    // The last possible one where rounding leaves the sum below what was drawn.
    expect(random.weighted(Float32Array.of(0, 3, 0))).toBe(1)
  })

  test.each([[[1, -1]], [[Number.NaN]], [[0, 0]], [[]], [[1, Number.POSITIVE_INFINITY]]])(
    'weighted refuses %j',
    (weights) => {
      expect(() => randomAt(1, 0, 0).weighted(weights)).toThrow(
        /Random: weighted: expected weights from 0, and some above 0, got/,
      )
    },
  )

  test('uniform and normal numbers have the moments they should', () => {
    const random = randomAt(1, 2, 3)
    const n = 200_000
    const moments = (draw: () => number) => {
      const sums = [0, 0, 0, 0]
      for (let i = 0; i < n; i++) {
        const x = draw()
        for (let k = 0; k < 4; k++) sums[k]! += x ** (k + 1)
      }
      return sums.map((sum) => sum / n)
    }
    const uniform = moments(() => random.uniform())
    ;[1 / 2, 1 / 3, 1 / 4, 1 / 5].forEach((moment, k) => {
      expect(Math.abs(uniform[k]! - moment)).toBeLessThan(0.003)
    })
    const normal = moments(() => random.normal())
    // Five standard errors: the moments' variances over n are 1, 2, 15 and 96.
    ;[0, 1, 0, 3].forEach((moment, k) => {
      expect(Math.abs(normal[k]! - moment)).toBeLessThan(5 * Math.sqrt([1, 2, 15, 96][k]! / n))
    })
    let tail = 0
    for (let i = 0; i < n; i++) tail += Number(Math.abs(random.normal()) > 3.5)
    // 2 (1 − Φ(3.5)) = 4.65e−4.
    expect(Math.abs(tail / n - 4.65e-4)).toBeLessThan(2.5e-4)
  })

  test('bits are xoshiro128++ (the values of the reference implementation)', () => {
    const random = new data.Random(Int32Array.of(1, 2, 3, 4))
    expect([0, 1, 2, 3].map(() => random.bits() >>> 0)).toEqual([
      641, 1573767, 3222811527, 3517856514,
    ])
  })
})
