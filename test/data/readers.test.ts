import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as data from '../../src/data/index.ts'
import { parseNpy, parseNpz, serializeNpy, serializeNpz } from '../../src/data/readers/npy.ts'
import { parseCsv } from '../../src/data/readers/tables.ts'
import { parseWav } from '../../src/data/readers/wav.ts'
import { dataFile } from '../data-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-readers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file in the folder. */
function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}

/** Files as NumPy 2.4 writes them. */
const numpy = {
  f8: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAAAAAAAAAAANA/AAAAAAAA4D8AAAAAAADoPwAAAAAAAPA/AAAAAAAA9D8=',
  big: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPmkyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAf/+ASw=',
  fortran:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywgNCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAABAQQAAgEAAAIBBAAAAQQAAoEEAAIA/AABQQQAAoEAAAIhBAAAQQQAAqEEAAABAAABgQQAAwEAAAJBBAAAgQQAAsEEAAEBAAABwQQAA4EAAAJhBAAAwQQAAuEE=',
  bool: 'k05VTVBZAQB2AHsnZGVzY3InOiAnfGIxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAE=',
  i8: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDEpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoHAAAAAAAAAPf/////////',
  scalar:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAACBA',
  f2: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAOADC/3s=',
  empty:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDAsIDQpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo=',
  object:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnfE8nLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqABJWQAAAAAAAAAIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwKFlGgDjAVkdHlwZZSTlIwCTziUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LP3SUYoldlCiMAWGUSwFldJRiLg==',
  huge: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGk4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAEAAA==',
  npz: 'UEsDBC0AAAAAAAAAIQAC7L2p//////////8FABQAdy5ucHkBABAAjAAAAAAAAACMAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxpNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAEAAAACAAAAUEsDBC0AAAAAAAAAIQD5PGwT//////////8FABQAYi5ucHkBABAAhAAAAAAAAACEAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgxLCAxKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAADAP1BLAQItAy0AAAAAAAAAIQAC7L2pjAAAAIwAAAAFAAAAAAAAAAAAAACAAQAAAAB3Lm5weVBLAQItAy0AAAAAAAAAIQD5PGwThAAAAIQAAAAFAAAAAAAAAAAAAACAAcMAAABiLm5weVBLBQYAAAAAAgACAGYAAAB+AQAAAAA=',
  npzc: 'UEsDBC0AAAAIAAAAIQClwJRO//////////8FABQAdy5ucHkBABAAIBAAAAAAAABjAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GoYGBgY6mjoKtQrkAi6GUTAKRsEoGAWjYBSMglEwCkbBKBgFo2AUDDgAAFBLAwQtAAAACAAAACEASOpm7P//////////BQAUAHgubnB5AQAQAIMAAAAAAAAARwAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBeU2qorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RrGOpo6CrUKFAAuBkYmAFBLAQItAy0AAAAIAAAAIQClwJROYwAAACAQAAAFAAAAAAAAAAAAAACAAQAAAAB3Lm5weVBLAQItAy0AAAAIAAAAIQBI6mbsRwAAAIMAAAAFAAAAAAAAAAAAAACAAZoAAAB4Lm5weVBLBQYAAAAAAgACAGYAAAAYAQAAAAA=',
} as const
const bytesOf = (name: keyof typeof numpy) => new Uint8Array(Buffer.from(numpy[name], 'base64'))

