import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, describe, expect, test } from 'vitest'
import { crc32c } from '../src/files/crc32c.ts'
import { readMetadata, writeSafetensors } from '../src/files/tensor-file.ts'
import { stepLR } from '../src/optim/schedules/decay.ts'
import { drawChart } from '../src/plot/chart.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import { csvOf } from '../src/train/logs/csv.ts'
import { encodeEvent, histogramOf } from '../src/train/logs/event.ts'
import { circle, freshNet, temporaryFolder, usual } from './train-case.ts'

const folder = temporaryFolder()
const trainSet = circle(20)
afterAll(async () => (await currentBackend()).close())

/** CRC-32C bit by bit, and masked as TFRecord has it, apart from the code under test. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffffn
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n
  }
  crc ^= 0xffffffffn
  const turned = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn
  return Number((turned + 0xa282ead8n) & 0xffffffffn)
}

type Fields = Map<number, (number | Uint8Array)[]>

/** Any protocol buffer message, without its schema. */
function fieldsOf(bytes: Uint8Array): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: Fields = new Map()
  let at = 0
  const varint = () => {
    let [value, scale, byte] = [0, 1, 0]
    do {
      byte = bytes[at++]!
      value += (byte & 127) * scale
      scale *= 128
    } while (byte >= 128)
    return value
  }
  while (at < bytes.length) {
    const key = varint()
    const add = (value: number | Uint8Array) =>
      fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value])
    if ((key & 7) === 0) add(varint())
    else if ((key & 7) === 1) {
      add(view.getFloat64(at, true))
      at += 8
    } else if ((key & 7) === 5) {
      add(view.getFloat32(at, true))
      at += 4
    } else {
      const length = varint()
      add(bytes.slice(at, at + length))
      at += length
    }
  }
  return fields
}

const text = (value: unknown): string => new TextDecoder().decode(value as Uint8Array)

interface Read {
  readonly step: number
  readonly tag?: string
  readonly value?: number
  readonly version?: string
  readonly start?: boolean
  readonly histogram?: Fields
}

/** The events of a file, its checksums checked. */
function eventsIn(path: string): Read[] {
  const bytes = new Uint8Array(readFileSync(path))
  const view = new DataView(bytes.buffer)
  const events: Read[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(view.getBigUint64(at, true))
    expect(view.getUint32(at + 8, true)).toBe(maskedCrc(bytes.subarray(at, at + 8)))
    const record = bytes.subarray(at + 12, at + 12 + length)
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedCrc(record))
    events.push(readEvent(fieldsOf(record)))
    at += 16 + length
  }
  return events
}

function readEvent(event: Fields): Read {
  const step = (event.get(2)?.[0] ?? 0) as number
  expect(event.get(1)![0]).toBeGreaterThan(1.7e9)
  if (event.has(3)) return { step, version: text(event.get(3)![0]) }
  if (event.has(7))
    return { step, start: fieldsOf(event.get(7)![0] as Uint8Array).get(1)![0] === 1 }
  const value = fieldsOf(fieldsOf(event.get(5)![0] as Uint8Array).get(1)![0] as Uint8Array)
  const tag = text(value.get(1)![0])
  return value.has(5)
    ? { step, tag, histogram: fieldsOf(value.get(5)![0] as Uint8Array) }
    : { step, tag, value: value.get(2)![0] as number }
}

const eventFiles = (run: string) =>
  readdirSync(run)
    .filter((name) => name.startsWith('events.out.tfevents.'))
    .sort((a, b) => Number(a.split('.').at(-1)) - Number(b.split('.').at(-1)))
    .map((name) => join(run, name))

test('CRC-32C of what RFC 3720 gives', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
})

test('an event, byte for byte as protobuf writes it', () => {
  const bytes = encodeEvent(1.5, 300, { kind: 'scalar', tag: 'a', value: 0.25 })
  // tensorboard.compat.proto.event_pb2.Event(...).SerializeToString().hex()
  expect(Buffer.from(bytes).toString('hex')).toBe(
    '09000000000000f83f10ac022a0a0a080a0161150000803e',
  )
})

