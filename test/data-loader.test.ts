import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import { type Batch, DataLoader } from '../src/data/dataloader.ts'
import { permutation, uniformAt } from '../src/data/random.ts'
import { statistics } from '../src/data/statistics.ts'

/** n examples; example i has input [i, …] and label i mod classes. */
function numbered(n: number, classes = 3): ArrayDataset {
  return new ArrayDataset({
    name: 'numbered',
    inputs: { dtype: 'f32', shape: [n, 1], data: Float32Array.from({ length: n }, (_, i) => i) },
    targets: {
      dtype: 'i32',
      shape: [n],
      data: Int32Array.from({ length: n }, (_, i) => i % classes),
    },
    classNames: Array.from({ length: classes }, (_, i) => `class ${i}`),
  })
}

const rowsOf = (batches: Iterable<Batch>) => [...batches].map(([inputs]) => [...inputs.data])

async function rest(loader: DataLoader): Promise<number[][]> {
  const batches: Batch[] = []
  for await (const batch of loader) batches.push(batch)
  return rowsOf(batches)
}

describe('random', () => {
  test('Threefry-2x32-20: the published test vector, as 53 bits', () => {
    // Key and counter 0 give 6b200159 99ba4efe (Random123's kat_vectors).
    expect(uniformAt(0, 0, 0)).toBe((0x6b200159 * 2 ** 21 + (0x99ba4efe >>> 11)) / 2 ** 53)
    // Key and counter of ones give 1cb996fc bb002be7; a seed has only 53 bits, so not that one.
    expect(uniformAt(1, 0, 0)).not.toBe(uniformAt(2 ** 32 + 1, 0, 0))
  })

  test('permutations are the same on every machine', () => {
    expect([...permutation(10, 0, 0)]).toMatchInlineSnapshot(`
      [
        6,
        0,
        7,
        5,
        3,
        2,
        4,
        8,
        9,
        1,
      ]
    `)
    expect([...permutation(10, 0, 1)]).toMatchInlineSnapshot(`
      [
        6,
        5,
        4,
        7,
        3,
        8,
        0,
        9,
        2,
        1,
      ]
    `)
    expect([...permutation(10, 2 ** 53 - 1, 0)]).toMatchInlineSnapshot(`
      [
        0,
        5,
        3,
        9,
        8,
        1,
        6,
        4,
        7,
        2,
      ]
    `)
  })

  test('every position is equally likely', () => {
    const counts = new Float64Array(25)
    for (let seed = 0; seed < 5000; seed++) {
      permutation(5, seed, 0).forEach((value, at) => {
        counts[5 * at + value]!++
      })
    }
    // Chi-square with 16 degrees of freedom: 39.3 is its 99.9 % point.
    const chi = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    expect(chi).toBeLessThan(39.3)
  })
})

