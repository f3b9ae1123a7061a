import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { afterAll, describe, expect, test } from 'vitest'
import { readAll } from '../src/files/open-tensors.ts'
import { openTorch, type TorchOptions } from '../src/files/torch/torch-file.ts'

const checkpoints = 'test/torch-checkpoints'
const folder = mkdtempSync(join(tmpdir(), 'brickwork-torch-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Expected = Record<string, Record<string, { shape: number[]; values: (number | 'inf')[] }>>
const expected: Expected = JSON.parse(readFileSync(join(checkpoints, 'expected.json'), 'utf8'))

const read = async (path: string, options?: TorchOptions) => readAll(await openTorch(path, options))

const bytesOf = (name: string): Buffer => readFileSync(join(checkpoints, name))

/** Writes a file and opens it. */
async function open(bytes: Uint8Array, options?: TorchOptions) {
  const path = join(folder, 'given.pt')
  writeFileSync(path, bytes)
  return read(path, options)
}

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** A checkpoint of this pickle and these storages. */
const zip = (pickle: string | Uint8Array, storages: Record<string, Uint8Array> = {}): Uint8Array =>
  zipSync(
    {
      'a/data.pkl': typeof pickle === 'string' ? ascii(pickle) : pickle,
      ...Object.fromEntries(Object.entries(storages).map(([k, v]) => [`a/data/${k}`, v])),
    },
    { level: 0 },
  )

const short = (text: string): string => `\x8c${String.fromCharCode(text.length)}${text}`
const int = (value: number): string =>
  `J${String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255)}`
const tuple = (...values: number[]): string => `(${values.map(int).join('')}t`
const storage = (key: string, count: number, type = 'FloatStorage'): string =>
  `(${short('storage')}ctorch\n${type}\n${short(key)}${short('cpu')}${int(count)}tQ`
/** A tensor of a storage. */
const tensor = (own: string, offset: number, size: number[], stride: number[]): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${own}${int(offset)}${tuple(...size)}${tuple(...stride)}\x89}tR`
const dictionary = (...items: [string, string][]): string =>
  `\x80\x02}(${items.map(([key, value]) => short(key) + value).join('')}u.`

describe('what torch.save wrote is read', () => {
  test.each(Object.keys(expected))('%s', async (name) => {
    const { tensors } = await read(join(checkpoints, name))
    const wanted = expected[name]!
    expect([...tensors.keys()]).toEqual(Object.keys(wanted))
    for (const [key, { shape, values }] of Object.entries(wanted)) {
      const array = tensors.get(key)!
      expect([key, array.shape]).toEqual([key, shape])
      const numbers = values.map((value) => (value === 'inf' ? Number.POSITIVE_INFINITY : value))
      expect([key, [...array.data]]).toEqual([key, numbers])
    }
  })

  test('types become ours, and a file says them before it is read', async () => {
    const file = await openTorch(join(checkpoints, 'plain.pt'))
    expect(file.info('half')).toEqual({ dtype: 'F16', shape: [2], bytes: 4 })
    expect(file.info('word')).toEqual({ dtype: 'U16', shape: [2], bytes: 4 })
    const kinds = {
      double: 'f32',
      bfloat: 'f32',
      long: 'i32',
      char: 'i32',
      byte: 'u8',
      bool: 'bool',
    }
    for (const [name, dtype] of Object.entries(kinds)) {
      expect((await file.read(name)).dtype).toBe(dtype)
    }
    expect(() => file.info('flaot')).toThrow("got 'flaot'. Did you mean 'float'?")
    await file.close()
  })

  test('a training checkpoint: its model, what stands beside it, and its other parts', async () => {
    const path = join(checkpoints, 'training.pt')
    const { metadata } = await read(path)
    expect(metadata).toEqual({
      epoch: '3',
      best: '0.5',
      arch: 'tiny',
      done: 'false',
      large: '1180591620717411303424',
    })
    const { tensors: moments } = await read(path, { key: 'optimizer.state' })
    expect([...moments.keys()].slice(0, 3)).toEqual(['0.step', '0.exp_avg', '0.exp_avg_sq'])
    const { tensors: ema } = await read(path, { key: 'ema' })
    expect([...ema.keys()]).toEqual(['shadow.0', 'shadow.1'])
    await expect(read(path, { key: 'ema.other' })).rejects.toThrow(
      /expected a part of a dictionary of 'shadow', got 'ema\.other'/,
    )
    await expect(read(path, { key: 'epoch' })).rejects.toThrow(/expected a checkpoint with tensors/)
  })

  test('one view under several names is read once', async () => {
    const own = storage('0', 2)
    const tied = tensor(own, 0, [2], [1])
    const data = new Uint8Array(Float32Array.of(5, 6).buffer)
    const { tensors } = await open(zip(dictionary(['a', tied], ['b', tied]), { '0': data }))
    expect(tensors.get('a')).toBe(tensors.get('b'))
    expect([...tensors.get('a')!.data]).toEqual([5, 6])
  })

  test('a legacy file whose pickles are longer than what is read at first', async () => {
    const legacy = bytesOf('legacy.pt')
    const at = legacy.indexOf('\x80\x02}q\x00(X\x06\x00\x00\x00double', 0, 'latin1')
    const filler = Buffer.concat([
      ascii('\x80\x02}q\x00(X\x06\x00\x00\x00fillerX'),
      Buffer.from(Uint32Array.of(1_200_000).buffer),
      Buffer.alloc(1_200_000, 'x'),
    ])
    const bytes = Buffer.concat([legacy.subarray(0, at), filler, legacy.subarray(at + 6)])
    const { tensors, metadata } = await open(bytes)
    expect([...tensors.keys()]).toEqual(Object.keys(expected['legacy.pt']!))
    expect(metadata['filler']?.length).toBe(1_200_000)
  })
})

describe('what could run code is refused by name', () => {
  test.each([
    [
      'evil.pt',
      /evil\.pt: archive\/data\.pkl at byte \d+: .*global '(posix|nt)\.system', which is ref/,
    ],
    ['legacy-evil.pt', /value at byte \d+: .*global '(posix|nt)\.system'/],
    [
      'module.pt',
      /global 'torch\.nn\.modules\.linear\.Linear'.*torch\.save\(model\.state_dict\(\), path\)/,
    ],
    ['script.pt', /a TorchScript program\. .*torch\.jit\.load/],
  ])('%s', async (name, message) => {
    await expect(read(join(checkpoints, name))).rejects.toThrow(message)
    await expect(read(join(checkpoints, name))).rejects.toMatchObject({ kind: 'file' })
    expect(existsSync('pwned')).toBe(false)
  })

  test.each([
    ['INST', '\x80\x02(ios\nsystem\n.'],
    ['OBJ', '\x80\x02(o.'],
    ['NEWOBJ', '\x80\x02\x81.'],
    ['NEWOBJ_EX', '\x80\x04\x92.'],
    ['EXT1', '\x80\x02\x82\x01.'],
    ['PERSID', '\x80\x02Pstorage\n.'],
    ['NEXT_BUFFER', '\x80\x05\x97.'],
    ['INT', '\x80\x02I1\n.'],
    ['0xff', '\x80\x02\xff.'],
  ])('opcode %s', async (name, pickle) => {
    await expect(open(zip(pickle))).rejects.toThrow(`got opcode ${name}, which is refused`)
  })

  test.each([
    ['builtins.eval', `\x80\x04${short('builtins')}${short('eval')}\x93.`],
    ['__builtin__.getattr', '\x80\x02c__builtin__\ngetattr\n.'],
    ['torch._utils.toString', '\x80\x02ctorch._utils\ntoString\n.'],
    ['torch.hub.load', '\x80\x02ctorch.hub\nload\n.'],
    ['constructor.prototype', '\x80\x02cconstructor\nprototype\n.'],
  ])('global %s', async (name, pickle) => {
    await expect(open(zip(pickle))).rejects.toThrow(`got global '${name}', which is refused`)
  })

  test.each([
    ["a call of 'torch.FloatStorage'", '\x80\x02ctorch\nFloatStorage\n)R.'],
    ['a call of a value', `\x80\x02${short('x')})R.`],
    ['opcode BUILD on what is no dictionary', '\x80\x02]}b.'],
  ])('%s', async (what, pickle) => {
    await expect(open(zip(pickle))).rejects.toThrow(`got ${what}, which is refused`)
  })
})

const four = new Uint8Array(16)
const one = (value: string): string => dictionary(['w', value])

describe('what is malformed is an error that says so', () => {
  const views: [string, string, RegExp][] = [
    [
      'beyond its storage',
      tensor(storage('0', 4), 1, [4], [1]),
      /the last at 4, in a storage of 4/,
    ],
    ['with a long stride', tensor(storage('0', 4), 0, [2], [4]), /the last at 4/],
    ['of a negative size', tensor(storage('0', 4), 0, [-1], [1]), /no count/],
    [
      'of too many elements',
      tensor(storage('0', 4), 0, [2 ** 30, 2 ** 30], [0, 0]),
      /at most|view of/,
    ],
    [
      'expanded without end',
      tensor(storage('0', 4), 0, [2 ** 25], [0]),
      /at most 16777280 elements/,
    ],
    [
      'of axes without end',
      tensor(storage('0', 4), 0, Array(65).fill(1), Array(65).fill(0)),
      /65 axes/,
    ],
    ['with fewer strides', tensor(storage('0', 4), 0, [2, 2], [1]), /differ in length/],
    ['of no storage', tensor('N', 0, [1], [1]), /no storage/],
    [
      'of a storage with another size',
      tensor(storage('0', 5), 0, [1], [1]),
      /data\/0: expected 20 bytes, got 16/,
    ],
    [
      'of a storage that is not there',
      tensor(storage('../0', 4), 0, [1], [1]),
      /an entry a\/data\/\.\.\/0, got none/,
    ],
    [
      'of complex numbers',
      tensor(storage('0', 2, 'ComplexFloatStorage'), 0, [1], [1]),
      /'torch\.ComplexFloatStorage'/,
    ],
  ]
  test.each(views)('a view %s', async (_, value, message) => {
    const reading = open(zip(one(value), { '0': four }))
    await expect(reading).rejects.toThrow(message)
    await expect(reading).rejects.toMatchObject({ name: 'BrickError', kind: 'file' })
  })

  const pickles: [string, string, RegExp][] = [
    ['nothing', '', /a whole pickle, got 0 bytes/],
    ['no end', '\x80\x02}', /a whole pickle, got 3 bytes/],
    ['an empty stack', '\x80\x02.', /what STOP needs, got an empty stack/],
    ['another protocol', '\x80\x06N.', /what PROTO needs, got protocol 6/],
    ['no mark', '\x80\x02t.', /what TUPLE needs, got no mark/],
    ['an unknown memo', '\x80\x02h\x05.', /no value 5 in the memo/],
    ['a text of 4 GB', '\x80\x02X\xff\xff\xff\xff', /a whole pickle/],
    ['a text of 2⁶⁴ bytes', '\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff', /a whole pickle/],
    [
      'a number of 2,000 bytes',
      `\x80\x02\x8b\xd0\x07\0\0${'\x01'.repeat(2000)}.`,
      /a number of 2000 bytes/,
    ],
    ['a list as a dictionary', `\x80\x02]${short('a')}Ns.`, /no dictionary/],
    ['a pop below a mark', '\x80\x02N(0.', /what POP needs, got an empty stack/],
    [
      'plain values alone',
      dictionary(['epoch', int(3)]),
      /checkpoint with tensors, got a dictionary of 'epoch'/,
    ],
    ['None', '\x80\x02N.', /a value that is no dictionary/],
    ['a list in itself', '\x80\x02]q\x00h\x00a.', /nested up to 32 deep/],
  ]
  test.each(pickles)('a pickle: %s', async (_, pickle, message) => {
    await expect(open(zip(pickle))).rejects.toThrow(message)
  })

  test('lists that hold each other twice, 60 deep: 2⁶⁰ values', async () => {
    const level = (i: number) =>
      `]q${String.fromCharCode(i)}(h${String.fromCharCode(i - 1)}h${String.fromCharCode(i - 1)}e`
    const levels = Array.from({ length: 60 }, (_, i) => level(i + 1))
    const started = performance.now()
    await expect(open(zip(`\x80\x02]q\x00${levels.join('')}.`))).rejects.toMatchObject({
      kind: 'file',
    })
    const flat = Array.from({ length: 30 }, (_, i) => level(i + 1))
    await expect(open(zip(`\x80\x02]q\x00${flat.join('')}.`))).rejects.toMatchObject({
      kind: 'file',
    })
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  test('a long name before many tensors', async () => {
    const name = `X\x00\x00\x10\x00${'n'.repeat(2 ** 20)}`
    const inner = `}(${short('w')}${tensor(storage('0', 4), 0, [4], [1])}u`
    const reading = open(zip(`\x80\x02}(${name}${inner}u.`, { '0': four }))
    await expect(reading).rejects.toThrow(/names of up to 1024 letters, got 1048576/)
  })

  test('operations without end', async () => {
    const marks = Buffer.alloc(5_000_010, '(')
    await expect(open(zip(Buffer.concat([ascii('\x80\x02'), marks])))).rejects.toThrow(
      /at most 5000000 operations/,
    )
  })

  test('a changed byte of the elements', async () => {
    const bytes = bytesOf('views.pt')
    const at = bytes.indexOf(Buffer.from(Float32Array.of(7).buffer))
    bytes[at]! ^= 1
    await expect(open(bytes)).rejects.toThrow(/data\/0: expected content with the CRC-32/)
    const part = Buffer.from(bytes)
    const path = join(folder, 'part.pt')
    writeFileSync(path, part)
    const file = await openTorch(path)
    await expect(file.read('one')).rejects.toThrow(/CRC-32/)
    await file.close()
  })

  test.each(['plain.pt', 'legacy.pt', 'deflated.pt'])('%s, cut anywhere', async (name) => {
    const bytes = bytesOf(name)
    for (let length = 0; length < bytes.length; length += 37) {
      await expect(open(bytes.subarray(0, length))).rejects.toMatchObject({ name: 'BrickError' })
    }
  })

  test('bytes behind a legacy file, and another number of elements', async () => {
    const bytes = bytesOf('legacy-views.pt')
    await expect(open(Buffer.concat([bytes, Buffer.alloc(3)]))).rejects.toThrow(
      /1154 bytes, got 1157/,
    )
    const at = bytes.length - 24 * 4 - 8
    bytes.writeBigInt64LE(2n ** 50n, at)
    await expect(open(bytes)).rejects.toThrow(/24 elements, got 1125899906842624/)
  })

  test('other files', async () => {
    await expect(open(ascii('hello'))).rejects.toThrow(
      /a file that torch\.save wrote, got other bytes/,
    )
    await expect(open(zipSync({ 'x.npy': four }))).rejects.toThrow(/a zip file with data\.pkl/)
    await expect(open(ascii('\x80\x02K\x01.'))).rejects.toThrow(/PyTorch's magic number/)
    const tar = Buffer.alloc(1024)
    tar.write('ustar', 257)
    await expect(open(tar)).rejects.toThrow(/a tar file, as PyTorch wrote them before 0\.1\.10/)
    await expect(read(join(folder, 'none.pt'))).rejects.toThrow(/no such file/)
  })
})
