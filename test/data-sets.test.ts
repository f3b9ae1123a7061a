import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { digits } from '../src/data/digits.ts'
import { parseIdx } from '../src/data/idx.ts'
import { fashionMnist, type IdxArchive, loadIdx, mnist } from '../src/data/mnist.ts'
import { statistics } from '../src/data/statistics.ts'
import { dataFile } from './data-folder.ts'

/** An IDX file of bytes 0, 1, 2, … */
function idx(shape: number[], modulo = 256): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.writeUInt32BE(0x800 | shape.length)
  shape.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis)
  })
  const length = shape.reduce((a, b) => a * b, 1)
  return Buffer.concat([header, Uint8Array.from({ length }, (_, i) => i % modulo)])
}

describe('digits', () => {
  test('1,437 to train and 360 to test, every class alike in both', async () => {
    const { train, test } = await digits()
    expect(train).toMatchObject({ name: 'digits/train', length: 1437 })
    expect(train.inputs).toMatchObject({ dtype: 'f32', shape: [1437, 1, 8, 8] })
    expect(test.inputs.shape).toEqual([360, 1, 8, 8])
    expect(Math.min(...train.inputs.data)).toBe(0)
    expect(Math.max(...train.inputs.data)).toBe(1)
    const counts = new Array<number>(10).fill(0)
    for (const label of test.targets.data) counts[label]!++
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(34)
    expect(Math.max(...counts)).toBeLessThanOrEqual(38)
  })

  test('the split never changes', async () => {
    const { train, test } = await digits()
    const hash = (bytes: Int32Array) =>
      createHash('sha256').update(bytes).digest('hex').slice(0, 16)
    expect(hash(train.targets.data as Int32Array)).toMatchInlineSnapshot(`"f7bfeccf763910d2"`)
    expect(hash(test.targets.data as Int32Array)).toMatchInlineSnapshot(`"03c72e1037d64784"`)
  })
})

describe('parseIdx', () => {
  test('reads what it should', () => {
    const { shape, data } = parseIdx(idx([2, 3, 4]), 'images', 3)
    expect(shape).toEqual([2, 3, 4])
    expect([...data]).toEqual(Array.from({ length: 24 }, (_, i) => i))
  })

  test.each([
    ['empty', new Uint8Array(), /magic number 0x00000803, got no bytes/],
    ['labels instead of images', idx([2]), /magic number 0x00000803, got 0x00000801/],
    ['a cut header', idx([2, 3, 4]).subarray(0, 9), /a header of 16 bytes, got 9/],
    ['truncated', idx([2, 3, 4]).subarray(0, 30), /40 bytes for \[2, 3, 4\], got 30 \(truncated\)/],
    ['trailing bytes', Buffer.concat([idx([2, 3, 4]), Buffer.of(0)]), /got 41 \(trailing bytes\)/],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'a/images', 3)).toThrow(message)
    expect(() => parseIdx(bytes, 'a/images', 3)).toThrow(/^a\/images: .*Replace the file/)
  })
})