describe('ArrayDataset', () => {
  test('gathers, copies and names its examples', () => {
    const data = numbered(5).subset([3, 0], 'two')
    expect(data).toMatchObject({ name: 'two', length: 2, input: { dtype: 'f32', shape: [1] } })
    expect([...data.inputs.data]).toEqual([3, 0])
    expect([...data.targets.data]).toEqual([0, 0])
    expect(data.classNames).toEqual(['class 0', 'class 1', 'class 2'])
  })

  test('split parts share no example and keep their share of each class', () => {
    const parts = fc.record({
      n: fc.integer({ min: 6, max: 200 }),
      classes: fc.integer({ min: 1, max: 5 }),
      share: fc.double({ min: 0.2, max: 0.8, noNaN: true }),
      seed: fc.nat(),
      stratified: fc.boolean(),
    })
    fc.assert(
      fc.property(parts, ({ n, classes, share, seed, stratified }) => {
        const whole = numbered(n, classes)
        const [a, b] = whole.split(share, { seed, stratified })
        const rows = [...a!.inputs.data, ...b!.inputs.data]
        expect(Math.abs(a!.length - share * n)).toBeLessThanOrEqual(1)
        expect(rows.sort((x, y) => x - y)).toEqual([...whole.inputs.data])
        if (!stratified) return
        for (let k = 0; k < classes; k++) {
          const count = (d: ArrayDataset) => d.targets.data.filter((y: number) => y === k).length
          expect(Math.abs(count(a!) - (a!.length * count(whole)) / n)).toBeLessThan(1)
        }
      }),
    )
  })

  test('split by counts, by fractions; the seed decides', () => {
    const sizes = (parts: number | number[]) =>
      numbered(10)
        .split(parts)
        .map((d) => d.length)
    expect(sizes([5, 3])).toEqual([5, 3])
    expect(sizes([0.5, 0.3, 0.2])).toEqual([5, 3, 2])
    const first = (seed: number) => [...numbered(50).split(0.5, { seed })[0]!.inputs.data]
    expect(first(1)).toEqual(first(1))
    expect(first(1)).not.toEqual(first(2))
  })

  test.each([[0], [1], [Number.NaN], [[8, 3]], [[0.5, 0.2]], [[-1, 3]], [[]], [[2.5]]])(
    'split(%j) is refused',
    (parts) => {
      expect(() => numbered(10).split(parts)).toThrow(/split: expected a fraction between/)
    },
  )

  test('what cannot be a dataset is refused', () => {
    const { inputs, targets } = numbered(3)
    const make = (parts: object) => () => new ArrayDataset({ name: 'd', inputs, targets, ...parts })
    const none = { dtype: 'f32', shape: [0, 2], data: new Float32Array() }
    const noLabels = { dtype: 'i32', shape: [0], data: new Int32Array() }
    expect(make({ classNames: ['a', 'b'] })).toThrow(
      'd: targets: expected labels from 0 to 1 (there are 2 classes), got 2 at example 2',
    )
    expect(make({ inputs: none })).toThrow(/0 inputs and 3 targets/)
    expect(make({ inputs: none, targets: noLabels })).toThrow('d: expected examples, got none')
    expect(make({ inputs: { ...inputs, shape: [3, 2] } })).toThrow(/6 elements for \[3, 2\], got 3/)
    expect(make({ inputs: { ...inputs, shape: [] } })).toThrow(/\[n, …\], got \[\]/)
    expect(() => numbered(3).subset([3])).toThrow(/number from 0 to 2, got 3/)
    const floats = { dtype: 'f32', shape: [3], data: new Float32Array(3) }
    expect(() =>
      (make({ targets: floats })() as ArrayDataset).split(0.5, { stratified: true }),
    ).toThrow(/class numbers/)
  })
})