describe('NumPy', () => {
  test.each([
    ['f8', 'f32', [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]],
    ['big', 'i32', [3], [1, -2, 300]],
    ['fortran', 'f32', [2, 3, 4], [...Array(24).keys()]],
    ['bool', 'bool', [3], [1, 0, 1]],
    ['i8', 'i32', [2, 1], [7, -9]],
    ['scalar', 'f32', [], [2.5]],
    ['f2', 'f32', [3], [0.5, -3, 65504]],
    ['empty', 'f32', [0, 4], []],
  ] as const)('%s', (name, dtype, shape, values) => {
    const array = parseNpy(bytesOf(name), 'a.npy')
    expect(array).toMatchObject({ dtype, shape })
    expect([...array.data]).toEqual(values)
  })

  test('.npz, stored and compressed', async () => {
    const stored = await parseNpz(bytesOf('npz'), 'a.npz')
    expect([...stored.keys()]).toEqual(['w', 'b'])
    expect(stored.get('b')).toEqual({ dtype: 'f32', shape: [1, 1], data: Float32Array.of(1.5) })
    const compressed = await parseNpz(bytesOf('npzc'), 'a.npz')
    expect(compressed.get('w')!.data).toEqual(new Float32Array(1000))
    expect([...compressed.get('x')!.data]).toEqual([0, 1, 2])
  })

  test('what is written is what NumPy writes, and is read again', async () => {
    const array = { dtype: 'f32', shape: [2, 1], data: Float32Array.of(1, 2) } as const
    const text = Buffer.from(serializeNpy(array)).toString('latin1')
    expect(text.slice(1, 8)).toBe('NUMPY\x01\0')
    expect(text).toContain("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }")
    expect(text.indexOf('\n') % 64).toBe(63)
    // The very bytes of NumPy for a vector of truth values.
    const bools = { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) } as const
    expect(serializeNpy(bools)).toEqual(bytesOf('bool'))
    const path = join(folder, 'a.npz')
    await data.writeNpz(path, { array, bools })
    expect([...(await data.readNpz(path))]).toEqual([
      ['array', array],
      ['bools', bools],
    ])
    await data.writeNpy(join(folder, 'a.npy'), array)
    expect(await data.readNpy(join(folder, 'a.npy'))).toEqual(array)
    expect((await parseNpz(serializeNpz({}), 'none')).size).toBe(0)
  })

  const edited = (name: keyof typeof numpy, from: string, to: string) =>
    Buffer.from(Buffer.from(bytesOf(name)).toString('latin1').replace(from, to), 'latin1')
  test.each([
    ['cut', bytesOf('f8').subarray(0, 150), /48 bytes for \[2, 3\], got 22/],
    ['a cut header', bytesOf('f8').subarray(0, 40), /a header of 128 bytes, got 40/],
    ['another file', Buffer.from('PK and so on, no numbers'), /begins with \\x93NUMPY/],
    ['pickled objects', bytesOf('object'), /numbers of a type of f8, .*got O\. .*Pickled/],
    ['integers of more than 32 bits', bytesOf('huge'), /fit in 32 bits, got 1099511627776/],
    [
      'a shape that lies',
      edited('f8', '(2, 3)', '(9999999999999, 99999)'),
      /bytes for \[9999999999999, 99999\], got 64/,
    ],
    ['no order', edited('f8', 'fortran_order', 'fortran_other'), /fortran_order and shape/],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => parseNpy(new Uint8Array(bytes), 'a.npy')).toThrow(message)
  })

  test('a zip that is cut, or promises more than its bytes can hold, is refused', async () => {
    const cut = bytesOf('npz').subarray(0, 300)
    await expect(parseNpz(cut, 'a.npz')).rejects.toThrow(/the end of a zip file/)
    const zip = zipSync({
      'w.npy': serializeNpy({ dtype: 'u8', shape: [9], data: new Uint8Array(9) }),
    })
    const view = new DataView(zip.buffer)
    const directory = zip.findLastIndex(
      (byte, i) => byte === 0x50 && view.getUint32(i, true) === 0x02014b50,
    )
    view.setUint32(directory + 24, 2 ** 31, true)
    await expect(parseNpz(zip, 'a.npz')).rejects.toThrow(
      /a\.npz: w\.npy: expected a size that fits \d+ bytes, got 2147483648/,
    )
  })
})

