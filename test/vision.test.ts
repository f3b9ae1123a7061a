import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import { decodeImage } from '../src/data/readers/image.ts'
import { imageFolder } from '../src/data/readers/image-folder.ts'
import { createBackend, manualSeed, models, nn, Tensor, useBackend } from '../src/index.ts'
import type { Backend } from '../src/tensor/backend.ts'
import { Classifier } from '../src/vision/classifier.ts'
import { evaluateClassifier, reportOf } from '../src/vision/evaluation.ts'
import { withFacts } from '../src/vision/facts.ts'
import { cachedFeatures } from '../src/vision/feature-cache.ts'
import { computeFeatures } from '../src/vision/feature-file.ts'
import { lastLayer, trunkOf } from '../src/vision/features.ts'
import { imageSets, ResizedImages } from '../src/vision/image-sets.ts'
import { labelledFolder } from '../src/vision/labelled-folder.ts'
import { load } from '../src/vision/load.ts'
import { mistakesGallery } from '../src/vision/mistakes.ts'
import { neighbourIndex } from '../src/vision/neighbours.ts'
import { labelledPicture } from '../src/vision/picture.ts'
import {
  imagenetPreprocessing,
  inputShapeOf,
  type Preprocessing,
  readPixels,
  resized,
} from '../src/vision/preprocessing.ts'
import { similarImages } from '../src/vision/similar.ts'
import { contactSheet, similarPage } from '../src/vision/similar-page.ts'
import { transfer } from '../src/vision/transfer.ts'
import { dataFile } from './data-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-vision-'))
const inFolder = (name: string) => join(folder, name)
let backend: Backend
beforeAll(async () => {
  process.env['BRICKWORK_CACHE'] = inFolder('cache')
  backend = await createBackend('wasm')
  await useBackend(backend)
})
afterAll(async () => {
  await backend.close()
  rmSync(folder, { recursive: true, force: true })
})

const grey = (size: number): Preprocessing => ({
  size: [size, size],
  channels: 'grey',
  resize: null,
  interpolation: 'lanczos',
  normalize: { mean: [0], std: [1] },
  ink: false,
})

/** An image of one colour. */
async function plain(name: string, background: string, size = 16): Promise<string> {
  const path = inFolder(name)
  mkdirSync(join(path, '..'), { recursive: true })
  await sharp({ create: { width: size, height: size, channels: 3, background } }).toFile(path)
  return path
}

