import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createTar } from 'nanotar'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as data from '../../src/data/index.ts'
import { type CifarArchive, loadCifar } from '../../src/data/sets/cifar.ts'
import { dataFile } from '../data-folder.ts'

describe('shapes', () => {
  const clean = data.shapes({ n: 60, size: 16, noise: 0, seed: 3 })

  test('each pixel has a class, and the brightness of a shape where it is of one', () => {
    expect(clean.inputs.shape).toEqual([60, 1, 16, 16])
    expect(clean.targets.shape).toEqual([60, 16, 16])
    expect(clean.classNames).toEqual(['background', 'disc', 'square', 'triangle'])
    expect(new Set(clean.targets.data)).toEqual(new Set([0, 1, 2, 3]))
    const found = new Set<string>()
    clean.targets.data.forEach((kind: number, p: number) => {
      found.add(`${kind > 0} ${clean.inputs.data[p]!.toFixed(1)}`)
    })
    expect([...found].sort()).toEqual(['false 0.0', 'true 0.5', 'true 0.7', 'true 0.9'])
  })

  test('they fill their areas: of radius r a disc π r², a square 4 r², a triangle 2 r²', () => {
    const large = data.shapes({ n: 400, size: 64, noise: 0, seed: 1 })
    const areas = [0, 0, 0, 0]
    for (let i = 0; i < 400; i++) {
      const [from, to] = [i * 64 ** 2, (i + 1) * 64 ** 2]
      // Pictures of one shape, which nothing hides.
      if (Math.max(...large.inputs.data.subarray(from, to)) > 0.8) continue
      for (const kind of large.targets.data.subarray(from, to)) areas[kind]!++
    }
    const perDisc = areas[1]! / Math.PI
    for (const ratio of [areas[2]! / 4 / perDisc, areas[3]! / 2 / perDisc]) {
      expect(ratio).toBeGreaterThan(0.7)
      expect(ratio).toBeLessThan(1.4)
    }
  })

  test('noise has its standard deviation; seeds and pictures draw their own', () => {
    const noisy = data.shapes({ n: 60, size: 16, seed: 3 })
    expect(noisy.targets).toEqual(clean.targets)
    const errors = Array.from(noisy.inputs.data, (value, p) => value - clean.inputs.data[p]!)
    const square = errors.reduce((sum, e) => sum + e * e, 0) / errors.length
    expect(Math.sqrt(square)).toBeCloseTo(0.2, 2)
    expect(data.shapes({ n: 10, size: 16, noise: 0, seed: 3 }).targets.data).toEqual(
      clean.targets.data.subarray(0, 10 * 16 ** 2),
    )
    expect(data.shapes({ n: 60, size: 16, seed: 4 }).targets).not.toEqual(clean.targets)
  })

  test('impossible options are named', () => {
    expect(() => data.shapes({ n: 0 })).toThrow(/shapes: expected n .*got 0/)
    expect(() => data.shapes({ size: 4 })).toThrow(/shapes: expected size .*got 4/)
    expect(() => data.shapes({ noise: -1 })).toThrow(/shapes: expected noise .*got -1/)
  })
})