describe('CSV', () => {
  const text = 'age,city,price,sold\n31,Rome,1.5,yes\n,"Paris, ""FR""",-2e1,no\n7,Rome,NA,yes\n'

  test('types are found out or given; classes are numbered by name', () => {
    const table = parseCsv(text, 'a.csv', {
      missing: { age: { value: -1 }, price: 'mean' },
      columns: { sold: 'boolean' },
    })
    expect(table.columns).toEqual(['age', 'city', 'price', 'sold'])
    expect([...table.column('age').values]).toEqual([31, -1, 7])
    expect(table.column('city')).toEqual({
      type: 'category',
      classNames: ['Paris, "FR"', 'Rome'],
      values: Float64Array.of(1, 0, 1),
    })
    expect([...table.column('price').values]).toEqual([1.5, -20, -9.25])
    const set = table.dataset({ target: 'city' })
    expect(set.inputs).toMatchObject({ shape: [3, 3], dtype: 'f32' })
    expect([...set.inputs.data]).toEqual([31, 1.5, 1, -1, -20, 0, 7, -9.25, 1])
    expect(set.targets).toEqual({ dtype: 'i32', shape: [3], data: Int32Array.of(1, 0, 1) })
    expect(set.classNames).toEqual(['Paris, "FR"', 'Rome'])
    const regression = table.dataset({ inputs: ['age'], target: ['price'] })
    expect(regression.targets).toMatchObject({ dtype: 'f32', shape: [3, 1] })
  })

  test('missing cells: dropped with their rows, median; text stays text', () => {
    const dropped = parseCsv(text, 'a.csv', { missing: 'drop', columns: { city: 'text' } })
    expect([dropped.length, dropped.dropped]).toEqual([1, 2])
    expect(dropped.column('city').values).toEqual(['Rome'])
    expect(() => dropped.dataset({ target: 'age' })).toThrow(
      /column city: expected numbers or categories, got text/,
    )
    const median = parseCsv('x,y\n1,0\n,0\n4,0\n9,0\n', 'a.csv', { missing: 'median' })
    expect([...median.column('x').values]).toEqual([1, 4, 4, 9])
  })

  test('files: tabs, gzip, a byte order mark, no header', async () => {
    const tsv = write('a.tsv.gz', gzipSync('\uFEFFx\ty\n1\t2,5\n'))
    const table = await data.readCsv(tsv)
    expect(table.columns).toEqual(['x', 'y'])
    expect(table.column('y').classNames).toEqual(['2,5'])
    const bare = await data.readCsv(write('b.csv', '1,2\r\n3,4\r\n'), { header: ['a', 'b'] })
    expect([...bare.column('b').values]).toEqual([2, 4])
  })

  test('quotes that are none', () => {
    const table = parseCsv('x\ty\n5" disk\t"a\n', 'a.tsv', { delimiter: '\t', quote: false })
    expect(table.column('x').classNames).toEqual(['5" disk'])
  })

  test.each([
    [
      'a bad number',
      'x,y\n1,2\n3,4a\n',
      { columns: { y: 'number' } },
      /^a\.csv: row 2 \(line 3\), column "y": expected a number, got "4a"/,
    ],
    ['hexadecimal', 'x\n0x10\n', { columns: { x: 'number' } }, /row 1 .* got "0x10"/],
    [
      'no whole number',
      'x\n1.5\n',
      { columns: { x: 'integer' } },
      /a whole number of 32 bits, got "1\.5"/,
    ],
    [
      'no truth value',
      'x\nmaybe\n',
      { columns: { x: 'boolean' } },
      /true or false, yes or no, 1 or 0, got "maybe"/,
    ],
    [
      'a line end in a cell before',
      'x,y\n"a\nb",1\nc,?\n',
      {},
      /row 2 \(line 4\), column "y": expected a value \(number\), got a missing one/,
    ],
    [
      'a mean of names',
      'x,y\na,1\n,2\n',
      { missing: 'mean' },
      /column "x": .* that mean can't fill/,
    ],
    ['a short row', 'x,y\n1,2\n3\n', {}, /row 2 \(line 3\): expected 2 cells, got 1/],
    [
      'an open quote',
      'x\n"1\n',
      {},
      /a\.csv: expected cells with "," between, got Quote Not Closed/,
    ],
    ['two columns of a name', 'x,x\n1,2\n', {}, /got 'x' twice/],
    ['nothing', '', {}, /a header, got no lines/],
    ['a type for no column', 'x\n1\n', { columns: { z: 'number' } }, /a column of x, got 'z'/],
    ['a policy for no column', 'x\n1\n', { missing: { z: 'drop' } }, /a column of x, got 'z'/],
  ] as [string, string, data.CsvOptions, RegExp][])('%s is named', (_, cells, options, message) => {
    expect(() => parseCsv(cells, 'a.csv', options)).toThrow(message)
  })

  test('a file that is not there', async () => {
    await expect(data.readCsv(join(folder, 'none.csv'))).rejects.toThrow(/no such file/)
  })
})

