import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { imageFolder } from '../src/data/readers/image-folder.ts'
import { LeNet } from '../src/models/lenet.ts'
import { servableClassifier } from '../src/serve/classifier-servable.ts'
import { FeedbackStore, folderNames } from '../src/serve/feedback-store.ts'
import { imageExtension } from '../src/serve/image-kind.ts'
import type { ServeOptions } from '../src/serve/options.ts'
import { RecentImages } from '../src/serve/recent-images.ts'
import type { Server } from '../src/serve/serve.ts'
import { Classifier } from '../src/vision/classifier.ts'
import { ask, folderOfTest, post, started } from './serve-case.ts'

const folder = folderOfTest()
const classNames = ['rose', 'lily', 'oak/elm']
const png = { 'content-type': 'image/png' }

/** A small network of images with three classes, and fresh weights. */
const classifier = new Classifier({
  name: 'lenet',
  model: new LeNet({ inputShape: [3, 8, 8], classes: 3 }),
  classNames,
  preprocessing: {
    size: [8, 8],
    channels: 'rgb',
    resize: null,
    interpolation: 'bilinear',
    normalize: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] },
    ink: false,
  },
})

const startedWith = (options: ServeOptions) =>
  started((version) => servableClassifier(classifier, version), { maxBatch: 2, ...options })

const picture = (red: number, width = 16, height = 12) =>
  sharp({ create: { width, height, channels: 3, background: { r: red, g: 60, b: 200 } } })

let server: Server
let image: Buffer
beforeAll(async () => {
  server = await startedWith({ feedback: join(folder, 'feedback') })
  image = await picture(120).png().toBuffer()
})

const classify = (body: Uint8Array, query = '', headers: Record<string, string> = png) =>
  post(`${server.url}/classify${query}`, body, headers)