describe('preprocessing', () => {
  /** A white or black square in the middle of the other. */
  async function square(name: string, ink: number, paper: number): Promise<string> {
    const data = Uint8Array.from({ length: 256 }, (_, i) => {
      const [x, y] = [i % 16, i >> 4]
      return x > 4 && x < 11 && y > 4 && y < 11 ? ink : paper
    })
    await sharp(data, { raw: { width: 16, height: 16, channels: 1 } }).toFile(inFolder(name))
    return inFolder(name)
  }

  test('grey and colour, in the size asked for', async () => {
    const path = await square('a.png', 255, 0)
    const image = await readPixels(path, grey(8))
    expect(image).toMatchObject({ dtype: 'u8', shape: [1, 8, 8] })
    expect([image.data[0], image.data[8 * 4 + 4]! > 250]).toEqual([0, true])
    const color = await readPixels(path, { ...grey(8), size: [3, 5], channels: 'rgb' })
    expect(color.shape).toEqual([3, 3, 5])
  })

  test('planes in the order of the network', async () => {
    const path = await plain('red.png', '#f01000', 4)
    const rgb = { ...grey(1), channels: 'rgb' } as const
    expect([...(await readPixels(path, rgb)).data]).toEqual([0xf0, 0x10, 0])
    expect([...(await readPixels(path, { ...rgb, channels: 'bgr' })).data]).toEqual([0, 0x10, 0xf0])
    const { data } = await readPixels(readFileSync(path), rgb)
    expect([...data]).toEqual([0xf0, 0x10, 0])
  })

  test('dark ink on bright paper is turned around, bright ink stays', async () => {
    const ink = { ...grey(8), ink: true }
    const dark = await readPixels(await square('dark.png', 0, 255), ink)
    const bright = await readPixels(await square('bright.png', 255, 0), ink)
    expect(dark.data[0]).toBe(0)
    for (const [i, value] of dark.data.entries())
      expect(Math.abs(value - bright.data[i]!)).toBeLessThan(4)
    expect((await readPixels(inFolder('dark.png'), grey(8))).data[0]).toBe(255)
  })

  test('the shorter side is resized, and the middle cut out', async () => {
    // Columns 0 … 63 have the brightness 4 · column.
    const data = Uint8Array.from({ length: 64 * 32 }, (_, i) => 4 * (i % 64))
    const path = inFolder('ramp.png')
    await sharp(data, { raw: { width: 64, height: 32, channels: 1 } }).toFile(path)
    const { shape, data: cut } = await readPixels(path, { ...grey(16), resize: 32 })
    expect(shape).toEqual([1, 16, 16])
    expect([...cut.subarray(0, 16)]).toEqual(Array.from({ length: 16 }, (_, x) => 4 * (24 + x)))
    const halved = await readPixels(path, { ...grey(16), resize: 16, interpolation: 'bilinear' })
    expect(Math.abs(halved.data[8]! - 4 * 32)).toBeLessThan(6)
  })

  test('an alpha channel lies on white; pixels are images, too', async () => {
    const path = inFolder('clear.png')
    const background = { r: 0, g: 0, b: 0, alpha: 0 }
    await sharp({ create: { width: 2, height: 2, channels: 4, background } }).toFile(path)
    expect((await readPixels(path, grey(2))).data[0]).toBe(255)
    const pixels = { dtype: 'u8', shape: [3, 1, 1], data: Uint8Array.of(1, 2, 3) } as const
    const { data } = await readPixels(pixels, { ...grey(1), channels: 'rgb' })
    expect([...data]).toEqual([1, 2, 3])
  })

  test('sizes follow each other', () => {
    const half = resized(imagenetPreprocessing(), 112)
    expect([half.size, half.resize, inputShapeOf(half)]).toEqual([[112, 112], 128, [3, 112, 112]])
  })

  test('missing, no image, cut off: an error with the path', async () => {
    writeFileSync(inFolder('text.png'), 'no image')
    const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251)
    const raw = { width: 64, height: 64, channels: 1 } as const
    const png = await sharp(noise, { raw }).png().toBuffer()
    writeFileSync(inFolder('cut.png'), png.subarray(0, png.length / 2))
    await expect(readPixels(inFolder('none.png'), grey(8))).rejects.toThrow(/no such file/)
    await expect(readPixels(folder, grey(8))).rejects.toThrow(/a folder where a file is needed/)
    for (const path of [inFolder('text.png'), inFolder('cut.png')]) {
      const failed = readPixels(path, grey(8))
      await expect(failed).rejects.toMatchObject({ kind: 'file', where: path })
      await expect(failed).rejects.toThrow(/expected an image .*save it again as PNG/)
    }
  })
})

/** Says red, green or blue by the mean of each plane. */
class Colours extends nn.Module {
  readonly fc = new nn.Linear(3, 3)
  forward(x: Tensor): Tensor {
    return this.fc.forward(x.mean([2, 3]))
  }
}

async function colours(): Promise<Classifier> {
  const model = new Colours()
  await model.fc.weight.load(Float32Array.of(9, 0, 0, 0, 9, 0, 0, 0, 9))
  await model.fc.bias!.load(new Float32Array(3))
  return new Classifier({
    name: 'colours',
    model,
    classNames: ['red, crimson', 'green', 'blue'],
    classIds: ['n1', 'n2', 'n3'],
    preprocessing: { ...grey(4), channels: 'rgb', normalize: { mean: [0, 0, 0], std: [1, 1, 1] } },
  })
}