describe('lines', () => {
  test('JSON lines as a table and one by one', async () => {
    const path = write(
      'a.jsonl',
      '{"x": 1, "name": "b"}\n\n{"x": null, "name": "a", "more": [1]}\n',
    )
    const table = await data.readJsonLines(path, {
      missing: { x: { value: 0 }, more: { value: '' } },
    })
    expect([...table.column('x').values]).toEqual([1, 0])
    expect(table.column('name').classNames).toEqual(['a', 'b'])
    expect(await (await data.jsonLines(path)).toArray()).toHaveLength(2)
    await expect(data.readJsonLines(path)).rejects.toThrow(
      /row 2 \(line 2\), column "x": .* missing/,
    )
    const bad = write('b.jsonl', '{"x": 1}\n{"x": \n')
    await expect(data.readJsonLines(bad)).rejects.toThrow(
      /b\.jsonl: line 2: expected JSON, got {"x":/,
    )
    const list = write('c.jsonl', '[1]\n')
    await expect(data.readJsonLines(list)).rejects.toThrow(/row 1: expected an object, got \[1\]/)
  })

  test('text lines, again and again, gzipped too; leaving early closes the file', async () => {
    const lines = await data.textLines(write('a.txt', 'one\ntwo\r\n\nfour'))
    expect(await lines.toArray()).toEqual(['one', 'two', '', 'four'])
    expect(await lines.take(2).toArray()).toEqual(['one', 'two'])
    expect(await lines.toArray()).toHaveLength(4)
    const zipped = await data.textLines(write('a.txt.gz', gzipSync('x\ny\n')))
    expect(await zipped.toArray()).toEqual(['x', 'y'])
    await expect((await data.textLines(join(folder, 'none.txt'))).toArray()).rejects.toThrow(
      /no such file/,
    )
    const cut = write('cut.txt.gz', gzipSync('x\ny\n'.repeat(1000)).subarray(0, 30))
    await expect((await data.textLines(cut)).toArray()).rejects.toThrow(
      /cut\.txt\.gz: .*unexpected end/,
    )
  })
})

describe('WAV', () => {
  /** A WAV file of one format. */
  function wav(format: number, bits: number, channels: number, samples: Uint8Array, rate = 8000) {
    const block = (channels * bits) / 8
    const head = Buffer.alloc(44)
    head.write('RIFF', 0, 'latin1')
    head.writeUInt32LE(36 + samples.length, 4)
    head.write('WAVEfmt ', 8, 'latin1')
    head.writeUInt32LE(16, 16)
    head.writeUInt16LE(format, 20)
    head.writeUInt16LE(channels, 22)
    head.writeUInt32LE(rate, 24)
    head.writeUInt32LE(rate * block, 28)
    head.writeUInt16LE(block, 32)
    head.writeUInt16LE(bits, 34)
    head.write('data', 36, 'latin1')
    head.writeUInt32LE(samples.length, 40)
    return new Uint8Array(Buffer.concat([head, samples]))
  }
  const f32 = new Uint8Array(Float32Array.of(0.5, -0.25).buffer)
  const f64 = new Uint8Array(Float64Array.of(0.5, -0.25).buffer)

  test.each([
    ['8 bits', wav(1, 8, 1, Uint8Array.of(128, 0, 192)), [[0, -1, 0.5]]],
    [
      '16 bits, two channels',
      wav(1, 16, 2, Uint8Array.of(0, 0x40, 0, 0x80, 0, 0, 1, 0)),
      [
        [0.5, 0],
        [-1, 2 ** -15],
      ],
    ],
    ['24 bits', wav(1, 24, 1, Uint8Array.of(0, 0, 0x40, 0, 0, 0x80)), [[0.5, -1]]],
    ['32 bits', wav(1, 32, 1, Uint8Array.of(0, 0, 0, 0x40)), [[0.5]]],
    ['floats', wav(3, 32, 1, f32), [[0.5, -0.25]]],
    ['doubles', wav(3, 64, 1, f64), [[0.5, -0.25]]],
  ])('%s', (_, bytes, channels) => {
    const { samples, sampleRate } = parseWav(bytes, 'a.wav')
    expect(sampleRate).toBe(8000)
    expect(samples.shape).toEqual([channels.length, channels[0]!.length])
    expect([...samples.data]).toEqual(channels.flat())
  })

  test.each([
    [
      'no WAV',
      Buffer.from('an MP3, perhaps, of some length'),
      /begins with RIFF … WAVE, got other bytes/,
    ],
    [
      'cut',
      wav(1, 16, 1, new Uint8Array(20)).subarray(0, 50),
      /20 bytes of 'data', as the header says, got 6 \(the file is cut\)/,
    ],
    ['empty', wav(1, 16, 1, new Uint8Array(0)), /expected samples, got none/],
    [
      'a head alone',
      wav(1, 16, 1, new Uint8Array(0)).subarray(0, 30),
      /16 bytes of 'fmt ', as the header says, got 10/,
    ],
    [
      'a codec that is not read',
      wav(0x55, 16, 1, new Uint8Array(4)),
      /PCM of 8, 16, 24 or 32 bits or floats, got format 85 of 16 bits/,
    ],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => parseWav(new Uint8Array(bytes), 'a.wav')).toThrow(message)
  })

  test('a file', async () => {
    const path = write('a.wav', wav(1, 8, 1, Uint8Array.of(128)))
    expect((await data.readWav(path)).samples.shape).toEqual([1, 1])
    await expect(data.readWav(join(folder, 'none.wav'))).rejects.toThrow(/no such file/)
  })
})

