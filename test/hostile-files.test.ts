import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { afterAll, describe, expect, test } from 'vitest'
import { decodeImage } from '../src/data/readers/image.ts'
import { TextLines } from '../src/data/readers/lines.ts'
import { readNpz } from '../src/data/readers/npy.ts'
import { parseCsv } from '../src/data/readers/tables.ts'
import { unpackGzip } from '../src/files/gunzip.ts'
import { parseRunState } from '../src/train/run-state.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-hostile-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** What reading took, in typed arrays; nothing the readers keep is in them. */
async function memoryOf(read: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers
  await read()
  return process.memoryUsage().arrayBuffers - before
}

const u16 = (...values: number[]): Buffer => Buffer.from(Uint16Array.from(values).buffer)
const u32 = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer)

interface Entry {
  readonly name: string
  readonly packed: Buffer
  readonly size: number
  readonly method?: number
  readonly crc?: number
  /** Where the list says that it lies, if not there. */
  readonly header?: number
}

/** A zip file that says of its entries what it is told to. */
function zipOf(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = []
  const listed: Buffer[] = []
  let at = 0
  for (const { name, packed, size, method = 8, crc = 0, header } of entries) {
    const bytes = Buffer.from(name)
    const about = [u16(20, 0, method, 0, 0), u32(crc, packed.length, size), u16(bytes.length, 0)]
    const place = header ?? at
    const local = Buffer.concat([u32(0x04034b50), ...about, bytes, packed])
    if (header === undefined) parts.push(local)
    if (header === undefined) at += local.length
    listed.push(
      Buffer.concat([u32(0x02014b50), u16(20), ...about, u16(0, 0, 0), u32(0, place), bytes]),
    )
  }
  const directory = Buffer.concat(listed)
  const end = [
    u32(0x06054b50),
    u16(0, 0, entries.length, entries.length),
    u32(directory.length, at),
    u16(0),
  ]
  return Buffer.concat([...parts, directory, ...end])
}

describe('zip files', () => {
  const zeros = deflateRawSync(Buffer.alloc(1_000_000))

  test('a size that no compression reaches is refused before it is allocated', async () => {
    const path = write('a.npz', zipOf([{ name: 'w.npy', packed: zeros, size: 4e9 }]))
    const taken = await memoryOf(() =>
      expect(readNpz(path)).rejects.toThrow(
        /a\.npz: w\.npy: expected a size that fits \d+ bytes, got 4000000000/,
      ),
    )
    expect(taken).toBeLessThan(1e6)
  })

  test('a content that is longer or shorter than it says', async () => {
    const long = write('b.npz', zipOf([{ name: 'w.npy', packed: zeros, size: 1000 }]))
    await expect(readNpz(long)).rejects.toThrow(/w\.npy: expected 1000 compressed bytes/)
    const short = write('c.npz', zipOf([{ name: 'w.npy', packed: zeros, size: 1_000_001 }]))
    await expect(readNpz(short)).rejects.toThrow(/w\.npy: expected 1000001 bytes, got 1000000/)
  })

  test('a thousand entries that all lie at one place', async () => {
    const first = { name: '0.npy', packed: zeros, size: 1_000_000 }
    const others = Array.from({ length: 1000 }, (_, i) => ({
      ...first,
      name: `${i + 1}.npy`,
      header: 0,
    }))
    const path = write('d.npz', zipOf([first, ...others]))
    await expect(readNpz(path)).rejects.toThrow(
      /d\.npz: \d+\.npy: expected \d+ bytes from 0, got an end at 0/,
    )
  })

  test('a name twice, a password, another method, places beyond the file', async () => {
    const entry = { name: 'w.npy', packed: Buffer.alloc(4), size: 4, method: 0 }
    const cases: [Buffer, RegExp][] = [
      [zipOf([entry, entry]), /expected entries that differ, got w\.npy twice/],
      [zipOf([{ ...entry, method: 12 }]), /a stored or deflated entry, got method 12/],
      [zipOf([{ ...entry, header: 9e6 }]), /4 bytes from 9000000/],
      [zipOf([{ ...entry, size: 5 }]), /a size that fits 4 bytes, got 5/],
      [zipOf([{ ...entry, crc: 7 }]), /content with the CRC-32 00000007/],
    ]
    for (const [bytes, message] of cases) {
      await expect(readNpz(write('e.npz', bytes))).rejects.toThrow(message)
    }
    const zip = Buffer.from(zipSync({ 'w.npy': new Uint8Array(4) }))
    // Places that are written for zip64: nowhere.
    const wide = Buffer.concat([
      zip.subarray(0, -22),
      u32(0x07064b50, 0),
      u32(0xffffffff, 0x1fffff),
      u32(1),
      zip.subarray(-22),
    ])
    await expect(readNpz(write('f.npz', wide))).rejects.toThrow(/expected a record at \d+/)
  })
})