describe('an archive of IDX files', () => {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const contents = {
    'train-images': idx([6, 4, 4]),
    'train-labels': idx([6], 3),
    'test-images': idx([3, 4, 4]),
    'test-labels': idx([3], 3),
  }
  const names = Object.keys(contents) as (keyof typeof contents)[]
  const file = (name: keyof typeof contents) => ({
    name: `${name}.gz`,
    sha256: sha256(contents[name]),
  })
  const archive: IdxArchive = {
    name: 'small',
    mirrors: [],
    classNames: ['a', 'b', 'c'],
    train: { images: file('train-images'), labels: file('train-labels') },
    test: { images: file('test-images'), labels: file('test-labels') },
  }
  const zipped = (path: string) =>
    gzipSync(contents[path.split('/').at(-1)!.slice(0, -3) as 'test-images'])

  let folder = ''
  let servers: Server[] = []
  const cached = () => join(folder, 'cache/data/small')

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'brickwork-data-'))
    vi.stubEnv('BRICKWORK_CACHE', join(folder, 'cache'))
    vi.stubEnv('BRICKWORK_DATA', join(folder, 'data'))
    vi.stubEnv('BRICKWORK_MIRROR', undefined)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    for (const server of servers) server.close().closeAllConnections()
    servers = []
    rmSync(folder, { recursive: true })
  })

  /** A mirror on this machine. */
  async function mirror(answer: RequestListener): Promise<string> {
    const server = createServer(answer)
    servers.push(server)
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const good: RequestListener = ({ url }, response) => response.end(zipped(url!))
  const notFound: RequestListener = (_, response) => response.writeHead(404).end()

  test('is downloaded once, then read from the cache', async () => {
    let requests = 0
    const url = await mirror((request, response) => {
      requests++
      good(request, response)
    })
    const progress: string[] = []
    const onProgress = ({ file }: { file: string }) => progress.push(file)
    const { train, test } = await loadIdx(archive, { mirrors: [url], onProgress })
    expect(train.inputs).toMatchObject({ dtype: 'u8', shape: [6, 1, 4, 4] })
    expect([...train.targets.data]).toEqual([0, 1, 2, 0, 1, 2])
    expect(test.length).toBe(3)
    expect(new Set(progress)).toEqual(new Set(names.map((name) => `${name}.gz`)))
    expect(readdirSync(cached()).sort()).toEqual(names.map((name) => `${name}.gz`).sort())
    await loadIdx(archive, { mirrors: [url] })
    expect(requests).toBe(4)
  })

  test('BRICKWORK_DATA comes first, BRICKWORK_MIRROR replaces the mirrors', async () => {
    const paths: string[] = []
    const url = await mirror((request, response) => {
      paths.push(request.url!)
      good(request, response)
    })
    mkdirSync(join(folder, 'data/small'), { recursive: true })
    writeFileSync(join(folder, 'data/small/train-images.gz'), zipped('train-images.gz'))
    vi.stubEnv('BRICKWORK_MIRROR', `${url}/base/`)
    await loadIdx(archive)
    expect(paths).toEqual(
      ['train-labels', 'test-images', 'test-labels'].map((n) => `/base/small/${n}.gz`),
    )
  })

  test('content that the server has already decompressed is as good', async () => {
    const plain: RequestListener = ({ url }, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped(url!))
    const url = await mirror(plain)
    expect((await loadIdx(archive, { mirrors: [url] })).train.length).toBe(6)
    expect((await loadIdx(archive, { mirrors: [] })).train.length).toBe(6)
  })

  const bad: [string, RequestListener, RegExp][] = [
    ['is missing', notFound, /404 Not Found/],
    [
      'has other content',
      (_, r) => r.end(gzipSync('other')),
      /expected the original train-images\.gz/,
    ],
    ['has a cut file', ({ url }, r) => r.end(zipped(url!).subarray(0, 20)), /a whole gzip file/],
    [
      'breaks off',
      ({ url }, r) => {
        r.writeHead(200, { 'content-length': 999 }).write(zipped(url!))
        setTimeout(() => r.destroy(), 20)
      },
      /other side closed|aborted|terminated/,
    ],
    ['never answers', () => {}, /no bytes for 150 ms/],
    ['stops in the middle', (_, r) => r.writeHead(200).write('x'), /no bytes for 150 ms/],
  ]
  test.each(bad)('a mirror that %s is named and the next is asked', async (_, answer, message) => {
    const url = await mirror(answer)
    const options = { mirrors: [url], timeout: 150 }
    const failed = loadIdx(archive, options)
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.toMatchObject({ kind: 'network', where: 'train-images.gz' })
    await expect(failed).rejects.toThrow(url)
    expect(readdirSync(cached())).toEqual([])
    const { train } = await loadIdx(archive, { ...options, mirrors: [url, await mirror(good)] })
    expect(train.length).toBe(6)
  })

  test('a mirror that cannot be reached', async () => {
    const failed = loadIdx(archive, { mirrors: ['http://127.0.0.1:1'] })
    await expect(failed).rejects.toThrow(/http:\/\/127\.0\.0\.1:1\/train-images\.gz: /)
  })

  test('a damaged file in the data folder or the cache is named, not used, not replaced', async () => {
    for (const place of [join(folder, 'data/small'), cached()]) {
      mkdirSync(place, { recursive: true })
      const path = join(place, 'train-images.gz')
      for (const content of [
        'rubbish',
        zipped('train-images.gz').subarray(0, 30),
        zipped('test-images.gz'),
      ]) {
        writeFileSync(path, content)
        const failed = loadIdx(archive, { mirrors: [await mirror(good)] })
        await expect(failed).rejects.toMatchObject({ kind: 'file', where: path })
        await expect(failed).rejects.toThrow(/Replace the file with the original, or delete it/)
        expect(readFileSync(path)).toEqual(Buffer.from(content))
      }
      rmSync(place, { recursive: true })
    }
  })

  test('a cache folder that cannot be written fails before the download', async () => {
    writeFileSync(join(folder, 'cache'), 'a file')
    let requests = 0
    const url = await mirror(() => requests++)
    await expect(loadIdx(archive, { mirrors: [url] })).rejects.toMatchObject({
      kind: 'file',
      where: cached(),
    })
    expect(requests).toBe(0)
  })

  test('labels that do not match the images are refused', async () => {
    const labels = idx([5], 3)
    const odd = {
      ...archive,
      train: { ...archive.train, labels: { name: 'odd.gz', sha256: sha256(labels) } },
    }
    mkdirSync(cached(), { recursive: true })
    writeFileSync(join(cached(), 'train-images.gz'), zipped('train-images.gz'))
    writeFileSync(join(cached(), 'odd.gz'), gzipSync(labels))
    await expect(loadIdx(odd)).rejects.toThrow(/odd\.gz: expected 6 labels .*got 5/)
  })

  const real = dataFile('mnist/train-images-idx3-ubyte.gz')
  const data = process.env['BRICKWORK_DATA']
  test.skipIf(real.missing)(`MNIST is MNIST${real.note}`, async () => {
    vi.stubEnv('BRICKWORK_DATA', data)
    const { train, test } = await mnist({ mirrors: [] })
    expect(train.inputs.shape).toEqual([60_000, 1, 28, 28])
    expect(test.inputs.shape).toEqual([10_000, 1, 28, 28])
    const { mean, std } = statistics(train)
    expect(mean[0]).toBeCloseTo(0.1307, 4)
    expect(std[0]).toBeCloseTo(0.3081, 4)
    expect(existsSync(cached())).toBe(false)
  })

  const fashion = dataFile('fashion-mnist/train-images-idx3-ubyte.gz')
  test.skipIf(fashion.missing)(`Fashion-MNIST is Fashion-MNIST${fashion.note}`, async () => {
    vi.stubEnv('BRICKWORK_DATA', data)
    const { train } = await fashionMnist({ mirrors: [] })
    expect(train.classNames![train.targets.data[0]!]).toBe('Ankle boot')
    expect(statistics(train).mean[0]).toBeCloseTo(0.286, 4)
  })
})