test('event files hold what the history says, and a resumed run begins another', async () => {
  const out = join(folder, 'events')
  const options = { ...usual, validation: circle(9, 1), out, statistics: { every: 2 } }
  await trainModel(freshNet(), trainSet, { ...options, epochs: 2 })
  const { history } = await trainModel(freshNet(), trainSet, {
    ...options,
    epochs: 3,
    resume: true,
  })
  const [first, second, ...rest] = eventFiles(out).map(eventsIn)
  expect(rest).toEqual([])
  expect(first![0]).toEqual({ step: 0, version: 'brain.Event:2' })
  expect(second!.slice(0, 2)).toEqual([
    { step: 0, version: 'brain.Event:2' },
    { step: 7, start: true },
  ])
  const all = [...first!, ...second!]
  const of = (tag: string) => all.filter((event) => event.tag === tag)
  expect(of('loss/step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  for (const part of ['train', 'validation'] as const) {
    for (const name of ['loss', 'accuracy']) {
      const wanted = history.map((record) =>
        name === 'loss' ? record[part]!.loss : record[part]!.metrics[name]!,
      )
      const events = of(`${name}/${part}`)
      expect(events.map(({ step }) => step)).toEqual([3, 6, 9])
      events.forEach(({ value }, i) => {
        expect(value).toBe(Math.fround(wanted[i]!))
      })
    }
  }
  expect(of('lr').map(({ value }) => value)).toEqual(new Array(3).fill(Math.fround(0.02)))
  const [weights] = of('weights/hidden.weight')
  expect(weights!.histogram!.get(3)).toEqual([16])
  expect(of('gradients/out.bias/std')).toHaveLength(5)
  expect(of('activations/norm/mean')).toHaveLength(5)
})

test('histograms count every value once', () => {
  const values = Float32Array.from({ length: 100 }, (_, i) => (i % 10) - 4)
  const { min, max, count, sum, sumOfSquares, limits, counts } = histogramOf(values)
  expect([min, max, count, sum, sumOfSquares]).toEqual([-4, 5, 100, 50, 850])
  expect(counts.reduce((a, b) => a + b)).toBe(100)
  expect(limits.at(-1)).toBe(5)
  limits.forEach((limit, i) => {
    const from = limits[i - 1] ?? -Infinity
    const within = values.filter((v) => v >= from && (v < limit || i === limits.length - 1))
    expect(counts[i]).toBe(within.length)
  })
  expect(histogramOf([3, 3]).counts).toEqual([2])
})

describe('the run folder', () => {
  test('CSV has a column for each score, and empty cells where there is none', async () => {
    const out = join(folder, 'csv')
    const options = { ...usual, out, epochs: 2, logs: ['csv'] as const }
    const { history } = await trainModel(freshNet(), trainSet, options)
    const [head, ...rows] = readFileSync(join(out, 'metrics.csv'), 'utf8').trim().split('\n')
    expect(head).toBe('epoch,seconds,lr,train_loss,train_accuracy')
    expect(rows.map((row) => row.split(',').map(Number))).toEqual(
      history.map(({ epoch, seconds, lr, train }) => [
        epoch,
        seconds,
        lr,
        train.loss,
        train.metrics['accuracy'],
      ]),
    )
    expect(eventFiles(out)).toEqual([])
    const odd = { loss: 1, metrics: { 'a,"b"': null as unknown as number } }
    expect(csvOf([{ epoch: 1, seconds: 2, train: odd }])).toBe(
      'epoch,seconds,lr,train_loss,"train_a,""b"""\n1,2,,1,\n',
    )
  })

  test('the environment lists each part of the run; a damaged list begins anew', async () => {
    const out = join(folder, 'environment')
    await trainModel(freshNet(), trainSet, { ...usual, out })
    await trainModel(freshNet(), trainSet, { ...usual, epochs: 2, out, resume: true })
    const path = join(out, 'environment.json')
    const parts = JSON.parse(readFileSync(path, 'utf8'))
    expect(parts).toHaveLength(2)
    expect(parts[0]).toMatchObject({
      node: process.versions.node,
      backend: (await currentBackend()).name,
    })
    writeFileSync(path, '{')
    await trainModel(freshNet(), trainSet, { ...usual, epochs: 3, out, resume: true })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveLength(1)
  })

  test('curves are pictures with both lines, the learning rate and the best epoch', async () => {
    const out = join(folder, 'curves')
    const schedule = stepLR({ stepSize: 1, gamma: 0.5 })
    const options = { ...usual, validation: circle(9, 1), epochs: 3, out, schedule }
    await trainModel(freshNet(), trainSet, options)
    const svg = readFileSync(join(out, 'curves.svg'), 'utf8')
    for (const wanted of ['>loss<', '>accuracy<', '>learning rate<', '>validation<', 'at epoch']) {
      expect(svg).toContain(wanted)
    }
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    const { width, height, format } = await sharp(join(out, 'curves.png')).metadata()
    const [, w, h] = /width="(\d+)" height="(\d+)"/.exec(svg)!
    expect([format, width, height]).toEqual(['png', 2 * Number(w), 2 * Number(h)])
  })
})

describe('charts', () => {
  const points = [
    [1, 2],
    [2, Number.NaN],
    [3, 1],
    [4, 1],
  ] as const

  test('leave gaps, escape texts, and draw shapes where there are no fonts', () => {
    const panel = { title: 'a < b & c', series: [{ label: 'x', color: 0, points }] }
    const svg = drawChart([panel], { title: 'run' })
    expect(svg).toContain('a &lt; b &amp; c')
    const [, path] = /<path d="(M[^"]*)" stroke="#0072b2" stroke-width="2" fill/.exec(svg)!
    expect(path!.match(/[ML]/g)).toEqual(['M', 'M', 'L'])
    const shapes = drawChart([panel], { title: 'run', text: 'shapes' })
    expect(shapes).not.toContain('<text')
  })

  test('say so where there are no values', () => {
    const series = [{ label: 'x', color: 0, points: [[1, Number.NaN]] as const }]
    expect(drawChart([{ title: 'loss', series }], { title: 'run' })).toContain('no values')
    expect(drawChart([], { title: 'nothing' })).toContain('<svg')
  })
})

test('metadata of a file are read without its arrays, and a damaged file is named', async () => {
  const path = join(folder, 'm.safetensors')
  const data = new Float32Array(1000)
  await writeSafetensors(path, [['w', { dtype: 'f32', shape: [1000], data }]], { note: 'kept' })
  expect(await readMetadata(path)).toEqual({ note: 'kept' })
  const whole = readFileSync(path)
  for (const length of [0, 4, 20]) {
    writeFileSync(path, whole.subarray(0, length))
    await expect(readMetadata(path)).rejects.toMatchObject({ kind: 'file', where: path })
  }
  await expect(readMetadata(join(folder, 'none'))).rejects.toMatchObject({ kind: 'file' })
})
