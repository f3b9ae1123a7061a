import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BrickError, createBackend, nn, noGrad, onnx, useBackend } from '../src/index.ts'
import { codec } from '../src/onnx/file/codec.ts'
import { hostArray } from '../src/onnx/file/host-array.ts'
import type { Draft } from '../src/onnx/file/messages.ts'
import { readOnnx } from '../src/onnx/file/read.ts'
import { given, mixed, modelBytes, node, ourTensor, tensorProto } from './onnx-case.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const folder = mkdtempSync(join(tmpdir(), 'brickwork-onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function errorOf(promise: Promise<unknown>): Promise<BrickError> {
  const error = await promise.then(
    () => undefined,
    (e) => e,
  )
  expect(error).toBeInstanceOf(BrickError)
  return error as BrickError
}

/** A TensorProto as it is read from bytes. */
async function decoded(draft: Draft<'TensorProto'>) {
  const { encode, decode } = await codec()
  return hostArray(decode('TensorProto', encode('TensorProto', draft), 'test'), 'test')
}

describe('numbers of every width', () => {
  const raw = (...bytes: number[]) => Uint8Array.of(...bytes)
  const cases: readonly (readonly [string, Draft<'TensorProto'>, readonly number[]])[] = [
    ['float', { dataType: 1, rawData: raw(0, 0, 128, 63, 0, 0, 0, 192) }, [1, -2]],
    ['float_data', { dataType: 1, floatData: [1, -2] }, [1, -2]],
    ['float16', { dataType: 10, rawData: raw(0, 0x3c, 0, 0xc0) }, [1, -2]],
    ['float16 as int32_data', { dataType: 10, int32Data: [0x3c00, 0xc000] }, [1, -2]],
    ['bfloat16', { dataType: 16, rawData: raw(0x80, 0x3f, 0, 0xc0) }, [1, -2]],
    ['bfloat16 as int32_data', { dataType: 16, int32Data: [0x3f80, 0xc000] }, [1, -2]],
    ['double', { dataType: 11, doubleData: [0.1, -2] }, [0.1, -2]],
    [
      'int64',
      {
        dataType: 7,
        rawData: raw(
          255,
          255,
          255,
          255,
          255,
          255,
          255,
          127,
          254,
          255,
          255,
          255,
          255,
          255,
          255,
          255,
        ),
      },
      [2 ** 63, -2],
    ],
    ['int64_data', { dataType: 7, int64Data: [2 ** 40, -2] }, [2 ** 40, -2]],
    [
      'int64_data, the extremes',
      { dataType: 7, int64Data: [-(2 ** 63), 2 ** 62] },
      [-(2 ** 63), 2 ** 62],
    ],
    ['uint64_data', { dataType: 13, uint64Data: [2 ** 63, 2 ** 53 - 1] }, [2 ** 63, 2 ** 53 - 1]],
    ['int8', { dataType: 3, rawData: raw(127, 254) }, [127, -2]],
    ['int8 as int32_data', { dataType: 3, int32Data: [127, -2] }, [127, -2]],
    ['uint8', { dataType: 2, rawData: raw(127, 254) }, [127, 254]],
    ['int16', { dataType: 5, rawData: raw(0, 1, 254, 255) }, [256, -2]],
    ['uint16', { dataType: 4, rawData: raw(0, 1, 254, 255) }, [256, 65534]],
    ['uint32', { dataType: 12, uint64Data: [2 ** 32 - 1, 0] }, [2 ** 32 - 1, 0]],
    [
      'uint64',
      { dataType: 13, rawData: raw(0, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0) },
      [2 ** 32, 7],
    ],
    ['bool', { dataType: 9, rawData: raw(1, 0) }, [1, 0]],
    ['int4', { dataType: 22, rawData: raw(0xe7) }, [7, -2]],
    ['uint4', { dataType: 21, rawData: raw(0xe7) }, [7, 14]],
  ]
  test.each(cases)('%s', async (_, draft, wanted) => {
    const { data } = await decoded({ name: 't', dims: [2], ...draft })
    expect([...data]).toEqual(wanted)
  })

  test('sparse ones are filled up', async () => {
    const plain = await modelBytes({
      nodes: [node('Add', ['x', 's'], ['y'])],
      inputs: { x: mixed(2, 3) },
      outputs: ['y'],
    })
    const { encode, decode } = await codec()
    const model = decode('ModelProto', plain, 'test')
    const bytes = encode('ModelProto', {
      ...model,
      graph: {
        ...model.graph!,
        sparseInitializer: [
          {
            values: tensorProto('s', given('float', [2], 5, 7)),
            indices: tensorProto('', given('int64', [2, 2], 0, 1, 1, 2)),
            dims: [2, 3],
          },
        ],
      },
    })
    const { initializers } = await readOnnx(bytes)
    expect([...initializers.get('s')!.data]).toEqual([0, 5, 0, 0, 0, 7])
  })

  test('readInitializers gives arrays as tensors take them', async () => {
    const bytes = await modelBytes({
      nodes: [],
      inputs: {},
      initializers: { w: given('double', [2], 0.5, 2), i: given('int64', [1], 2 ** 40) },
      outputs: [],
    })
    const arrays = await onnx.readInitializers(bytes)
    expect(arrays.get('w')).toEqual({ dtype: 'f32', shape: [2], data: Float32Array.of(0.5, 2) })
    expect(arrays.get('i')!.data[0]).toBe(2 ** 31 - 1)
  })
})