describe('image folders', () => {
  const path = (...names: string[]) => join(folder, 'flowers', ...names)
  beforeAll(async () => {
    const colours = { rose: '#ff0000', daisy: '#ffffff', iris: '#0000ff' }
    for (const [name, background] of Object.entries(colours)) {
      mkdirSync(path(name, 'more'), { recursive: true })
      for (const file of ['b.png', 'a.jpg', 'more/c.webp']) {
        await sharp({ create: { width: 20, height: 10, channels: 3, background } }).toFile(
          path(name, file),
        )
      }
      write(`flowers/${name}/notes.txt`, 'no image')
    }
  })

  test('classes by name, images resized when asked for', async () => {
    const set = await data.imageFolder(path(), { size: [4, 6] })
    expect(set).toMatchObject({ length: 9, classNames: ['daisy', 'iris', 'rose'], skipped: [] })
    expect([...set.labels()]).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2])
    const { input, target } = await set.get(7)
    expect(input).toMatchObject({ dtype: 'u8', shape: [3, 4, 6] })
    expect(set.files[7]).toContain('rose/b.png')
    expect([input.data[0], input.data[24], target.data[0]]).toEqual([255, 0, 2])
    const [train] = set.split([6, 3], { stratified: true })
    const loader = new data.DataLoader(train!, { batchSize: 6, shuffle: true })
    for await (const [inputs, targets] of loader) {
      expect(inputs).toMatchObject({ dtype: 'f32', shape: [6, 3, 4, 6] })
      expect([...targets.data].sort()).toEqual([0, 0, 1, 1, 2, 2])
    }
    const gray = await data.imageFolder(path(), { size: 3, channels: 1 })
    expect((await gray.get(0)).input).toEqual({
      dtype: 'u8',
      shape: [1, 3, 3],
      data: new Uint8Array(9).fill(255),
    })
  })

  test('a corrupt image: refused by name, or skipped, named and counted', async () => {
    const whole = readFileSync(path('iris', 'b.png'))
    const cut = write('flowers/iris/z.png', whole.subarray(0, whole.length - 30))
    const rubbish = write('flowers/rose/y.jpg', 'no image at all')
    const refusing = await data.imageFolder(path(), { size: 4 })
    expect(refusing.length).toBe(11)
    const reading = (async () => {
      for await (const _ of new data.DataLoader(refusing));
    })()
    await expect(reading).rejects.toThrow(/(z\.png|y\.jpg): expected an image/)
    const told: string[] = []
    const onSkip = (image: data.CorruptImage) => told.push(image.path)
    const set = await data.imageFolder(path(), { size: 4, corrupt: 'skip', onSkip })
    expect(set.length).toBe(9)
    expect(set.skipped.map((image) => image.path)).toEqual([cut, rubbish])
    expect(told).toEqual([cut, rubbish])
    expect(set.skipped.every(({ reason }) => reason.length > 3)).toBe(true)
    for await (const [inputs] of new data.DataLoader(set)) expect(inputs.shape[0]).toBe(9)
    rmSync(cut)
    rmSync(rubbish)
  })

  test('a class without images, no classes, no folder', async () => {
    mkdirSync(path('tulip'))
    await expect(data.imageFolder(path(), { size: 4 })).rejects.toThrow(
      /flowers\/tulip: expected images of the class \(\.png, .*\), got none/,
    )
    write('flowers/tulip/a.png', 'rubbish')
    await expect(data.imageFolder(path(), { size: 4, corrupt: 'skip' })).rejects.toThrow(
      /tulip: .* got corrupt ones only, such as .*a\.png/,
    )
    rmSync(path('tulip'), { recursive: true })
    await expect(data.imageFolder(path('rose', 'more'), { size: 4 })).rejects.toThrow(
      /a folder for each class.*got no folders/,
    )
    await expect(data.imageFolder(path('none'), { size: 4 })).rejects.toThrow(/no such file/)
    await expect(data.imageFolder(path(), { size: 0 })).rejects.toThrow(/size to be a whole number/)
  })

  const cat = dataFile('images/cat.jpg')
  test.skipIf(cat.missing)(`a photo${cat.note}`, async () => {
    const image = await data.readImage(cat.path, { width: 60, height: 45, channels: 3 })
    expect(image.shape).toEqual([3, 45, 60])
    const mean = image.data.reduce((sum: number, x: number) => sum + x, 0) / image.data.length
    expect(mean).toBeGreaterThan(60)
    expect(mean).toBeLessThan(200)
  })
})
