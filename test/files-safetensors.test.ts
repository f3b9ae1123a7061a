import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { type DType, dtypes } from '../src/base/dtype.ts'
import { sizeOf } from '../src/base/shape.ts'
import {
  decodeBfloat16,
  decodeHalf,
  encodeBfloat16,
  encodeHalf,
  halfToNumber,
} from '../src/files/half.ts'
import { duplicateKey } from '../src/files/json.ts'
import { parseSafetensors, serializeSafetensors } from '../src/files/safetensors.ts'

import { openShards } from '../src/files/shards.ts'
import { openSafetensors, readSafetensors, writeSafetensors } from '../src/files/tensor-file.ts'
import { dataFile } from './data-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true }))

function join8(parts: Iterable<Uint8Array>): Uint8Array {
  return Uint8Array.from(Buffer.concat([...parts]))
}

/** A file of this header and so many bytes of data. */
function file(header: unknown, data: number | readonly number[] = 0): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header)
  const bytes = new TextEncoder().encode(text)
  const length = new Uint8Array(new BigUint64Array([BigInt(bytes.length)]).buffer)
  return join8([
    length,
    bytes,
    typeof data === 'number' ? new Uint8Array(data) : Uint8Array.from(data),
  ])
}

const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

const array = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(dtypes) as DType[])),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    seed: fc.integer(),
  })
  .map(({ dtype, shape, seed }) => {
    const at = (i: number) =>
      dtype === 'bool' ? i % 2 : dtype === 'f32' ? (seed + i) / 3 : (seed * i) | 0
    const data = new dtypes[dtype].array(sizeOf(shape)).map((_, i) => at(i))
    return { dtype, shape, data } as unknown as ArrayView
  })