test('gzip that unpacks to more than is allowed is given up', async () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000))
  const taken = await memoryOf(() =>
    expect(unpackGzip(bomb, 'bomb.gz', 1_000_000)).rejects.toThrow(
      'bomb.gz: expected at most 1000000 bytes when it is unpacked, got more. Unpack it yourself',
    ),
  )
  expect(taken).toBeLessThan(8e6)
  await expect(unpackGzip(bomb.subarray(0, 99), 'cut.gz')).rejects.toThrow(
    /cut\.gz: expected a whole gzip file, got 99 bytes/,
  )
})

/** A PNG of zeros: grey, 1 bit a pixel. */
function png(width: number, height: number, rows: number): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data])
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    return Buffer.concat([length, body, sum])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head[8] = 1
  const pixels = deflateSync(Buffer.alloc(rows * (1 + Math.ceil(width / 8))))
  const parts = [chunk('IHDR', head), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts])
}

describe('images', () => {
  const size = { width: 8, height: 8, channels: 1 } as const

  test.each([
    [60_000, 60_000, 1],
    [2 ** 31 - 1, 2 ** 31 - 1, 0],
  ])(
    '%i × %i pixels in a small file are refused before they are decoded',
    async (width, height, rows) => {
      const path = write('large.png', png(Math.min(width, 2 ** 31 - 1), height, rows && 100))
      const before = process.memoryUsage().rss
      await expect(decodeImage(path, size)).rejects.toMatchObject({ kind: 'file', where: path })
      expect(process.memoryUsage().rss - before).toBeLessThan(200e6)
    },
  )

  test('the same image of sane size is read', async () => {
    const { data } = await decodeImage(write('sane.png', png(64, 64, 64)), size)
    expect([...data].every((value) => value === 0)).toBe(true)
  })

  test('an SVG that names other files and takes in itself without end', async () => {
    const secret = write('secret.txt', 'secret')
    const svg = `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://${secret}">
      <!ENTITY a "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY b "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY c "&d;&d;&d;&d;&d;&d;&d;&d;">
      <!ENTITY d "&e;&e;&e;&e;&e;&e;&e;&e;"><!ENTITY e "&f;&f;&f;&f;&f;&f;&f;&f;"><!ENTITY f "xxxxxxxxxxxxxxxx">]>
      <svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><text>&x;&a;</text></svg>`
    const started = performance.now()
    await decodeImage(write('evil.svg', svg), size).catch((error) => {
      expect(error).toMatchObject({ name: 'BrickError', kind: 'file' })
    })
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('texts', () => {
  test('a table of 200,000 columns is not slow', () => {
    const header = Array.from({ length: 200_000 }, (_, i) => `c${i}`).join()
    const started = performance.now()
    expect(() => parseCsv(`${header},c0\n`, 'wide.csv')).toThrow(/wide\.csv: .*'c0' twice/)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  test('a file without line ends is given up', async () => {
    const path = write('line.txt.gz', gzipSync(Buffer.alloc(70_000_000, 'x')))
    const read = async () => {
      for await (const line of new TextLines(path)) void line
    }
    await expect(read()).rejects.toThrow(
      /line\.txt\.gz: expected lines of at most 67108864 letters/,
    )
  })

  const state = {
    format: 2,
    versions: { brickwork: '1', node: '20' },
    config: {},
    position: { seed: 1, epoch: 0, batch: 0 },
    data: { name: 'x', length: 1, batchSize: 1, shuffle: false },
    generator: [1],
    optimizer: { name: 'SGD', initialLr: 1, lr: 1 },
    history: [{ epoch: 1, train: { loss: null, metrics: {} }, seconds: 1 }],
    best: null,
    tally: { examples: 0, loss: 0, sums: [] },
    seconds: 1,
  }
  test.each([
    [{ history: [null] }, /history\[0\]: an object/],
    [
      { history: [{ epoch: 1, train: { loss: 'x', metrics: {} }, seconds: 1 }] },
      /history\[0\]\.train\.loss: a number/,
    ],
    [
      { optimizer: { name: 'SGD', initialLr: 1, lr: 1, lrs: ['x'] } },
      /optimizer\.lrs\[0\]: a number/,
    ],
    [{ generator: { 0: 1 } }, /generator: a list/],
    [{ position: { seed: 1, epoch: 0 } }, /position\.batch: a number/],
    [{ config: [] }, /config: an object/],
    [{ best: { epoch: '1' } }, /best\.epoch: a number/],
    [{ tally: { examples: 1, loss: 1, sums: [[{}]] } }, /tally\.sums\[0\]\[0\]: a number/],
  ])('a run state with %j', (change, message) => {
    expect(parseRunState(JSON.stringify(state), 'last')).toEqual(state)
    expect(() => parseRunState(JSON.stringify({ ...state, ...change }), 'last')).toThrow(message)
  })
})