describe('points', () => {
  const makers = {
    moons: data.moons,
    circles: data.circles,
    spiral: data.spiral,
    xor: data.xor,
    gaussians: data.gaussians,
    linearlySeparable: data.linearlySeparable,
  }
  test.each(Object.entries(makers))('%s: classes alike, the seed decides', (_, make) => {
    const set = make({ n: 30, seed: 5 })
    expect(set.inputs.shape).toEqual([30, 2])
    const classes = set.classNames!.length
    for (let k = 0; k < classes; k++) {
      expect(set.targets.data.filter((label: number) => label === k)).toHaveLength(30 / classes)
    }
    expect(make({ n: 30, seed: 5 }).inputs.data).toEqual(set.inputs.data)
    expect(make({ n: 30, seed: 6 }).inputs.data).not.toEqual(set.inputs.data)
    expect(() => make({ n: 1 })).toThrow(/n to be a whole number of at least/)
  })

  const rows = (set: data.ArrayDataset) =>
    Array.from({ length: set.length }, (_, i) => ({
      x: set.inputs.data[2 * i]!,
      y: set.inputs.data[2 * i + 1]!,
      label: set.targets.data[i]!,
    }))

  test('without noise, the points lie where the formulas say', () => {
    for (const { x, y, label } of rows(data.moons({ n: 50, noise: 0 }))) {
      const [cx, cy, up] = label === 0 ? [0, 0, y] : [1, 0.5, -y + 0.5]
      expect(Math.hypot(x - cx, y - cy)).toBeCloseTo(1, 5)
      expect(up).toBeGreaterThanOrEqual(-1e-6)
    }
    // scikit-learn's make_moons(4, shuffle=False): (1, 0), (−1, 0), (0, ½), (2, ½).
    expect(
      rows(data.moons({ n: 4, noise: 0 })).map(({ x, y }) => [x, y].map((v) => +v.toFixed(6) + 0)),
    ).toEqual([
      [1, 0],
      [0, 0.5],
      [-1, 0],
      [2, 0.5],
    ])
    for (const { x, y, label } of rows(data.circles({ noise: 0, factor: 0.3 }))) {
      expect(Math.hypot(x, y)).toBeCloseTo(label === 0 ? 1 : 0.3, 5)
    }
    for (const { x, y, label } of rows(data.xor())) expect(x * y > 0).toBe(label === 0)
    for (const { x, y, label } of rows(data.spiral({ n: 60, noise: 0 }))) {
      const r = Math.hypot(x, y)
      const t = 2 * Math.PI * (label / 3 + 0.75 * r)
      expect(x).toBeCloseTo(r * Math.cos(t), 5)
    }
  })

  test('a perceptron separates what is linearly separable', () => {
    const points = rows(data.linearlySeparable({ n: 100, seed: 2 }))
    const w = [0, 0]
    let errors = 1
    // Novikoff: at most (R / margin)² = 200 corrections.
    for (let pass = 0; errors > 0 && pass <= 200; pass++) {
      errors = 0
      for (const { x, y, label } of points) {
        const side = label === 0 ? -1 : 1
        if (side * (w[0]! * x + w[1]! * y) > 0) continue
        w[0]! += side * x
        w[1]! += side * y
        errors++
      }
    }
    expect(errors).toBe(0)
    expect(() => data.linearlySeparable({ margin: 2 })).toThrow(/margin from 0 to 0\.5, got 2/)
    expect(() => data.moons({ noise: -1 })).toThrow(/noise to be a number from 0, got -1/)
  })
})

describe('tables of the package', () => {
  test('have the rows, classes and first values of their sources', async () => {
    const [iris, wine, cancer] = [await data.iris(), await data.wine(), await data.breastCancer()]
    const count = (set: data.ArrayDataset) =>
      set.classNames!.map((_, k) => set.targets.data.filter((y: number) => y === k).length)
    expect(count(iris)).toEqual([50, 50, 50])
    expect(iris.classNames).toEqual(['setosa', 'versicolor', 'virginica'])
    expect((await iris.get(0)).input.data).toEqual(Float32Array.of(5.1, 3.5, 1.4, 0.2))
    expect(count(wine)).toEqual([59, 71, 48])
    expect(wine.inputs.data[12]).toBe(1065)
    expect(count(cancer)).toEqual([212, 357])
    expect(cancer.featureNames).toHaveLength(30)
    expect(cancer.inputs.data[3]).toBe(1001)
    const diabetes = await data.diabetes()
    expect(diabetes.inputs.shape).toEqual([442, 10])
    expect(diabetes.targets.shape).toEqual([442, 1])
    expect(diabetes.inputs.data[2]).toBeCloseTo(32.1, 5)
    // The mean that scikit-learn's description implies: 152.13348.
    const mean = Array.from(diabetes.targets.data).reduce((a, b) => a + b, 0) / 442
    expect(mean).toBeCloseTo(152.13348, 4)
  })
})

