import { mkdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import { manualSeed, models, Tensor } from '../src/index.ts'
import { Classifier } from '../src/vision/classifier.ts'
import { cachedFeatures } from '../src/vision/feature-cache.ts'
import { computeFeatures } from '../src/vision/feature-file.ts'
import { lastLayer, trunkOf } from '../src/vision/features.ts'
import { imageSets, ResizedImages } from '../src/vision/image-sets.ts'
import { neighbourIndex } from '../src/vision/neighbours.ts'
import { imagenetPreprocessing, readPixels } from '../src/vision/preprocessing.ts'
import { similarImages } from '../src/vision/similar.ts'
import { contactSheet, similarPage } from '../src/vision/similar-page.ts'
import { transfer } from '../src/vision/transfer.ts'
import { colours, grey, inFolder, plain } from './vision-case.ts'

describe('features and neighbours', () => {
  test('of the classifier, or of any layer', async () => {
    manualSeed(1)
    const model = models.createModel('squeezenet1_1', { inputShape: [3, 32, 32], classes: 4 })
    expect(lastLayer(model, [3, 32, 32]).path).toBe('classifier.1')
    const network = new Classifier({
      name: 'squeezenet1_1',
      model,
      classNames: [...'abcd'],
      preprocessing: imagenetPreprocessing(32),
    })
    const image = await plain('c/red.png', '#f00')
    expect((await network.features([image])).shape).toEqual([1, 512])
    expect((await network.features([image], { layer: 'features.3' })).shape).toEqual([1, 128])
    const whole = await network.features([image], { layer: 'features.3', pool: false })
    expect(whole.shape[1]).toBe(128 * 7 * 7)
    await expect(network.features([image], { layer: 'feature.3' })).rejects.toThrow(
      /Did you mean 'features.3'/,
    )
  })

  const vectors = (n: number, d: number): ArrayView<'f32'> => {
    let state = 1
    const next = () => {
      state = (state * 16807) % 2147483647
      return state / 2147483647
    }
    return { dtype: 'f32', shape: [n, d], data: Float32Array.from({ length: n * d }, next) }
  }

  test.each(['euclidean', 'cosine'] as const)('%s: all pairs', async (metric) => {
    const { data } = vectors(50, 8)
    const index = await neighbourIndex(vectors(50, 8), { metric })
    const query = data.slice(80, 88)
    const found = index.nearest(query, 5)
    expect(found[0]!.index).toBe(10)
    expect(found[0]!.distance).toBeCloseTo(0, 6)
    const distances = found.map(({ distance }) => distance)
    expect(distances).toEqual(distances.toSorted((a, b) => a - b))
    const [a, b] = [Array.from(query), Array.from(data.subarray(8, 16))]
    const dot = (x: number[], y: number[]) => x.reduce((sum, v, i) => sum + v * y[i]!, 0)
    const want =
      metric === 'cosine'
        ? 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
        : Math.hypot(...a.map((v, i) => v - b[i]!))
    const one = await neighbourIndex(
      { dtype: 'f32', shape: [1, 8], data: Float32Array.from(b) },
      { metric },
    )
    expect(one.nearest(query, 1)[0]!.distance).toBeCloseTo(want, 5)
  })

  test('a metric that there is not', async () => {
    const vectors = { dtype: 'f32', shape: [1, 1], data: Float32Array.of(1) } as const
    await expect(neighbourIndex(vectors, { metric: 'l2' as never })).rejects.toThrow(
      /metric: expected euclidean or cosine, got 'l2'/,
    )
  })

  test('among many, approximately: nine of ten are found', async () => {
    const all = vectors(2000, 16)
    const exact = await neighbourIndex(all)
    const graph = await neighbourIndex(all, { exact: 1000 })
    expect([exact.isExact, graph.isExact]).toEqual([true, false])
    let hits = 0
    for (let q = 0; q < 20; q++) {
      const query = vectors(100, 16)
        .data.slice(q * 16, q * 16 + 16)
        .map((v) => v + 0.01)
      const want = exact.nearest(query, 10).map(({ index }) => index)
      hits += graph.nearest(query, 10).filter(({ index }) => want.includes(index)).length
    }
    expect(hits).toBeGreaterThan(180)
  })

  test('similar images of a folder, without the query itself; kept for the next time', async () => {
    const network = await colours()
    const query = await plain('similar/a/query.png', '#f00')
    const near = await plain('similar/a/near.png', '#d01010')
    await plain('similar/b/far.png', '#00f')
    let computed = 0
    const options = { layer: 'fc', top: 2, onCompute: () => computed++ }
    const found = await similarImages(network, query, inFolder('similar'), options)
    expect(found[0]!.path).toBe(near)
    expect(found.map(({ path }) => path)).not.toContain(query)
    await similarImages(network, query, inFolder('similar'), options)
    expect(computed).toBe(1)
    const subject = { query, found, by: '<colours>' }
    const page = await similarPage(subject)
    expect(page).toContain('by &lt;colours&gt;')
    expect(page.match(/data:image\/jpeg/g)).toHaveLength(3)
    expect(
      Buffer.from(await contactSheet(subject))
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    mkdirSync(inFolder('empty'))
    await expect(similarImages(network, query, inFolder('empty'))).rejects.toThrow(/images.*none/)
  })
})

test('the cache of features forgets the oldest ones, not those of now', async () => {
  const network = await colours()
  const files = await Promise.all(
    ['#100', '#200', '#300'].map((c, i) => plain(`cached/${i}.png`, c)),
  )
  let computed = 0
  const features = (file: string, size: number) =>
    cachedFeatures(
      network,
      [file],
      {},
      async () => {
        computed++
        return { dtype: 'f32', shape: [1, size], data: new Float32Array(size) }
      },
      4000,
    )
  for (const file of files) {
    await features(file, 600)
    await new Promise((done) => setTimeout(done, 20))
  }
  await features(files[2]!, 600)
  expect(computed).toBe(3)
  await features(files[0]!, 600)
  expect(computed).toBe(4)
})

describe('learning other classes', () => {
  test('a new last layer on the same features, and the head alone gives the same scores', async () => {
    manualSeed(2)
    const sizes = { inputShape: [3, 32, 32], classes: 10 }
    const base = new Classifier({
      name: 'squeezenet1_1',
      architecture: 'squeezenet1_1',
      model: models.createModel('squeezenet1_1', sizes),
      classNames: Array.from({ length: 10 }, (_, i) => `${i}`),
      preprocessing: imagenetPreprocessing(32),
    })
    const made = transfer(base, { classNames: ['cat', 'dog', 'cow'] })
    expect(made.last.path).toBe('classifier.1')
    expect(Object.keys(made.headParameters)).toEqual(['classifier.1.weight', 'classifier.1.bias'])
    const { model } = made.classifier
    const [kept, fresh] = ['features.0.weight', 'classifier.1.weight'].map(
      (name) => model.stateDict()[name]!,
    )
    expect(await kept!.data()).toEqual(await base.model.stateDict()['features.0.weight']!.data())
    expect(fresh!.shape).toEqual([3, 512, 1, 1])
    const x = Tensor.of(
      Float32Array.from({ length: 2 * 3072 }, (_, i) => Math.sin(i)),
      [2, 3, 32, 32],
      'f32',
    )
    const features = trunkOf(model, [3, 32, 32]).forward(x)
    const scores = await made.head.forward(features).data()
    expect(scores).toEqual(await model.forward(x).data())
    expect(Object.keys(made.head.namedParameters())).toEqual(['layer.weight', 'layer.bias'])
    const other = new Classifier({ ...base, name: 'own', architecture: undefined })
    expect(() => transfer(other, { classNames: ['a'] })).toThrow(/a network of the zoo/)
  })

  test('frozen features are computed once, into a file', async () => {
    const { model } = await colours()
    const n = 70
    const inputs = {
      dtype: 'u8',
      shape: [n, 3, 2, 2],
      data: Uint8Array.from({ length: n * 12 }, (_, i) => i % 256),
    } as const
    const targets = {
      dtype: 'i32',
      shape: [n],
      data: Int32Array.from({ length: n }, (_, i) => i % 3),
    } as const
    const dataset = new ArrayDataset({ name: 'some', inputs, targets, classNames: [...'abc'] })
    const trunk = trunkOf(model, [3, 2, 2])
    const path = inFolder('features.f32')
    const file = await computeFeatures(trunk, dataset, path, { normalize: {}, batchSize: 32 })
    expect([file.length, file.shape, [...Array.from(file.labels())]]).toEqual([
      n,
      [3],
      [...targets.data],
    ])
    for (const row of [0, 31, 32, 69]) {
      const { input, target } = await file.get(row)
      const pixels = Array.from(dataset.get(row).input.data, (byte) => byte / 255)
      const means = [0, 4, 8].map(
        (c) => (pixels[c]! + pixels[c + 1]! + pixels[c + 2]! + pixels[c + 3]!) / 4,
      )
      Array.from(input.data).forEach((value, c) => {
        expect(value).toBeCloseTo(means[c]!, 5)
      })
      expect(target.data[0]).toBe(row % 3)
    }
    await file.close()
    const missing = computeFeatures(trunk, dataset, inFolder('no/x'), { normalize: {} })
    await expect(missing).rejects.toMatchObject({ kind: 'file' })
  })

  test('folders of images: parts by name, or a fifth kept back', async () => {
    for (const [name, color] of Object.entries({ red: '#f00', blue: '#00f' })) {
      for (let i = 0; i < 5; i++) await plain(`parts/train/${name}/${i}.png`, color)
      await plain(`parts/val/${name}/0.png`, color)
    }
    const preprocessing = { ...grey(4), channels: 'rgb' } as const
    const { train, test: held } = await imageSets(inFolder('parts'), preprocessing)
    expect([train.length, held.length, train.classNames]).toEqual([10, 2, ['blue', 'red']])
    const split = await imageSets(inFolder('parts/train'), preprocessing)
    expect([split.train.length, split.test.length]).toEqual([8, 2])
    expect([...Array.from(split.test.labels()!)].sort()).toEqual([0, 1])
    const bigger = new ResizedImages(train, { ...preprocessing, size: [6, 6] })
    expect((await bigger.get(0)).input.shape).toEqual([3, 6, 6])
    await plain('parts/val/green/0.png', '#0f0')
    await expect(imageSets(inFolder('parts'), preprocessing)).rejects.toThrow(/the class 'green'/)
    await plain('few/red/0.png', '#f00')
    await expect(imageSets(inFolder('few'), preprocessing)).rejects.toThrow(
      /few: expected 3 images or more, .* got 1\./,
    )
  })

  test('a folder is read as single images are: blue first, ink bright', async () => {
    for (const [name, color] of Object.entries({ a: '#fc3', b: '#ffe', c: '#123' })) {
      await plain(`turned/${name}/0.png`, color)
    }
    for (const preprocessing of [
      { ...grey(4), channels: 'bgr' } as const,
      { ...grey(4), ink: true },
    ]) {
      const { train, test: held } = await imageSets(inFolder('turned'), preprocessing)
      const both = train.concat(held)
      for (let i = 0; i < 3; i++) {
        const { input, target } = await both.get(i)
        const file = inFolder(`turned/${both.classNames![target.data[0]!]}/0.png`)
        expect(input).toEqual(await readPixels(file, preprocessing))
      }
    }
  })
})
