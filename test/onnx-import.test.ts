import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BrickError,
  compile,
  createBackend,
  data,
  nn,
  noGrad,
  onnx,
  optim,
  type Tensor,
  tensor,
  useBackend,
} from '../src/index.ts'
import { float, graph, int, ints } from '../src/onnx/export/writer.ts'
import { codec } from '../src/onnx/file/codec.ts'
import { dataFile } from './data-folder.ts'
import {
  difference,
  given,
  ints64,
  mixed,
  modelBytes,
  node,
  ourTensor,
  outputOf,
  runtime,
} from './onnx-case.ts'

const [wasm, interpreter] = [await createBackend('wasm'), await createBackend('interpreter')]
beforeAll(() => useBackend(interpreter))
afterAll(() => wasm.close())

async function errorOf(promise: Promise<unknown>): Promise<BrickError> {
  const error = await promise.then(
    () => undefined,
    (e) => e,
  )
  expect(error).toBeInstanceOf(BrickError)
  return error as BrickError
}

describe('real files', () => {
  const squeezenet = dataFile('squeezenet1.1/squeezenet1.1-fp16.onnx')
  const kitten = dataFile('images/kitten_224.png')
  const expected = dataFile('squeezenet1.1/expected-kitten_224-logits.json')
  test.skipIf(squeezenet.missing || kitten.missing)(
    `SqueezeNet 1.1 in half precision sees the kitten${squeezenet.note}`,
    async () => {
      await useBackend(wasm)
      const model = await onnx.load(squeezenet.path)
      const count = model.parameters().reduce((n, p) => n + p.size, 0)
      expect(count).toBe(1_235_496)
      expect(model.namedParameters()['conv10_w_0']!.shape).toEqual([1000, 512, 1, 1])
      const image = await data.readImage(kitten.path, { width: 224, height: 224, channels: 3 })
      const plane = 224 * 224
      const means = [104, 117, 123]
      const pixels = Float32Array.from({ length: 3 * plane }, (_, i) => {
        const channel = Math.floor(i / plane)
        return image.data[(2 - channel) * plane + (i % plane)]! - means[channel]!
      })
      const x = tensor({ dtype: 'f32', shape: [1, 3, 224, 224], data: pixels })
      const scores = await noGrad(() => model.forward(x)).data()
      const logits: number[] = JSON.parse(readFileSync(expected.path, 'utf8')).values
      const powers = logits.map((v) => Math.exp(v - Math.max(...logits)))
      const total = powers.reduce((a, b) => a + b, 0)
      powers.forEach((p, i) => {
        expect(scores[i]).toBeCloseTo(p / total, 4)
      })
      expect(scores.indexOf(Math.max(...scores))).toBe(281)
      await useBackend(interpreter)
    },
  )

  const mnist = dataFile('onnx-models/mnist-cntk.onnx')
  const digit = dataFile('onnx-models/mnist_28.png')
  test.skipIf(mnist.missing || digit.missing)(
    `a digit by the CNTK network${mnist.note}`,
    async () => {
      await useBackend(wasm)
      const model = await onnx.load(mnist.path)
      expect(model.inputs.map(({ name, sizes }) => [name, sizes])).toEqual([
        ['Input3', [1, 1, 28, 28]],
      ])
      const image = await data.readImage(digit.path, { width: 28, height: 28, channels: 1 })
      const input = given('float', [1, 1, 28, 28], ...image.data)
      const wanted = await runtime(readFileSync(mnist.path), { Input3: input })
      const own = await outputOf(noGrad(() => model.forward(ourTensor(input))))
      expect(difference(own, wanted['Plus214_Output_0']!)).toBeLessThan(1e-5)
      await useBackend(interpreter)
    },
  )
})

/** conv → batch norm → relu → flatten → dropout → linear, with weights of its own. */
const network = () =>
  modelBytes({
    nodes: [
      node('Conv', ['x', 'conv.weight'], ['a'], { pads: ints([1, 1, 1, 1]) }),
      node('BatchNormalization', ['a', 'bn.weight', 'bn.bias', 'bn.mean', 'bn.var'], ['b'], {
        momentum: float(0.8),
      }),
      node('Relu', ['b'], ['c']),
      node('Flatten', ['c'], ['d']),
      node('Dropout', ['d', 'ratio'], ['e']),
      node('Gemm', ['e', 'fc.weight', 'fc.bias'], ['y'], { transB: int(1) }),
    ],
    inputs: { x: mixed(2, 1, 4, 4) },
    initializers: {
      'conv.weight': mixed(3, 1, 3, 3),
      'bn.weight': given('float', [3], 1, 1, 1),
      'bn.bias': given('float', [3], 0, 0, 0),
      'bn.mean': given('float', [3], 0, 0, 0),
      'bn.var': given('float', [3], 1, 1, 1),
      ratio: given('float', [], 0.1),
      'fc.weight': mixed(2, 48),
      'fc.bias': given('float', [2], 0, 0),
    },
    outputs: ['y'],
    dynamic: true,
  })

