import { afterAll, describe, expect, test } from 'vitest'
import { data, embedding, nn, optim, randn, type Tensor, train } from '../../src/index.ts'
import { currentBackend } from '../../src/tensor/engine.ts'

afterAll(async () => (await currentBackend()).close())

const { ArrayDataset, classTarget, DataLoader, Dataset, IterableDataset, padded } = data
type Example = data.Example

const vector = (...values: number[]) =>
  ({ dtype: 'f32', shape: [values.length], data: Float32Array.from(values) }) as const

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

class Numbers extends IterableDataset<number> {
  readonly name: string = 'numbers'
  closed = 0
  override *iterate() {
    try {
      for (let i = 0; i < 10; i++) yield i
    } finally {
      this.closed++
    }
  }
}

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Example i has input [i] and class i mod 3. */
const examples = (length: number) =>
  new Slow(length).map((i): Example => ({ input: vector(i), target: classTarget(i % 3) }))

describe('Dataset', () => {
  test('map, filter, concat, subset and cache compose', async () => {
    const slow = new Slow(6)
    const even = await slow.filter((x) => x % 2 === 0)
    const set = even.concat(slow.subset([5, 1])).map((x) => 10 * x)
    expect(await all(set)).toEqual([0, 20, 40, 50, 10])
    expect(await all(set.subset([4, 0]))).toEqual([10, 0])
    const cached = slow.cache()
    const before = slow.reads
    expect(await all(cached)).toEqual(await all(cached))
    expect(slow.reads).toBe(before + 6)
    expect(() => slow.subset([6])).toThrow("slow: expected an example's number from 0 to 5, got 6")
  })

  test('a cache forgets what failed', async () => {
    let failures = 1
    const cached = new Slow(1)
      .map((x) => {
        if (failures-- > 0) throw new Error('not yet')
        return x
      })
      .cache()
    await expect(cached.get(0)).rejects.toThrow('not yet')
    expect(await cached.get(0)).toBe(0)
  })

  test('what map draws depends on seed, epoch and item alone; each map draws its own', async () => {
    const drawn = new Slow(3).map((_, __, random) => random.uniform())
    const twice = drawn.map((x, _, random) => [x, random.uniform()])
    const at = (seed: number, epoch: number, i: number) => twice.get(i, { seed, epoch })
    expect(await at(1, 2, 0)).toEqual(await at(1, 2, 0))
    const values = (await Promise.all([at(1, 2, 0), at(1, 2, 1), at(1, 3, 0), at(2, 2, 0)])).flat()
    expect(new Set(values).size).toBe(values.length)
    const doubled = drawn.concat(drawn)
    expect(await doubled.get(0)).not.toBe(await doubled.get(3, { seed: 0, epoch: 0 }))
  })

  test('split: parts share nothing; stratified by labels that are given or known', async () => {
    const labels = Int32Array.from({ length: 30 }, (_, i) => Number(i >= 20))
    const parts = new Slow(30).split([0.5, 0.5], { stratified: true, labels })
    const rows = await Promise.all(parts.map(all))
    expect(rows.flat().sort((a, b) => a - b)).toEqual([...Array(30).keys()])
    for (const part of rows) expect(part.filter((i) => i >= 20)).toHaveLength(5)
    expect(() => new Slow(3).split(0.5, { stratified: true })).toThrow(
      /slow: split: expected class numbers .* got a dataset that knows none\. Pass { labels }/,
    )
    const iris = await data.iris()
    const [a] = iris.map((item) => item).split(0.2, { stratified: true })
    expect(Array.from(a!.labels()!).filter((label) => label === 1)).toHaveLength(10)
  })

  test('arrays stay arrays: concat and split copy, other datasets join as items', async () => {
    const iris = await data.iris()
    const [a, b] = iris.split(0.5)
    const joined = a!.concat(b!)
    expect(joined).toBeInstanceOf(ArrayDataset)
    expect(joined.length).toBe(150)
    expect((await joined.get(80)).input.data).toEqual((await b!.get(5)).input.data)
    const mixed = a!.concat(b!.map((item) => item))
    expect(mixed).not.toBeInstanceOf(ArrayDataset)
    expect((await mixed.get(80)).target.data).toEqual((await b!.get(5)).target.data)
    const wine = await data.wine()
    expect(() => iris.map((x) => x).concat(wine)).toThrow(
      /concat: expected datasets with the same classes/,
    )
  })
})