describe('a classifier', () => {
  test('names the likeliest classes, one image or many', async () => {
    const network = await colours()
    const red = await plain('c/red.png', '#f00')
    const blue = await plain('c/blue.png', '#00f')
    const [first] = await network.classify([red], { top: 2 })
    expect(first!.map(({ name }) => name)[0]).toBe('red, crimson')
    expect(first).toHaveLength(2)
    const share = Math.exp(9) / (Math.exp(9) + 2)
    expect(first![0]!.probability).toBeCloseTo(share, 5)
    const many = Array.from({ length: 35 }, (_, i) => (i % 3 ? blue : red))
    const all = await network.classify(many)
    expect(all.map(([best]) => best!.label)).toEqual(many.map((p) => (p === red ? 0 : 2)))
  })

  test('no images, one that is not in a list, what is no image', async () => {
    const network = await colours()
    expect(await network.classify([])).toEqual([])
    await expect(network.classify('red.png' as never)).rejects.toThrow(/a list of images, got red/)
    for (const image of [42, { dtype: 'f32', shape: [3, 1, 1], data: new Float32Array(3) }]) {
      await expect(network.classify([image as never])).rejects.toThrow(/or pixels: u8 \[1 or 3,/)
    }
    await expect(network.classify([], { top: 0 })).rejects.toThrow(/top to be a whole number/)
    expect(() => imagenetPreprocessing(0)).toThrow(/size to be a whole number/)
  })

  test('too few names are refused', async () => {
    const { model, preprocessing } = await colours()
    const network = new Classifier({ name: 'x', model, classNames: ['a'], preprocessing })
    await expect(network.classify([await plain('c/red.png', '#f00')])).rejects.toThrow(
      /scores of 1 classes.*got 3/,
    )
  })

  test('its picture shows images and names', async () => {
    const network = await colours()
    const image = await plain('c/red.png', '#f00')
    const [guesses] = await network.classify([image])
    const png = await labelledPicture([{ image, guesses: guesses! }])
    const { width, height, channels } = await sharp(png).metadata()
    expect([width! > 600, height! >= 300, channels]).toEqual([true, true, 3])
    const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
    // The photo is red; a bar of the likeliest class is blue.
    expect([...data.subarray(3 * (40 * width! + 100), 3 * (40 * width! + 101))][0]).toBe(255)
  })

  test('a folder is measured: classes by name, synonym and id', async () => {
    const network = await colours()
    await plain('eval/crimson/1.png', '#f00')
    await plain('eval/crimson/2.png', '#0f0')
    await plain('eval/n2/1.png', '#0f0')
    await plain('eval/Blue/1.png', '#00f')
    const dataset = await labelledFolder(inFolder('eval'), network)
    const report = await evaluateClassifier(network, dataset)
    expect(report).toMatchObject({ examples: 4, top1: 0.75, top5: 1 })
    expect(report.confusion).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [0, 0, 1],
    ])
    expect(report.classes[0]).toEqual({
      name: 'red, crimson',
      examples: 2,
      right: 0.5,
      precision: 1,
    })
    expect(report.mistakes).toMatchObject([{ label: 0, predicted: 1 }])
    expect(report.mistakes[0]!.loss).toBeGreaterThan(8)
    const png = await mistakesGallery(dataset, report, network.classNames)
    expect(Buffer.from(png).subarray(1, 4).toString()).toBe('PNG')
    await plain('bad/purple/1.png', '#f0f')
    await expect(labelledFolder(inFolder('bad'), network)).rejects.toThrow(
      /purple: expected a folder named as one of the 3 classes of colours/,
    )
  })

  test('ranks with ties: a class that shares its probability is not behind', () => {
    const data = Float32Array.of(0.2, 0.2, 0.6, 0.1, 0.1, 0.8)
    const { top1, top5, loss } = reportOf({ dtype: 'f32', shape: [2, 3], data }, [0, 2], [...'abc'])
    expect([top1, top5]).toEqual([0.5, 1])
    expect(loss).toBeCloseTo((-Math.log(0.2) - Math.log(0.8)) / 2, 6)
  })
})

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

test('a folder of random parts: the same for a seed and epoch, others in the next', async () => {
  const data = Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 64) * 3)
  mkdirSync(inFolder('crops/a'), { recursive: true })
  await sharp(data, { raw: { width: 64, height: 64, channels: 1 } }).toFile(
    inFolder('crops/a/1.png'),
  )
  const options = { size: 8, channels: 1, randomCrop: { scale: [0.1, 0.3] } } as const
  const images = await imageFolder(inFolder('crops'), options)
  const at = async (epoch: number) => [...(await images.get(0, { seed: 1, epoch })).input.data]
  expect(await at(0)).toEqual(await at(0))
  expect(await at(1)).not.toEqual(await at(0))
  const wide = Math.max(...(await at(0))) - Math.min(...(await at(0)))
  expect([wide > 20, wide < 130]).toEqual([true, true])
  for (const scale of [[2, 1], [0.5, 2], 0.5]) {
    const wrong = imageFolder(inFolder('crops'), { size: 8, randomCrop: { scale: scale as never } })
    await expect(wrong).rejects.toMatchObject({ kind: 'argument' })
  }
})