describe('a network that is trained', () => {
  test('its states have the names of the file: parameters, and buffers for statistics', async () => {
    const model = await onnx.load(await network())
    expect(Object.keys(model.namedParameters())).toEqual([
      'conv.weight',
      'bn.weight',
      'bn.bias',
      'fc.weight',
      'fc.bias',
    ])
    expect(Object.keys(model.namedBuffers())).toEqual(['bn.mean', 'bn.var'])
    expect(model.inputs[0]!.sizes).toEqual(['N', 1, 4, 4])
    expect(String(model)).toBe('OnnxModel(x float [N, 1, 4, 4], y )')
  })

  test('evaluation at first; in training batch statistics, dropout, and statistics that follow', async () => {
    const model = await onnx.load(await network())
    const x = ourTensor(mixed(4, 1, 4, 4))
    const calm = await model.forward(x).data()
    expect(await model.forward(x).data()).toEqual(calm)
    const still = await model.namedBuffers()['bn.mean']!.data()
    expect([...still]).toEqual([0, 0, 0])
    model.train()
    const first = await model.forward(x).data()
    const second = await model.forward(x).data()
    expect(first).not.toEqual(second)
    const followed = await model.namedBuffers()['bn.mean']!.data()
    expect(followed.some((v) => v !== 0)).toBe(true)
  })

  test('a compiled step lowers the loss on both backends', async () => {
    for (const backend of [interpreter, wasm]) {
      await useBackend(backend)
      const model = (await onnx.load(await network())).train()
      const optimizer = optim.adam({ lr: 0.02 })(model.parameters())
      const x = ourTensor(mixed(4, 1, 4, 4))
      const classes = tensor([0, 1, 1, 0], { dtype: 'i32' })
      const step = compile((inputs: Tensor, labels: Tensor) => {
        const loss = nn.crossEntropy(model.forward(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss
      })
      const losses: number[] = []
      for (let i = 0; i < 60; i++) {
        losses.push(await step(x, classes).item())
      }
      expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
    }
    await useBackend(interpreter)
  })

  test('frozen weights stay as they are', async () => {
    const model = await onnx.load(await network())
    model.namedParameters()['conv.weight']!.requiresGrad = false
    model
      .forward(ourTensor(mixed(2, 1, 4, 4)))
      .sum()
      .backward()
    expect(model.namedParameters()['conv.weight']!.grad).toBeUndefined()
    expect(model.namedParameters()['fc.weight']!.grad).toBeDefined()
  })
})

describe('shapes that the file computes', () => {
  test('Shape → Gather → Unsqueeze → Concat → Reshape, at two batch sizes', async () => {
    const bytes = await modelBytes({
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Gather', ['s', 'zero'], ['n']),
        node('Mul', ['n', 'two'], ['n2']),
        node('Unsqueeze', ['n2', 'axes'], ['u']),
        node('Concat', ['u', 'rest'], ['shape'], { axis: int(0) }),
        node('Reshape', ['x', 'shape'], ['y']),
      ],
      inputs: { x: mixed(2, 4, 3) },
      initializers: {
        zero: given('int64', [], 0),
        two: given('int64', [], 2),
        axes: ints64(0),
        rest: ints64(-1, 3),
      },
      outputs: ['y'],
      dynamic: true,
    })
    const model = await onnx.load(bytes)
    expect(model.parameters()).toEqual([])
    for (const batch of [2, 5]) {
      const x = mixed(batch, 4, 3)
      const wanted = await runtime(bytes, { x })
      expect(difference(await outputOf(model.forward(ourTensor(x))), wanted['y']!)).toBe(0)
    }
    const compiled = compile((x: Tensor) => model.forward(x))
    expect(compiled(ourTensor(mixed(3, 4, 3))).shape).toEqual([6, 2, 3])
  })

  test('INT64_MAX as the end of a slice survives Unsqueeze and Concat', async () => {
    const end = 2 ** 63 - 1024
    const bytes = await modelBytes({
      nodes: [
        node('Concat', ['most', 'most'], ['ends'], { axis: int(0) }),
        node('Slice', ['x', 'starts', 'ends'], ['y']),
      ],
      inputs: { x: mixed(3, 4) },
      initializers: { most: ints64(end), starts: ints64(1, -2) },
      outputs: ['y'],
    })
    const model = await onnx.load(bytes)
    expect(model.forward(ourTensor(mixed(3, 4))).shape).toEqual([2, 2])
  })

  test('what depends on weights is refused with the place', async () => {
    const bytes = await modelBytes({
      nodes: [node('Cast', ['w'], ['s'], { to: int(7) }), node('Reshape', ['x', 's'], ['y'])],
      inputs: { x: mixed(2, 3) },
      initializers: { w: given('float', [1], 6) },
      outputs: ['y'],
    })
    const model = await onnx.load(bytes)
    expect(() => model.forward(ourTensor(mixed(2, 3)))).toThrow(
      /Reshape 'the_Reshape': Reshape: expected numbers that are known before/,
    )
  })
})

describe('control flow', () => {
  const body = (opType: string) =>
    graph({
      name: opType,
      node: [node(opType, ['x'], [`${opType}_y`])],
      output: [{ name: `${opType}_y` }],
    })

  test('If takes a branch; of a condition that is computed both, element by element', async () => {
    const bytes = await modelBytes({
      nodes: [
        node('ReduceSum', ['x'], ['sum'], { keepdims: int(0) }),
        node('Greater', ['sum', 'zero'], ['up']),
        node('If', ['up'], ['y'], { then_branch: body('Relu'), else_branch: body('Neg') }),
      ],
      inputs: { x: mixed(3) },
      initializers: { zero: given('float', [1], 0) },
      outputs: ['y'],
    })
    const model = await onnx.load(bytes)
    const compiled = compile((x: Tensor) => model.forward(x))
    for (const data of [
      [1, -2, 3],
      [1, -2, -3],
    ]) {
      const wanted = data[2] === 3 ? [1, 0, 3] : [-1, 2, 3]
      expect([...(await model.forward(tensor(data)).data())]).toEqual(wanted)
      expect([...(await compiled(tensor(data)).data())]).toEqual(wanted)
    }
  })

  test('Loop adds up until its count', async () => {
    const round = graph({
      name: 'round',
      node: [
        node('Add', ['before', 'x'], ['after']),
        node('Identity', ['on'], ['goes']),
        node('Identity', ['after'], ['seen']),
      ],
      input: [{ name: 'i' }, { name: 'on' }, { name: 'before' }],
      output: [{ name: 'goes' }, { name: 'after' }, { name: 'seen' }],
    })
    const bytes = await modelBytes({
      nodes: [node('Loop', ['count', '', 'x'], ['last', 'all'], { body: round })],
      inputs: { x: mixed(2) },
      initializers: { count: given('int64', [], 3) },
      outputs: ['last', 'all'],
    })
    const model = await onnx.load(bytes)
    const { last, all } = model.run({ x: tensor([1, 2]) })
    expect([...(await last!.data())]).toEqual([4, 8])
    expect(all!.shape).toEqual([3, 2])
    expect([...(await all!.data())]).toEqual([2, 4, 3, 6, 4, 8])
  })
})

test('functions of the file are run in place, with the attributes of the call', async () => {
  const { encode, decode } = await codec()
  const plain = await modelBytes({
    nodes: [{ ...node('Bent', ['x'], ['y'], { slope: float(0.25) }), domain: 'my.own' }],
    inputs: { x: mixed(3) },
    outputs: ['y'],
  })
  const model = decode('ModelProto', plain, 'test')
  const bytes = encode('ModelProto', {
    ...model,
    opsetImport: [...model.opsetImport, { domain: 'my.own', version: 1 }],
    functions: [
      {
        name: 'Bent',
        domain: 'my.own',
        input: ['a'],
        output: ['c'],
        attribute: ['slope'],
        opsetImport: [{ domain: '', version: 18 }],
        node: [
          {
            opType: 'LeakyRelu',
            input: ['a'],
            output: ['b'],
            attribute: [{ name: 'alpha', refAttrName: 'slope', type: 1 }],
          },
          { opType: 'Neg', input: ['b'], output: ['c'] },
        ],
      },
    ],
  })
  const loaded = await onnx.load(bytes)
  expect([...(await loaded.forward(tensor([4, -4, 0])).data())]).toEqual([-4, 1, -0])
})

test('graphs inside functions see the attributes of the call; overloads are told apart', async () => {
  const { encode, decode } = await codec()
  const inner = graph({
    name: 'inner',
    node: [
      {
        opType: 'LeakyRelu',
        input: ['a'],
        output: ['leaky'],
        attribute: [{ name: 'alpha', refAttrName: 'slope', type: 1 }],
      },
    ],
    output: [{ name: 'leaky' }],
  })
  const call = (overload: string, input: string, output: string) => ({
    ...node('Bent', [input], [output], { slope: float(0.5) }),
    domain: 'my.own',
    overload,
  })
  const plain = await modelBytes({
    nodes: [call('', 'x', 'y'), call('twice', 'y', 'z')],
    inputs: { x: mixed(2) },
    outputs: ['z'],
  })
  const model = decode('ModelProto', plain, 'test')
  const body = { domain: 'my.own', name: 'Bent', input: ['a'], output: ['b'] }
  const opsetImport = [{ domain: '', version: 18 }]
  const yes = { ...int(1), name: 'value_int' }
  const bytes = encode('ModelProto', {
    ...model,
    opsetImport: [...model.opsetImport, { domain: 'my.own', version: 1 }],
    functions: [
      {
        ...body,
        opsetImport,
        attribute: ['slope'],
        node: [
          { opType: 'Constant', output: ['one'], attribute: [yes] },
          node('Cast', ['one'], ['yes'], { to: int(9) }),
          node('If', ['yes'], ['b'], { then_branch: inner, else_branch: inner }),
        ],
      },
      { ...body, overload: 'twice', opsetImport, node: [node('Add', ['a', 'a'], ['b'])] },
    ],
  })
  const loaded = await onnx.load(bytes)
  expect([...(await loaded.forward(tensor([4, -4])).data())]).toEqual([8, -4])
})

describe('what is refused', () => {
  test('unsupported operators, all of them, before anything runs', async () => {
    const bytes = await modelBytes({
      nodes: [
        { ...node('Mystery', ['x'], ['a']), name: 'first' },
        { ...node('Fancy', ['a'], ['b']), domain: 'com.example', name: 'second' },
        { ...node('Mystery', ['b'], ['y']), name: 'third' },
      ],
      inputs: { x: mixed(2) },
      outputs: ['y'],
    })
    const error = await errorOf(onnx.load(bytes))
    expect(error.kind).toBe('unknown')
    expect(error.got).toBe(
      "Mystery (Mystery 'first', Mystery 'third'); com.example.Fancy (Fancy 'second')",
    )
  })

  test('operators from before their meaning is known, and those of the future', async () => {
    const old = await errorOf(
      onnx.load(
        await modelBytes({
          nodes: [node('Gelu', ['x'], ['y'])],
          inputs: { x: mixed(2) },
          outputs: ['y'],
          opset: 13,
        }),
      ),
    )
    expect(old.got).toContain('Gelu of opset 13')
    const future = await errorOf(
      onnx.load(await modelBytes({ nodes: [], inputs: {}, outputs: [], opset: 99 })),
    )
    expect(future.got).toBe('opset 99')
  })

  test('inputs of other names, shapes and dtypes', async () => {
    const model = await onnx.load(await network())
    expect(() => model.run({})).toThrow(/no tensor for input 'x'/)
    expect(() => model.run({ x: ourTensor(mixed(2, 1, 4, 4)), z: tensor(1) })).toThrow(/input 'z'/)
    expect(() => model.forward(ourTensor(mixed(2, 1, 4, 5)))).toThrow(
      /expected x float \[N, 1, 4, 4\], got input 'x' \[2, 1, 4, 5\]/,
    )
    expect(() => model.forward(tensor(1), tensor(2))).toThrow(/2 inputs/)
    const ids = await onnx.load(
      await modelBytes({
        nodes: [node('Gather', ['table', 'ids'], ['y'])],
        inputs: { ids: ints64(1) },
        initializers: { table: mixed(4, 2) },
        outputs: ['y'],
      }),
    )
    expect(() => ids.forward(tensor([1]))).toThrow(/Convert it with .to\('i32'\)/)
    expect(ids.forward(tensor([1], { dtype: 'i32' })).shape).toEqual([1, 2])
  })
})