describe('data beside the model', () => {
  /** A model whose only weight lies somewhere. */
  async function external(
    name: string,
    entries: Readonly<Record<string, string>>,
    dims = [2],
  ): Promise<string> {
    const { encode } = await codec()
    const path = join(folder, `${name}.onnx`)
    const bytes = encode('ModelProto', {
      irVersion: 8,
      opsetImport: [{ domain: '', version: 18 }],
      graph: {
        name: 'test',
        node: [node('Add', ['x', 'w'], ['y'])],
        initializer: [
          {
            name: 'w',
            dims,
            dataType: 1,
            dataLocation: 1,
            externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
          },
        ],
        input: [{ name: 'x', type: { tensorType: { elemType: 1 } } }],
        output: [{ name: 'y' }],
      },
    })
    writeFileSync(path, bytes)
    return path
  }

  beforeAll(() => {
    mkdirSync(join(folder, 'parts'))
    writeFileSync(
      join(folder, 'parts', 'w.bin'),
      new Uint8Array(Float32Array.of(9, 1, 2, 8).buffer),
    )
    writeFileSync(join(tmpdir(), 'brickwork-outside.bin'), new Uint8Array(8))
    symlinkSync(join(tmpdir(), 'brickwork-outside.bin'), join(folder, 'link.bin'))
  })
  afterAll(() => rmSync(join(tmpdir(), 'brickwork-outside.bin')))

  test('is read from its folder, at its offset', async () => {
    const path = await external('good', { location: 'parts/w.bin', offset: '4', length: '8' })
    const { initializers } = await readOnnx(path)
    expect([...initializers.get('w')!.data]).toEqual([1, 2])
    const model = await onnx.load(path)
    expect([...(await model.forward(ourTensor(given('float', [2], 1, 1))).data())]).toEqual([2, 3])
  })

  const bad: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    [
      'an absolute path',
      { location: join(tmpdir(), 'brickwork-outside.bin') },
      /in the model's folder/,
    ],
    ['a path upwards', { location: 'parts/../../x.bin' }, /in the model's folder/],
    ['a path upwards in another style', { location: '..\\x.bin' }, /in the model's folder/],
    ['a drive', { location: 'C:x.bin' }, /in the model's folder/],
    ['a link that leads out', { location: 'link.bin' }, /in the model's folder/],
    ['the folder itself', { location: '.' }, /in the model's folder/],
    ['no file', { location: 'none.bin' }, /no such file/],
    ['no location', {}, /a location/],
    [
      'an offset beyond the end',
      { location: 'parts/w.bin', offset: '99' },
      /got 0|16 bytes|8 bytes/,
    ],
    ['a length beyond the end', { location: 'parts/w.bin', length: '9000000000' }, /16 bytes/],
    ['an offset that is no number', { location: 'parts/w.bin', offset: '-4' }, /whole numbers/],
    ['too few bytes', { location: 'parts/w.bin', length: '4' }, /8 bytes for float/],
  ]
  test.each(bad)('%s is refused', async (name, entries, message) => {
    const path = await external(name.replaceAll(/\W/g, '-'), entries)
    const error = await errorOf(onnx.load(path))
    expect(error.kind).toBe('file')
    expect(error.message).toMatch(message)
    expect(error.message).toContain(folder)
  })

  test('bytes alone have no folder', async () => {
    const path = await external('alone', { location: 'parts/w.bin' })
    const { readFileSync } = await import('node:fs')
    const error = await errorOf(onnx.load(readFileSync(path)))
    expect(error.message).toMatch(/Load it by its path/)
  })
})

describe('crafted files', () => {
  test('a missing file, an empty one, and something else', async () => {
    expect((await errorOf(onnx.load(join(folder, 'none.onnx')))).message).toMatch(/no such file/)
    expect((await errorOf(onnx.load(new Uint8Array(0)))).kind).toBe('file')
    const text = new TextEncoder().encode('PK\x03\x04 this is no model')
    expect((await errorOf(onnx.load(text))).kind).toBe('file')
  })

  test('sizes that would need terabytes are refused before anything is made', async () => {
    const { encode } = await codec()
    const model = (tensor: Draft<'TensorProto'>) =>
      encode('ModelProto', {
        opsetImport: [{ domain: '', version: 18 }],
        graph: { node: [], initializer: [{ name: 'w', dataType: 1, ...tensor }] },
      })
    for (const dims of [[2 ** 31], [2 ** 20, 2 ** 20], [-1], [2 ** 53, 2 ** 53]]) {
      expect((await errorOf(onnx.load(model({ dims })))).kind).toBe('file')
    }
    const short = await errorOf(onnx.load(model({ dims: [1000], rawData: new Uint8Array(8) })))
    expect(short.message).toMatch(/4000 bytes for float \[1000\], got 8/)
  })

  test('constants that a node would make too large', async () => {
    const bytes = await modelBytes({
      nodes: [node('ConstantOfShape', ['s'], ['c']), node('Add', ['c', 'x'], ['y'])],
      inputs: { x: mixed(1) },
      initializers: { s: given('int64', [3], 2 ** 20, 2 ** 20, 2 ** 20) },
      outputs: ['y'],
    })
    const model = await onnx.load(bytes)
    const made = Promise.resolve().then(() => model.forward(ourTensor(mixed(1))).data())
    expect((await errorOf(made)).kind).toBe('shape')
  })

  test('graphs in graphs in graphs do not overflow the stack', async () => {
    const length = (n: number) => {
      const bytes: number[] = []
      for (let rest = n; ; rest = Math.floor(rest / 128)) {
        bytes.push((rest % 128) | (rest >= 128 ? 128 : 0))
        if (rest < 128) return bytes
      }
    }
    // A graph (7) of a node (1) of an attribute (5) of a graph (6), and so on.
    let inside: number[] = []
    for (let depth = 0; depth < 300; depth++) {
      const attribute = [0x32, ...length(inside.length), ...inside]
      const node = [0x2a, ...length(attribute.length), ...attribute]
      inside = [0x0a, ...length(node.length), ...node]
    }
    const bytes = Uint8Array.from([0x3a, ...length(inside.length), ...inside])
    const error = await errorOf(onnx.load(bytes))
    expect(error.kind).toBe('file')
    expect(error.message).toMatch(/depth/)
  })

  test('a function that calls itself, nodes out of order, names that are not there', async () => {
    const { encode, decode } = await codec()
    const plain = await modelBytes({
      nodes: [{ ...node('Self', ['x'], ['y']), domain: 'f' }],
      inputs: { x: mixed(2) },
      outputs: ['y'],
    })
    const model = decode('ModelProto', plain, 'test')
    const bytes = encode('ModelProto', {
      ...model,
      functions: [
        {
          name: 'Self',
          domain: 'f',
          input: ['a'],
          output: ['b'],
          node: [{ opType: 'Self', domain: 'f', input: ['a'], output: ['b'] }],
        },
      ],
    })
    const recursive = await errorOf(onnx.load(bytes))
    expect(recursive.message).toMatch(/calls itself/)
    const order = await onnx.load(
      await modelBytes({
        nodes: [node('Relu', ['later'], ['y']), node('Neg', ['x'], ['later'])],
        inputs: { x: mixed(2) },
        outputs: ['y'],
      }),
    )
    expect(() => order.forward(ourTensor(mixed(2)))).toThrow(/input 'later'/)
  })

  test('attributes that make no sense are errors of their node', async () => {
    const { int, ints } = await import('../src/onnx/export/writer.ts')
    const image = mixed(1, 2, 4, 4)
    const bad: readonly (readonly [string, Readonly<Record<string, ReturnType<typeof int>>>])[] = [
      ['MaxPool', { kernel_shape: ints([2, 2, 2]) }],
      ['MaxPool', { kernel_shape: ints([2, 2]), strides: ints([0, 0]) }],
      ['MaxPool', { kernel_shape: ints([-1, 2]) }],
      ['MaxPool', {}],
      ['Transpose', { perm: ints([0, 0, 1, 2]) }],
      ['Flatten', { axis: int(9) }],
      ['Concat', { axis: int(7) }],
      ['DepthToSpace', { blocksize: int(0) }],
      ['Cast', { to: int(99) }],
      ['LpPool', { kernel_shape: ints([9, 9]) }],
    ]
    for (const [op, attributes] of bad) {
      const bytes = await modelBytes({
        nodes: [node(op, ['x'], ['y'], attributes)],
        inputs: { x: image },
        outputs: ['y'],
      })
      const run = async () => {
        const model = await onnx.load(bytes)
        return model.forward(ourTensor(image)).data()
      }
      const error = await errorOf(run())
      expect(error.message, op).toContain(op)
    }
  })
})

describe('damaged files', () => {
  /** Numbers that are the same each time. */
  function* dice(seed: number): Generator<number, never> {
    let state = seed
    for (;;) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      yield state / 2 ** 32
    }
  }

  const roll = (random: Generator<number, never>, below: number) =>
    Math.floor(random.next().value * below)

  /** Loads and runs; whatever goes wrong must be an error of ours. */
  async function survive(bytes: Uint8Array): Promise<'ran' | 'refused'> {
    try {
      const model = await onnx.load(bytes)
      const [port] = model.inputs
      const shape = port?.sizes?.map((n) => (typeof n === 'number' ? n : 2)) ?? []
      if (shape.reduce((a, b) => a * b, 1) > 10_000) return 'refused'
      noGrad(() => model.forward(ourTensor(mixed(...shape))))
      return 'ran'
    } catch (error) {
      if (error instanceof BrickError) return 'refused'
      throw error
    }
  }

  const net = () =>
    new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.BatchNorm2d(2),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(8, 3),
      new nn.Softmax(1),
    )

  test('cut anywhere', async () => {
    const whole = await onnx.serialize(net(), { inputs: [[1, 1, 6, 6]] })
    for (let size = 0; size < whole.length; size += 13) await survive(whole.subarray(0, size))
    expect(await survive(whole)).toBe('ran')
  })

  test('with flipped bits, overwritten and doubled pieces', async () => {
    const whole = await onnx.serialize(net(), { inputs: [[1, 1, 6, 6]] })
    const random = dice(11)
    let refused = 0
    const ROUNDS = 1500
    for (let round = 0; round < ROUNDS; round++) {
      let bytes = Uint8Array.from(whole)
      for (let k = roll(random, 4); k >= 0; k--) {
        const at = roll(random, bytes.length)
        const kind = roll(random, 3)
        if (kind === 0) bytes[at]! ^= 1 << roll(random, 8)
        if (kind === 1) bytes[at] = roll(random, 256)
        if (kind === 2) {
          const piece = bytes.subarray(at, at + roll(random, 40))
          bytes = Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at)])
        }
      }
      if ((await survive(bytes)) === 'refused') refused++
    }
    // Many changes hit weights and names, which is no error.
    expect(refused).toBeGreaterThan(ROUNDS / 10)
  })
})