describe('safetensors', () => {
  test('what is written is read back, bit by bit', () => {
    const files = fc.record({
      tensors: fc.dictionary(fc.string(), array, { maxKeys: 6 }),
      metadata: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
    })
    fc.assert(
      fc.property(files, ({ tensors, metadata }) => {
        const entries = Object.entries(tensors).filter(([name]) => name !== '__metadata__')
        const bytes = join8(serializeSafetensors(entries, metadata))
        const read = parseSafetensors(bytes, 'file')
        expect(read.metadata).toEqual({ ...metadata })
        expect(read.tensors.size).toBe(entries.length)
        for (const [name, array] of entries) expect(read.tensors.get(name)).toEqual(array)
      }),
    )
  })

  test('arrays are aligned in the file, whatever their order', () => {
    const odd: ArrayView = { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 2, 3) }
    const wide: ArrayView = { dtype: 'f32', shape: [2], data: Float32Array.of(0.5, -2) }
    const bytes = join8(
      serializeSafetensors([
        ['odd', odd],
        ['wide', wide],
      ]),
    )
    const { tensors } = parseSafetensors(bytes, 'file')
    expect((tensors.get('wide')!.data.byteOffset - bytes.byteOffset) % 4).toBe(0)
    expect([...tensors.keys()]).toEqual(['wide', 'odd'])
  })

  test('a file whose arrays are not aligned is read', () => {
    const bytes = file(
      { a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] }, b: f32(1, 5) },
      [7, 0, 0, 0x80, 0x3f],
    )
    const { tensors } = parseSafetensors(bytes, 'file')
    expect(tensors.get('b')!.data).toEqual(Float32Array.of(1))
  })

  const wide: [string, number[], ArrayView['dtype'], number[]][] = [
    ['F16', [0, 0x3c, 0, 0xc0, 1, 0], 'f32', [1, -2, 2 ** -24]],
    ['BF16', [0x80, 0x3f, 0, 0xc0], 'f32', [1, -2]],
    ['F64', [0, 0, 0, 0, 0, 0, 0xf0, 0x3f], 'f32', [1]],
    ['I64', [254, 255, 255, 255, 255, 255, 255, 255], 'i32', [-2]],
    ['I16', [254, 255], 'i32', [-2]],
    ['I8', [254], 'i32', [-2]],
  ]
  test.each(wide)('%s is converted', (dtype, bytes, into, values) => {
    const header = { x: { dtype, shape: [values.length], data_offsets: [0, bytes.length] } }
    const { dtype: type, data } = parseSafetensors(file(header, bytes), 'file').tensors.get('x')!
    expect(type).toBe(into)
    expect([...data]).toEqual(values)
  })

  test('half-precision numbers, special ones too', () => {
    expect([0x0000, 0x3555, 0x7bff, 0x7c00, 0xfc00, 0x03ff].map(halfToNumber)).toEqual([
      0,
      0.333251953125,
      65504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1023 / 2 ** 24,
    ])
    expect(halfToNumber(0x7e00)).toBeNaN()
    expect(Object.is(halfToNumber(0x8000), -0)).toBe(true)
  })

  test('half precision and bfloat16 are written as the nearest numbers, ties to even', () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i)
    const same = (a: number, b: number) => a === b || (Number.isNaN(a) && Number.isNaN(b))
    for (const [decode, encode] of [
      [decodeHalf, encodeHalf],
      [decodeBfloat16, encodeBfloat16],
    ] as const) {
      const numbers = decode(bits)
      const back = encode(numbers)
      const other = bits.find((i) => back[i] !== i && !Number.isNaN(numbers[i]))
      expect(other).toBeUndefined()
      expect([...numbers].every((n, i) => same(n, decode(back.subarray(i, i + 1))[0]!))).toBe(true)
      // Halfway between neighbours, and one bit of a float beside it.
      for (let i = 0; i < 2 ** 15 - 1; i++) {
        const [low, high] = [numbers[i]!, numbers[i + 1]!]
        if (!Number.isFinite(low) || !Number.isFinite(high)) continue
        const middle = Float32Array.of(low / 2 + high / 2)
        const word = new Uint32Array(middle.buffer)
        expect(encode(middle)[0]).toBe(i % 2 === 0 ? i : i + 1)
        word[0]!++
        expect(encode(middle)[0]).toBe(i + 1)
        word[0]! -= 2
        expect(encode(middle)[0]).toBe(i)
      }
    }
    expect([...encodeHalf(Float32Array.of(65519.996, 65520, -1e9, 2 ** -25))]).toEqual([
      0x7bff, 0x7c00, 0xfc00, 0,
    ])
  })

  test.each([
    ['f16', 0.333251953125],
    ['bf16', 0.333984375],
  ] as const)('floats as %s, other types as they are', async (dtype, third) => {
    const path = join(folder, `${dtype}.safetensors`)
    const given: [string, ArrayView][] = [
      ['bytes', { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ['w', { dtype: 'f32', shape: [1, 2], data: Float32Array.of(1 / 3, -2) }],
      ['n', { dtype: 'i32', shape: [], data: Int32Array.of(-7) }],
    ]
    await writeSafetensors(path, given, { note: 'half' }, { dtype })
    const file = await openSafetensors(path)
    expect(file.names).toEqual(['n', 'w', 'bytes'])
    expect(file.info('w')).toEqual({ dtype: dtype.toUpperCase(), shape: [1, 2], bytes: 4 })
    expect([...(await file.read('w')).data]).toEqual([third, -2])
    expect([...(await file.read('n')).data]).toEqual([-7])
    expect([...(await file.read('bytes')).data]).toEqual([1, 2, 3])
    await file.close()
  })

  test('what half precision does not hold is refused, and another dtype', async () => {
    const path = join(folder, 'large.safetensors')
    const w: ArrayView = { dtype: 'f32', shape: [1], data: Float32Array.of(-70000) }
    await expect(writeSafetensors(path, [['w', w]], {}, { dtype: 'f16' })).rejects.toThrow(
      'safetensors: w: expected numbers up to 65504 for f16, got -70000. Store them as bf16',
    )
    const other = { dtype: 'f8' } as never
    await expect(writeSafetensors(path, [], {}, other)).rejects.toThrow(/'bf16', got "f8"/)
    expect(readdirSync(folder).filter((name) => name.includes('large'))).toEqual([])
  })

  const huge = { x: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }
  const malformed: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(), /at least 8 bytes, got 0/],
    ['a header that is longer than the file', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0), /at most 0 b/],
    ['a header of 2⁶³ bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 1), /a header of at most 1/],
    ['no UTF-8', join8([file('').fill(2, 0, 1), Uint8Array.of(0xff, 0xff)]), /UTF-8/],
    ['no JSON', file('{"a":'), /JSON/],
    ['a list', file('[]'), /JSON object/],
    ['a space before the header', file(' {}'), /JSON object/],
    ['a name twice', file('{"a":{},"\\u0061":{}}'), /differ, got a twice/],
    [
      'an unknown dtype',
      file({ a: { dtype: 'F8_E5M2', shape: [], data_offsets: [0, 1] } }, 1),
      /a: expected a dtype of F64, .*got F8/,
    ],
    [
      'a dtype that objects inherit',
      file({ a: { dtype: 'toString', shape: [], data_offsets: [0, 1] } }, 1),
      /a dtype of/,
    ],
    ['a negative size', file({ a: f32(0, 4, [-1]) }, 4), /whole numbers/],
    ['a fractional size', file({ a: f32(0, 4, [0.5]) }, 4), /whole numbers/],
    ['a size beyond 2⁵³', file({ a: f32(0, 4, [1e9, 1e9]) }, 4), /bytes for F32/],
    ['one offset', file({ a: { dtype: 'F32', shape: [], data_offsets: [0] } }, 4), /two data_off/],
    ['offsets that go back', file({ a: f32(4, 0, []) }, 4), /4 bytes for F32 \[\], got -4/],
    ['offsets beyond the data', file({ a: f32(0, 8) }, 4), /8 bytes of data.*got 4/],
    ['bytes after the last array', file({ a: f32(0, 4) }, 5), /4 bytes of data.*got 5/],
    ['overlapping arrays', file({ a: f32(0, 8), b: f32(4, 12) }, 12), /b: .*overlaps/],
    ['a hole', file({ a: f32(0, 4), b: f32(8, 12) }, 12), /b: .*hole/],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }), /text only/],
    ['an I64 beyond 32 bits', file(huge, [0, 0, 0, 0, 1, 0, 0, 0]), /32 bits, got 4294967296/],
    ...(['U64', 'U32'] as const).map((dtype): [string, Uint8Array, RegExp] => {
      const size = dtype === 'U64' ? 8 : 4
      const header = { x: { dtype, shape: [1], data_offsets: [0, size] } }
      const bytes = file(
        header,
        Array.from({ length: size }, () => 255),
      )
      return [`a ${dtype} beyond 31 bits`, bytes, /32 bits, got (18446744073709551615|4294967295)/]
    }),
    [
      'a BOOL of 2',
      file({ a: { dtype: 'BOOL', shape: [1], data_offsets: [0, 1] } }, [2]),
      /0 or 1/,
    ],
  ]
  test.each(malformed)('%s is refused', (_, bytes, message) => {
    const read = () => parseSafetensors(bytes, 'model.safetensors')
    expect(read).toThrow(message)
    expect(read).toThrow(expect.objectContaining({ name: 'BrickError', kind: 'file' }))
    expect(read).toThrow(/^model\.safetensors/)
  })

  test('a bad array is refused before anything is written', async () => {
    const short: ArrayView = { dtype: 'f32', shape: [3], data: Float32Array.of(1) }
    const path = join(folder, 'short.safetensors')
    await expect(writeSafetensors(path, [['w', short]])).rejects.toThrow(/w: expected 3 elements/)
    const scalar: ArrayView = { dtype: 'f32', shape: [], data: Float32Array.of(1) }
    await expect(
      writeSafetensors(path, [
        ['w', scalar],
        ['w', scalar],
      ]),
    ).rejects.toThrow(/differ/)
    expect(existsSync(path)).toBe(false)
  })

  test('through the disk', async () => {
    const path = join(folder, 'deep/a.safetensors')
    const w: ArrayView = { dtype: 'i32', shape: [2], data: Int32Array.of(-1, 2) }
    await writeSafetensors(path, [['w', w]], { epoch: '3' })
    const { tensors, metadata } = await readSafetensors(path)
    expect(metadata).toEqual({ epoch: '3' })
    expect(tensors.get('w')).toEqual(w)
    await expect(readSafetensors(join(folder, 'none'))).rejects.toThrow(/no such file/)
  })

  test('a file is opened by its header alone, and its arrays are read one by one', async () => {
    const path = join(folder, 'open.safetensors')
    const array = (n: number): ArrayView => ({
      dtype: 'f32',
      shape: [n],
      data: new Float32Array(n).fill(n),
    })
    await writeSafetensors(path, [
      ['a', array(2)],
      ['b', array(3)],
    ])
    const file = await openSafetensors(path)
    expect((await file.read('b')).data).toEqual(Float32Array.of(3, 3, 3))
    expect((await file.read('a')).data).toEqual(Float32Array.of(2, 2))
    expect(() => file.info('aa')).toThrow("one of its 2 arrays, got 'aa'. Did you mean 'a'?")
    await expect(file.read('c')).rejects.toMatchObject({ kind: 'unknown' })
    // Somebody cuts it while it is open.
    truncateSync(path, 100)
    await expect(file.read('b')).rejects.toThrow(/open\.safetensors: expected 12 bytes at offset/)
    await file.close()
    await expect(openSafetensors(path)).rejects.toMatchObject({ kind: 'file', where: path })
    await expect(openSafetensors(folder)).rejects.toThrow(/a folder where a file is needed/)
  })

  test('a checkpoint in several files', async () => {
    const scalar = (n: number): ArrayView => ({ dtype: 'i32', shape: [], data: Int32Array.of(n) })
    await writeSafetensors(join(folder, 'm-1-of-2.safetensors'), [['a', scalar(1)]], {
      format: 'pt',
    })
    await writeSafetensors(join(folder, 'm-2-of-2.safetensors'), [
      ['b', scalar(2)],
      ['c', scalar(3)],
    ])
    const index = join(folder, 'm.safetensors.index.json')
    const write = (map: unknown) =>
      writeFileSync(index, JSON.stringify({ metadata: { total_size: 12 }, weight_map: map }))
    write({ c: 'm-2-of-2.safetensors', a: 'm-1-of-2.safetensors', b: 'm-2-of-2.safetensors' })
    const file = await openShards(index)
    expect(file.names).toEqual(['c', 'a', 'b'])
    expect(file.metadata).toEqual({ format: 'pt' })
    expect(file.info('c')).toEqual({ dtype: 'I32', shape: [], bytes: 4 })
    expect([...(await file.read('a')).data, ...(await file.read('b')).data]).toEqual([1, 2])
    expect(() => file.info('d')).toThrow(/m\.safetensors\.index\.json: .*got 'd'/)
    await file.close()
    write({ a: 'm-2-of-2.safetensors', d: 'm-1-of-2.safetensors' })
    await expect(openShards(index)).rejects.toThrow(
      'files without\n  a in m-2-of-2.safetensors\n  d in m-1-of-2.safetensors\n',
    )
    write({ a: 'm-3-of-2.safetensors' })
    await expect(openShards(index)).rejects.toThrow(/m-3-of-2\.safetensors: .*no such file/)
    for (const evil of ['../m-1-of-2.safetensors', '/etc/passwd', '..', 7, 'a\\b', '']) {
      write({ a: evil })
      await expect(openShards(index)).rejects.toThrow(/a file beside it for a/)
    }
    write(['a'])
    await expect(openShards(index)).rejects.toThrow(/a weight_map/)
    writeFileSync(index, '{')
    await expect(openShards(index)).rejects.toThrow(/expected JSON/)
  })

  const mobilenet = dataFile('mobilenet-v1/mobilenet_v1_0.25_224.safetensors')
  test.skipIf(mobilenet.missing)(`MobileNet's weights${mobilenet.note}`, async () => {
    const { tensors } = await readSafetensors(mobilenet.path)
    expect(tensors.size).toBe(137)
    expect([...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(475_544)
    expect(tensors.get('conv1/kernel')?.shape).toEqual([3, 3, 3, 8])
  })
  const half = dataFile('mobilenet-v1/mobilenet_v1_0.75_224-fp16.safetensors')
  test.skipIf(half.missing)(`MobileNet's weights in half precision${half.note}`, async () => {
    const { tensors } = await readSafetensors(half.path)
    expect([...tensors.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(2_601_976)
    expect([...tensors.values()].every(({ dtype }) => dtype === 'f32')).toBe(true)
  })
})

test('duplicateKey sees keys, not values', () => {
  expect(duplicateKey('{"a":"b","b":["a","a",{"a":1}],"c":{"a":"\\"a\\":"}}')).toBeUndefined()
  expect(duplicateKey('{"x":{"a" : 1,"a":2}}')).toBe('a')
})