describe('classify', () => {
  test('gives what the classifier itself gives', async () => {
    const { status, json } = await classify(image)
    expect(status).toBe(200)
    expect(json).toMatchObject({ model: 'lenet', version: '1' })
    const [guesses] = await classifier.classify([new Uint8Array(image)])
    expect(json.predictions).toHaveLength(3)
    for (const [i, { name, label, probability }] of guesses!.entries()) {
      expect(json.predictions[i]).toMatchObject({ class: name, index: label })
      expect(json.predictions[i].probability).toBeCloseTo(probability, 5)
    }
  })

  test.each(['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif'] as const)('reads %s', async (format) => {
    const bytes = await picture(10).toFormat(format).toBuffer()
    const { status, json } = await classify(bytes, '', {
      'content-type': 'application/octet-stream',
    })
    expect(status, json.error).toBe(200)
  })

  test('as many classes as are asked for', async () => {
    expect((await classify(image, '?top=1')).json.predictions).toHaveLength(1)
    expect((await classify(image, '?top=99')).json.predictions).toHaveLength(3)
    for (const top of ['0', '-1', 'x', '1.5', '']) {
      const { status, json } = await classify(image, `?top=${top}`)
      expect(status).toBe(400)
      expect(json.error).toContain(`top: expected a whole number from 1, got '${top}'`)
    }
  })

  test('what is no image: 400', async () => {
    const bodies = {
      nothing: new Uint8Array(),
      text: Buffer.from('hello'),
      SVG: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      PDF: Buffer.from('%PDF-1.7'),
      'half of one': image.subarray(0, image.length / 2),
      'a start': image.subarray(0, 12),
      'a damaged one': Buffer.from(image).fill(7, 20, 60),
    }
    for (const [name, body] of Object.entries(bodies)) {
      const { status, json } = await classify(body)
      expect(status, name).toBe(400)
      expect(json.error, name).toMatch(/^(body|image): expected an image/)
    }
  })

  test('an image that claims to be huge: 400, and soon', async () => {
    const bomb = Buffer.from(image)
    bomb.writeUInt32BE(100_000, 16)
    bomb.writeUInt32BE(100_000, 20)
    // A PNG's header and its checksum.
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29)
    const start = performance.now()
    const { status, json } = await classify(bomb)
    expect(status).toBe(400)
    expect(json.error).toMatch(/pixel limit/)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test('more pixels than were agreed on: 400', async () => {
    const small = await started((version) =>
      servableClassifier(classifier, version, { maxPixels: 16 * 12 }),
    )
    expect((await post(`${small.url}/classify`, image, png)).status).toBe(200)
    const larger = await picture(1, 16, 13).png().toBuffer()
    const { status, json } = await post(`${small.url}/classify`, larger, png)
    expect(status).toBe(400)
    expect(json.error).toMatch(/pixel limit/)
  })

  test.each(['multipart/form-data; boundary=x', 'application/json', 'text/html'])(
    '%s: 415',
    async (type) => {
      const { status, json } = await classify(image, '', { 'content-type': type })
      expect(status).toBe(415)
      expect(json.error).toContain('expected image/* or application/octet-stream')
    },
  )
})

describe('feedback', () => {
  const feedback = (body: unknown) => post(`${server.url}/feedback`, body)
  const folderOf = (...names: string[]) => join(folder, 'feedback', ...names)

  test('keeps a classified image under its right label, and moves it with the next one', async () => {
    const { id } = (await classify(image)).json
    const { status, json } = await feedback({ id, label: 'lily' })
    expect(status).toBe(200)
    expect(json).toEqual({ id, label: 'lily', file: `lily/${id}.png` })
    expect(readFileSync(folderOf('lily', `${id}.png`))).toEqual(image)
    expect((await feedback({ id, label: 'lily' })).status).toBe(200)
    await feedback({ id, label: 'rose' })
    expect(existsSync(folderOf('lily', `${id}.png`))).toBe(false)
    expect(readFileSync(folderOf('rose', `${id}.png`))).toEqual(image)
  })

  test('keeps an image that comes with its label, in a folder that imageFolder reads', async () => {
    const bytes = await picture(30).jpeg().toBuffer()
    const url = `${server.url}/feedback?label=${encodeURIComponent('oak/elm')}`
    const { status, json } = await post(url, bytes, { 'content-type': 'image/jpeg' })
    expect(status).toBe(200)
    expect(json.file).toMatch(/^oak_elm\/[\w-]{36}\.jpg$/)
    await post(`${server.url}/feedback?label=lily`, bytes, png)
    const dataset = await imageFolder(folderOf(), { size: 8 })
    expect(dataset.classNames).toEqual(['lily', 'oak_elm', 'rose'])
    expect((await dataset.get(0)).input.shape).toEqual([3, 8, 8])
  })

  test('what is refused', async () => {
    const { id } = (await classify(image)).json
    const inFolder = () => readdirSync(folder, { recursive: true }).length
    const before = inFolder()
    const cases: [body: unknown, status: number, words: RegExp][] = [
      [{ id, label: 'tulip' }, 400, /label: expected one of rose, lily, oak\/elm, got 'tulip'/],
      [{ id, label: '../../rose' }, 400, /label: expected one of/],
      [{ id, label: '__proto__' }, 400, /label/],
      [{ id: '../../../etc/passwd', label: 'rose' }, 404, /the id of a recent answer/],
      [{ id: 'x', label: 'rose' }, 404, /\?label=/],
      [{ id }, 400, /label/],
      [{ label: 'rose' }, 400, /id/],
      [{ id: 3, label: 'rose' }, 400, /body\/id: expected string/],
      [{ id, label: 'rose', path: '/tmp/x' }, 400, /additional properties/],
      ['', 400, /nothing/],
      ['[1,', 400, /JSON/],
    ]
    for (const [body, status, words] of cases) {
      const got = await feedback(body)
      expect(got.json.error).toMatch(words)
      expect(got.status).toBe(status)
    }
    const url = `${server.url}/feedback`
    const damaged = Buffer.from(image).fill(7, 20, 60)
    const images: [url: string, body: Uint8Array, status: number][] = [
      [url, image, 400],
      [`${url}?label=tulip`, image, 400],
      [`${url}?label=rose&label=lily`, image, 400],
      [`${url}?label=rose`, Buffer.from('hello'), 400],
      [`${url}?label=rose`, damaged, 400],
    ]
    for (const [address, body, status] of images) {
      expect((await post(address, body, png)).status).toBe(status)
    }
    expect((await post(url, 'x', { 'content-type': 'text/plain' })).status).toBe(415)
    expect(inFolder()).toBe(before)
  })

  test('a full folder: 507, counted anew at each start', async () => {
    const place = join(folder, 'bounded')
    const options = { feedback: place, feedbackImages: 2, feedbackBytes: 10 * image.length }
    const first = await startedWith(options)
    const keep = (at: Server, body: Buffer) => post(`${at.url}/feedback?label=rose`, body, png)
    for (const status of [200, 200, 507]) expect((await keep(first, image)).status).toBe(status)
    const second = await startedWith({ ...options, feedbackImages: 3 })
    expect((await keep(second, image)).status).toBe(200)
    const { status, json } = await keep(second, image)
    expect(status).toBe(507)
    expect(json.error).toMatch(/3 images, \d+ bytes/)
    const third = await startedWith({ ...options, feedbackImages: 9, feedbackBytes: 1 })
    expect((await keep(third, image)).status).toBe(507)
  })

  test('a folder that can’t be written is the server’s fault, and it goes on', async () => {
    const place = join(folder, 'a file')
    writeFileSync(place, '')
    const lines: string[] = []
    await expect(startedWith({ feedback: place })).rejects.toThrow(/a file/)
    mkdirSync(join(folder, 'later'))
    const other = await startedWith({
      feedback: join(folder, 'later'),
      log: { write: (line) => lines.push(line) },
    })
    writeFileSync(join(folder, 'later', 'rose'), '')
    const { status, json } = await post(`${other.url}/feedback?label=rose`, image, png)
    expect(status).toBe(500)
    expect(json.error).toMatch(/^server: an error of its own/)
    expect(json.error).not.toContain(folder)
    expect(lines.join('')).toContain('a file where a folder is needed')
    expect((await ask(`${other.url}/v2/health/ready`)).status).toBe(200)
  })
})

describe('what it is made of', () => {
  test('images are known by their content', () => {
    const starts: [string | undefined, number[] | string][] = [
      ['jpg', [0xff, 0xd8, 0xff, 0xe0]],
      ['gif', 'GIF89a......'],
      ['webp', 'RIFF\n\n\n\nWEBP'],
      ['tif', 'MM\0*........'],
      ['avif', '\0\0\0\x1cftypavif'],
      [undefined, 'RIFF....WAVE'],
      [undefined, '<svg>'],
      [undefined, []],
      [undefined, [0xff, 0xd8]],
    ]
    for (const [extension, start] of starts) {
      expect(imageExtension(Buffer.from(start as string, 'latin1'))).toBe(extension)
    }
  })

  test('folder names lead nowhere else, and differ', () => {
    const names = [
      '..',
      '.',
      '',
      '/',
      'C:\\x',
      'a/b',
      'a:b',
      'Été',
      'x.',
      ' y ',
      'a\0b',
      'z'.repeat(300),
    ]
    const folders = folderNames(names)
    for (const name of folders) expect(name).toMatch(/^[^./\\\0:][^/\\\0:]*[^./\\\0: ]$|^\w$/u)
    expect(new Set(folders.map((name) => name.toLowerCase())).size).toBe(names.length)
    expect(folderNames(['7', 'rose', 'Samoyed, Samoyede'])).toEqual([
      '7',
      'rose',
      'Samoyed, Samoyede',
    ])
  })

  test('images of late are bounded in number and bytes', () => {
    const recent = new RecentImages(3, 10)
    for (const id of ['a', 'b', 'c', 'd']) recent.add(id, new Uint8Array(2))
    expect(['a', 'b', 'c', 'd'].filter((id) => recent.get(id))).toEqual(['b', 'c', 'd'])
    recent.add('e', new Uint8Array(8))
    expect(['b', 'c', 'd', 'e'].filter((id) => recent.get(id))).toEqual(['d', 'e'])
    recent.add('f', new Uint8Array(11))
    expect(['d', 'e', 'f'].filter((id) => recent.get(id))).toEqual([])
  })

  test('writes at the same time keep to the limits', async () => {
    const store = await FeedbackStore.open(join(folder, 'at once'), {
      mostImages: 3,
      mostBytes: 99,
    })
    const image = { bytes: new Uint8Array(1), extension: 'png' }
    const all = await Promise.allSettled(
      Array.from({ length: 9 }, (_, i) => store.keep(`${i}`, image, 0, ['rose'])),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(readdirSync(join(folder, 'at once', 'rose'))).toHaveLength(3)
  })
})