describe('DataLoader', () => {
  test('hands out every example once an epoch, the last batch smaller', async () => {
    const loader = new DataLoader(numbered(10), { batchSize: 4 })
    expect(loader.length).toBe(3)
    expect(await rest(loader)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    const dropping = new DataLoader(numbered(10), { batchSize: 4, dropLast: true })
    expect(await rest(dropping)).toHaveLength(2)
  })

  test('shuffles by seed and epoch only', async () => {
    const make = (seed: number) =>
      new DataLoader(numbered(20), { batchSize: 6, shuffle: true, seed })
    const loader = make(3)
    const epochs = [await rest(loader), await rest(loader)]
    expect(epochs[0]!.flat().sort((a, b) => a - b)).toEqual([...numbered(20).inputs.data])
    expect(epochs[1]).not.toEqual(epochs[0])
    expect(rowsOf(make(3).batches(1))).toEqual(epochs[1])
    expect(rowsOf(make(4).batches(1))).not.toEqual(epochs[1])
  })

  test('inputs and targets stay together', () => {
    for (const [inputs, targets] of new DataLoader(numbered(9), { shuffle: true }).batches()) {
      inputs.data.forEach((row, i) => {
        expect(targets.data[i]).toBe(row % 3)
      })
    }
  })

  test('resumes in the middle of an epoch with exactly the same batches', async () => {
    const options = { batchSize: 4, shuffle: true, seed: 7 }
    const loader = new DataLoader(numbered(10), options)
    const seen: number[][] = []
    const positions = [loader.position]
    for (let epoch = 0; epoch < 2; epoch++) {
      for await (const [inputs] of loader) {
        seen.push([...inputs.data])
        positions.push(loader.position)
      }
    }
    expect(positions.map(({ epoch, batch }) => [epoch, batch])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 0],
      [1, 1],
      [1, 2],
      [2, 0],
    ])
    for (const [at, position] of positions.slice(0, -1).entries()) {
      const resumed = new DataLoader(numbered(10), { ...options, seed: 0 })
      resumed.restore(JSON.parse(JSON.stringify(position)))
      const rows = await rest(resumed)
      while (resumed.position.epoch < 2) rows.push(...(await rest(resumed)))
      expect(rows).toEqual(seen.slice(at))
    }
  })

  test('bytes become (x / 255 − mean) / std, a channel at a time', () => {
    const data = Uint8Array.of(0, 255, 51, 102, 10, 20, 30, 40)
    const images = new ArrayDataset({
      name: 'images',
      inputs: { dtype: 'u8', shape: [2, 2, 1, 2], data },
      targets: { dtype: 'i32', shape: [2], data: new Int32Array(2) },
    })
    const first = (options: object) => [...new DataLoader(images, options).batches()][0]![0]
    const close = (view: ArrayLike<number>, expected: number[]) =>
      Array.from(view).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 6)
      })
    close(
      first({}).data,
      [...data].map((x) => x / 255),
    )
    close(
      first({ normalize: { mean: [0.5, 0.1], std: [0.5, 0.2] } }).data,
      [...data].map((x, i) => (i % 4 < 2 ? (x / 255 - 0.5) / 0.5 : (x / 255 - 0.1) / 0.2)),
    )
    close(
      first({ normalize: { scale: 1, mean: 10 } }).data,
      [...data].map((x) => x - 10),
    )
    expect(first({ normalize: false })).toEqual({ dtype: 'u8', shape: [2, 2, 1, 2], data })
  })

  test('statistics normalise to mean 0 and std 1', () => {
    const n = 2500
    const inputs = Float32Array.from({ length: 2 * n }, (_, i) =>
      i % 2 === 0 ? 1e4 + uniformAt(1, 0, i) : 7,
    )
    const data = new ArrayDataset({
      name: 'd',
      inputs: { dtype: 'f32', shape: [n, 2], data: inputs },
      targets: { dtype: 'i32', shape: [n], data: new Int32Array(n) },
    })
    const { mean, std } = statistics(data)
    const even = inputs.filter((_, i) => i % 2 === 0)
    const expected = even.reduce((sum, x) => sum + x, 0) / n
    const variance = even.reduce((sum, x) => sum + (x - expected) ** 2, 0) / n
    expect(mean[0]).toBeCloseTo(expected, 9)
    expect(std[0]).toBeCloseTo(Math.sqrt(variance), 9)
    expect([mean[1], std[1]]).toEqual([7, 1])
    const loader = new DataLoader(data, { batchSize: n, normalize: { mean, std } })
    const again = statistics(
      new ArrayDataset({ name: 'd', inputs: [...loader.batches()][0]![0], targets: data.targets }),
    )
    expect(again.mean[0]).toBeCloseTo(0, 3)
    expect(again.std[0]).toBeCloseTo(1, 3)
  })

  test.each([
    [{ batchSize: 0 }, 'DataLoader: expected batchSize to be a whole number of at least 1, got 0'],
    [{ batchSize: Number.NaN }, /got NaN/],
    [{ batchSize: 2.5 }, /got 2\.5/],
    [{ seed: -1 }, /seed to be/],
    [{ batchSize: 9, dropLast: true }, /at least 9 examples for one full batch, got 8/],
    [{ normalize: { mean: [1, 2] } }, /one for each of 1 channels of \[1\], got \[1,2\]/],
    [{ normalize: { std: 0 } }, /a std > 0/],
    [{ normalize: { mean: Number.NaN } }, /mean/],
  ])('new DataLoader(data, %j) is refused', (options, message) => {
    expect(() => new DataLoader(numbered(8), options)).toThrow(message)
  })

  test('a position of another loader is refused', () => {
    const loader = new DataLoader(numbered(8), { batchSize: 4 })
    expect(() => loader.restore({ seed: 0, epoch: 0, batch: 2 })).toThrow(/a batch from 0 to 1/)
    expect(() => loader.restore({ seed: 0, epoch: -1, batch: 0 })).toThrow(/epoch/)
  })
})