describe('pretrained networks', () => {
  const weights = dataFile('squeezenet1.1/squeezenet1.1-fp16.onnx')
  const kitten = dataFile('images/kitten_224.png')
  test.skipIf(weights.missing)(`SqueezeNet 1.1: scores of a kitten${weights.note}`, async () => {
    const { model, preprocessing } = await load('squeezenet1_1')
    const { values } = JSON.parse(
      readFileSync(dataFile('squeezenet1.1/expected-kitten_224-logits.json').path, 'utf8'),
    ) as { values: number[] }
    // As the expected values were made: without the alpha channel, not resized.
    const { data } = await sharp(kitten.path)
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    const { mean, std } = preprocessing.normalize
    const planes = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => {
      const c = Math.floor(i / (224 * 224))
      return (data[3 * (i % (224 * 224)) + c]! / 255 - mean[c]!) / std[c]!
    })
    const scores = await model.forward(Tensor.of(planes, [1, 3, 224, 224], 'f32')).data()
    scores.forEach((score: number, i: number) => {
      expect(Math.abs(score - values[i]!)).toBeLessThan(2e-3)
    })
  })

  interface Expected {
    readonly images: Record<string, Record<string, { class: number; p: number }[]>>
  }
  const expected = dataFile('images/expected-top5.json')
  test.skipIf(expected.missing).each([
    ['squeezenet1_1', 'squeezenet1.1'],
    ['mobilenet_v1_0.25', 'mobilenet_v1_0.25'],
    ['mobilenet_v1_0.75', 'mobilenet_v1_0.75-fp16'],
  ])(`%s: the sample photos${expected.note}`, async (name, key) => {
    const { images } = JSON.parse(readFileSync(expected.path, 'utf8')) as Expected
    const network = await load(name)
    const names = ['samoyed.jpg', 'flamingo.jpg', 'coffee.png', 'bridge.jpg', 'chelsea.png']
    const found = await network.classify(names.map((image) => dataFile(`images/${image}`).path))
    for (const [i, image] of names.entries()) {
      const want = images[image]![key]!
      const [best] = found[i]!
      // Other resizers move the probabilities by some percent, and near ones may change places.
      const match = want.find(({ class: label }) => label === best!.label)
      expect(match?.p).toBeGreaterThan(want[0]!.p - 0.12)
      expect(Math.abs(best!.probability - match!.p)).toBeLessThan(0.1)
    }
  })

  test.skipIf(weights.missing)(
    `downloaded from a mirror, once, and checked${weights.note}`,
    async () => {
      const asked: string[] = []
      let damage = true
      const server = createServer((request, response) => {
        asked.push(request.url!)
        const body = readFileSync(join(process.env['BRICKWORK_MIRROR_OF']!, request.url!))
        if (damage) body[100] = 1
        response.end(body)
      })
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      const { BRICKWORK_DATA: data } = process.env
      process.env['BRICKWORK_MIRROR_OF'] = data
      delete process.env['BRICKWORK_DATA']
      process.env['BRICKWORK_MIRROR'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      try {
        await expect(load('squeezenet1_1')).rejects.toThrow(/the original squeezenet1.1-fp16.onnx/)
        damage = false
        expect((await load('squeezenet1_1')).classNames[258]).toBe('Samoyed, Samoyede')
        expect(asked).toHaveLength(3)
        await load('squeezenet1_1')
        expect(asked).toHaveLength(3)
        await expect(load('mobilenet_v1_0.5')).rejects.toThrow(/a network without weights/)
      } finally {
        process.env['BRICKWORK_DATA'] = data
        delete process.env['BRICKWORK_MIRROR']
        server.close()
      }
    },
  )

  test.skipIf(weights.missing)(
    `what is given stands above what is known${weights.note}`,
    async () => {
      const names = Array.from({ length: 1000 }, (_, i) => `class ${i}`)
      const network = await load('squeezenet1_1', {
        size: 96,
        preprocessing: 'unit',
        classNames: names,
      })
      const { size, resize, normalize } = network.preprocessing
      expect([size, resize, normalize.std]).toEqual([[96, 96], 110, [1, 1, 1]])
      expect([network.classNames[3], network.classIds]).toEqual(['class 3', undefined])
      await expect(load('squeezenet1_1', { classNames: ['a'] })).rejects.toThrow(/1000 classes/)
    },
  )

  test('options of other kinds of sources are refused, and presets that there are not', async () => {
    await expect(load('squeezenet1_1', { checkpoint: 'last' })).rejects.toThrow(
      /checkpoint 'last': expected the folder of a run/,
    )
    await expect(load('squeezenet1_1', { revision: 'main' })).rejects.toThrow(/of the hub/)
    const network = await colours()
    await expect(withFacts(network, { preprocessing: 'cafe' })).rejects.toThrow(
      /preprocessing: expected imagenet, caffe, .* Did you mean 'caffe'/,
    )
  })

  test('another name says what there is', async () => {
    await expect(load('squeezenet1_2')).rejects.toThrow(/Did you mean 'squeezenet1_1'/)
  })
})

test('images of impossible sizes are refused before they are decoded', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"></svg>'
  writeFileSync(inFolder('bomb.svg'), svg)
  const options = { width: 8, height: 8, channels: 3 } as const
  await expect(decodeImage(inFolder('bomb.svg'), options)).rejects.toThrow(
    /pixel limit. Make it smaller: at most 16 megapixels/,
  )
})