describe('IterableDataset', () => {
  test('map, filter, concat, take compose, and close their source', async () => {
    const numbers = new Numbers()
    const set = numbers
      .filter((x) => x % 3 === 0)
      .map((x) => -x)
      .concat(numbers.take(2))
    expect(await set.toArray()).toEqual([-0, -3, -6, -9, 0, 1])
    expect(numbers.closed).toBe(2)
  })

  test('cache reads the source until one pass was whole', async () => {
    const numbers = new Numbers()
    const cached = numbers.cache()
    expect(await cached.take(3).toArray()).toEqual([0, 1, 2])
    expect(await cached.toArray()).toHaveLength(10)
    expect(await cached.toArray()).toEqual(await numbers.toArray())
    expect(numbers.closed).toBe(3)
  })

  test('shuffle: every item once, in an order that the draw decides', async () => {
    const shuffled = new Numbers().shuffle(4)
    const order = await shuffled.toArray({ seed: 1, epoch: 0 })
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(10).keys()])
    expect(await shuffled.toArray({ seed: 1, epoch: 0 })).toEqual(order)
    expect(await shuffled.toArray({ seed: 1, epoch: 1 })).not.toEqual(order)
    expect(order.indexOf(9)).toBeGreaterThan(5)
  })

  test('loads in batches and resumes; an empty one and an order for one are refused', async () => {
    const set = new Numbers().map((i): Example => ({ input: vector(i), target: vector(-i) }))
    const loader = () => new DataLoader(set, { batchSize: 4 })
    expect((await all(loader())).map(([x]) => [...x.data])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    expect(await all(new DataLoader(set, { batchSize: 4, dropLast: true }))).toHaveLength(2)
    const resumed = loader()
    resumed.restore({ seed: 0, epoch: 3, batch: 2 })
    expect((await all(resumed)).map(([x]) => [...x.data])).toEqual([[8, 9]])
    expect(resumed.position).toEqual({ seed: 0, epoch: 4, batch: 0 })
    const none = new DataLoader(set.filter(() => false))
    await expect(all(none)).rejects.toThrow('DataLoader: numbers: expected examples, got none')
    expect(() => new DataLoader(set, { shuffle: true })).toThrow(/Use dataset\.shuffle\(buffer\)/)
  })
})

describe('the loader with any dataset', () => {
  test('waits for items, keeps their order and resumes', async () => {
    const options = { batchSize: 4, shuffle: true, seed: 3 }
    const loader = new DataLoader(examples(10), options)
    const epochs = [await all(loader), await all(loader)]
    const rows = epochs.map((batches) => batches.flatMap(([x]) => [...x.data]))
    expect(rows[0]).not.toEqual(rows[1])
    for (const row of rows) expect([...row].sort((a, b) => a - b)).toEqual([...Array(10).keys()])
    const resumed = new DataLoader(examples(10), options)
    resumed.restore({ seed: 3, epoch: 1, batch: 1 })
    expect((await all(resumed)).flatMap(([x]) => [...x.data])).toEqual(rows[1]!.slice(4))
    expect(() => [...loader.batches()]).toThrow(
      /one whose items are waited for\. Loop over the loader/,
    )
  })

  test('an error of an item comes when its turn has come', async () => {
    const set = new Slow(8).map((i): Example => {
      if (i === 5) throw new Error('item 5')
      return { input: vector(i), target: vector(i) }
    })
    const seen: number[] = []
    const failing = (async () => {
      for await (const [x] of new DataLoader(set, { batchSize: 2 })) seen.push(...x.data)
    })()
    await expect(failing).rejects.toThrow('item 5')
    expect(seen).toEqual([0, 1, 2, 3])
  })

  test('bytes are scaled, normalised and changed as those of arrays are', async () => {
    const n = 6
    const images = new ArrayDataset({
      name: 'images',
      inputs: {
        dtype: 'u8',
        shape: [n, 2, 1, 2],
        data: Uint8Array.from({ length: 4 * n }, (_, i) => 9 * i),
      },
      targets: { dtype: 'i32', shape: [n], data: new Int32Array(n) },
    })
    const transform: data.BatchTransform = (inputs, randoms) => {
      const own = inputs.data.map((x, i) => x * randoms[Math.floor(i / 4)]!.uniform())
      return { ...inputs, data: own }
    }
    const options = {
      batchSize: 4,
      shuffle: true,
      seed: 2,
      normalize: { mean: [0.1, 0.2], std: 0.5 },
    }
    for (const own of [options, { ...options, transform }, { batchSize: 4, transform }]) {
      const arrays = await all(new DataLoader(images, own))
      const items = await all(
        new DataLoader(
          images.map((item) => item),
          own,
        ),
      )
      expect(items).toEqual(arrays)
    }
    const [scaled] = await all(new DataLoader(images, { batchSize: 6, transform: (x) => x }))
    expect(scaled![0].data[3]).toBeCloseTo(27 / 255, 6)
  })

  test('whole numbers stay whole numbers', async () => {
    const ids = { dtype: 'i32', shape: [2, 3], data: Int32Array.of(1, 2, 3, 4, 5, 6) } as const
    const set = new ArrayDataset({ name: 'ids', inputs: ids, targets: ids })
    expect((await all(new DataLoader(set)))[0]![0]).toEqual(ids)
  })

  test('items that differ, no examples and wrong labels are named', async () => {
    const uneven = new Slow(3).map((i) => ({
      input: vector(...Array(i + 1).fill(0)),
      target: vector(0),
    }))
    await expect(all(new DataLoader(uneven))).rejects.toThrow(
      /inputs of a batch: expected examples alike: f32 \[1\] as the first, got f32 \[2\] at place 1\. .*padded\(\)/,
    )
    await expect(all(new DataLoader(new Slow(2) as never))).rejects.toThrow(
      /item 0 of a batch: expected an example { input, target }/,
    )
    class Named extends Dataset {
      readonly name = 'named'
      readonly length = 9
      override readonly classNames = ['a', 'b']
      override get(index: number): Example {
        return { input: vector(index), target: classTarget(index === 7 ? 2 : 1) }
      }
    }
    await expect(all(new DataLoader(new Named(), { batchSize: 3, shuffle: true }))).rejects.toThrow(
      'named: targets: expected labels from 0 to 1 (there are 2 classes), got 2 at example 7',
    )
  })
})