describe('CIFAR-10', () => {
  const record = 3073
  const batch = (labels: number[]) =>
    Uint8Array.from({ length: record * labels.length }, (_, i) =>
      i % record === 0 ? labels[i / record]! : i % 251,
    )
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const members = { 'a.bin': batch([0, 1]), 'b.bin': batch([1]), 'test.bin': batch([0]) }
  const tar = gzipSync(
    createTar(
      Object.entries(members).map(([name, bytes]) => ({ name: `cifar/${name}`, data: bytes })),
    ),
  )
  const file = (name: keyof typeof members) => ({ name, sha256: sha256(members[name]) })
  const archive: CifarArchive = {
    name: 'cifar',
    mirrors: [],
    archive: { name: 'all.tar.gz', packed: sha256(tar) },
    train: [file('a.bin'), file('b.bin')],
    test: [file('test.bin')],
    classNames: ['cat', 'dog'],
  }

  let folder = ''
  let server: Server
  let url = ''
  let requests = 0
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'brickwork-cifar-'))
    vi.stubEnv('BRICKWORK_CACHE', join(folder, 'cache'))
    vi.stubEnv('BRICKWORK_DATA', join(folder, 'data'))
    vi.stubEnv('BRICKWORK_MIRROR', undefined)
    requests = 0
    server = createServer((request, response) => {
      requests++
      response.end(request.url === '/all.tar.gz' ? tar : 'rubbish')
    })
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    server.close().closeAllConnections()
    rmSync(folder, { recursive: true })
  })

  test('is downloaded once as an archive, then read from the cache', async () => {
    for (const mirrors of [[url], []]) {
      const { train, test } = await loadCifar(archive, { mirrors })
      expect(train.inputs).toMatchObject({ dtype: 'u8', shape: [3, 3, 32, 32] })
      expect([...train.targets.data]).toEqual([0, 1, 1])
      expect(train.inputs.data[3072]).toBe((record + 1) % 251)
      expect(test).toMatchObject({ name: 'cifar/test', length: 1 })
    }
    expect(requests).toBe(1)
  })

  test('single files in the data folder come first; a damaged one is named', async () => {
    const own = join(folder, 'data/cifar')
    mkdirSync(own, { recursive: true })
    for (const [name, bytes] of Object.entries(members)) writeFileSync(join(own, name), bytes)
    expect((await loadCifar(archive, { mirrors: [] })).train.length).toBe(3)
    writeFileSync(join(own, 'b.bin'), batch([0]))
    await expect(loadCifar(archive, { mirrors: [] })).rejects.toThrow(
      /b\.bin: expected the original b\.bin/,
    )
  })

  test('an archive that is another is refused', async () => {
    const other = { ...archive, archive: { ...archive.archive, packed: 'f00' } }
    await expect(loadCifar(other, { mirrors: [url] })).rejects.toThrow(
      /the original all\.tar\.gz \(SHA-256 f00\)/,
    )
  })

  test('a file of cut records, one that is missing, and a label beyond the classes are refused', async () => {
    const path = join(folder, 'cut.bin')
    writeFileSync(path, batch([1, 2]).subarray(0, 4000))
    await expect(data.readCifar([path], { name: 'c' })).rejects.toThrow(
      /records of 3073 bytes, got 4000/,
    )
    await expect(data.readCifar([join(folder, 'no')], { name: 'c' })).rejects.toThrow(
      /no such file/,
    )
    writeFileSync(path, batch([1, 2]))
    await expect(data.readCifar([path], { name: 'c', classNames: ['a', 'b'] })).rejects.toThrow(
      /labels from 0 to 1 \(there are 2 classes\), got 2 at example 1/,
    )
  })

  const real = dataFile('cifar10/data_batch_1.bin.gz')
  test.skipIf(real.missing)(`the real first batch${real.note}`, async () => {
    const set = await data.readCifar([real.path], { name: 'cifar10/1' })
    expect(set.inputs.shape).toEqual([10_000, 3, 32, 32])
    // The first image of CIFAR-10 is a frog; its first pixels are 59, 43, 50.
    expect(set.targets.data[0]).toBe(6)
    expect([...set.inputs.data.subarray(0, 3)]).toEqual([59, 43, 50])
  })
})