describe('train.fit', () => {
  const options: train.FitOptions = {
    loss: nn.crossEntropy,
    optimizer: optim.adam({ lr: 0.05 }),
    epochs: 8,
    batchSize: 16,
    seed: 1,
    progress: 'none',
  }
  const model = () => new nn.Sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 3))

  test('takes arrays, items and streams: the same examples give the same weights', async () => {
    const set = data.gaussians({ n: 96, seed: 1 })
    class Stream extends IterableDataset<Example> {
      readonly name = 'gaussians'
      override *iterate() {
        for (let i = 0; i < set.length; i++) yield set.get(i)
      }
    }
    const losses = async (source: data.AnyDataset<Example>) => {
      const { manualSeed } = await import('../../src/index.ts')
      manualSeed(4)
      const run = await train.fit(model(), source, {
        ...options,
        shuffle: false,
        validation: source,
      })
      return run.history.map((record) => [record.train.loss, record.validation?.loss])
    }
    const expected = await losses(set)
    expect(expected.at(-1)![1]).toBeLessThan(0.3)
    expect(await losses(set.map((item) => item))).toEqual(expected)
    const stream = new Stream()
    const { manualSeed } = await import('../../src/index.ts')
    manualSeed(4)
    const run = await train.fit(model(), stream, options)
    expect(run.history.map((record) => record.train.loss)).toEqual(expected.map(([loss]) => loss))
  })

  test('takes sequences of different lengths, padded, in buckets', async () => {
    class MeanOfTokens extends nn.Module {
      readonly table = nn.parameter(randn([8, 4]))
      readonly out = new nn.Linear(4, 2)
      forward(ids: Tensor): Tensor {
        return this.out.forward(embedding(ids, this.table).mean(1))
      }
    }
    // Class 1 is made of tokens 4 to 7.
    const lengths = Array.from({ length: 60 }, (_, i) => 1 + ((i * 7) % 5))
    const set = new Slow(60).map((i): Example => {
      const shift = 4 * (i % 2)
      const ids = Int32Array.from({ length: lengths[i]! }, (_, k) => shift + ((i + k) % 3) + 1)
      return { input: { dtype: 'i32', shape: [ids.length], data: ids }, target: classTarget(i % 2) }
    })
    const run = await train.fit(new MeanOfTokens(), set, {
      ...options,
      epochs: 6,
      loading: {
        collate: padded({ multiple: 5 }),
        batchSampler: data.bucketSampler(lengths, { batchSize: 10 }),
      },
    })
    expect(run.history.at(-1)!.train.loss).toBeLessThan(0.2)
  })

  test('augment changes training batches alone', async () => {
    const set = data.gaussians({ n: 32, seed: 1 })
    let calls = 0
    const augment: data.BatchTransform = (inputs) => {
      calls++
      return inputs
    }
    await train.fit(model(), set, { ...options, epochs: 2, validation: set, augment })
    expect(calls).toBe(4)
  })

  test.each(['inputs', 'targets'])('NaN in the %s of a batch is named', async (what) => {
    const { inputs } = data.gaussians({ n: 40 })
    const parts = { inputs, targets: { ...inputs, data: Float32Array.from(inputs.data) } }
    parts[what as 'inputs'].data[2 * 21 + 1] = Number.NaN
    const failing = train.fit(new nn.Linear(2, 2), new ArrayDataset({ name: 'd', ...parts }), {
      ...options,
      loss: nn.mse,
      shuffle: false,
    })
    await expect(failing).rejects.toThrow(
      `train.fit: epoch 1, step 2 of 3: ${what}: expected finite numbers in the batch, got NaN at its example 5`,
    )
  })

  test('a label beyond the outputs is named with classes, value and example', async () => {
    const targets = { dtype: 'i32', shape: [4], data: Int32Array.of(0, 1, 2, 3) } as const
    const inputs = { dtype: 'f32', shape: [4, 2], data: new Float32Array(8) } as const
    const set = new ArrayDataset({ name: 'four', inputs, targets })
    const wanted = /labels from 0 to 2 \(there are 3 classes\), got 3 at example 3/
    await expect(train.fit(model(), set, options)).rejects.toThrow(wanted)
    const items = new Slow(4).map((i): Example => ({ input: vector(0, 0), target: classTarget(i) }))
    await expect(train.fit(model(), items, { ...options, shuffle: false })).rejects.toThrow(
      /train\.fit: targets of step 1: expected labels from 0 to 2 .* got 3 at example 3/,
    )
  })
})
