import { beforeAll, describe, expect, test } from 'vitest'
import { createBackend, grad, nn, type Tensor, tensor, useBackend, zeros } from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const wave = (...shape: number[]): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7))).reshape(shape)
}
async function same(got: Tensor, want: Tensor): Promise<void> {
  expect(got.shape).toEqual(want.shape)
  const [a, b] = [await got.data(), await want.data()]
  a.forEach((v, i) => {
    expect(Math.abs(v - b[i]!)).toBeLessThan(1e-5 * (1 + Math.abs(b[i]!)))
  })
}
/** Small weights of both signs instead of what was drawn. */
function fill<M extends nn.AnyModule>(model: M): M {
  for (const [i, p] of model.parameters().entries()) p.assign(wave(...p.shape).mul(0.3 + i / 50))
  return model
}

describe.each([
  ['RNN', (o: nn.RecurrentOptions) => new nn.RNN(3, 4, o)],
  ['RNN with ReLU', (o: nn.RecurrentOptions) => new nn.RNN(3, 4, { ...o, nonlinearity: 'relu' })],
  ['GRU', (o: nn.RecurrentOptions) => new nn.GRU(3, 4, o)],
  ['LSTM', (o: nn.RecurrentOptions) => new nn.LSTM(3, 4, o)],
  ['LSTM with projection', (o: nn.RecurrentOptions) => new nn.LSTM(3, 4, { ...o, projSize: 2 })],
] as const)('%s', (_, make) => {
  const both = { numLayers: 2, bidirectional: true }

  test('unrolled it gives the same, values and gradients', async () => {
    const [loop, written] = [fill(make(both)), fill(make({ ...both, unroll: true }))]
    const x = wave(5, 2, 3)
    const results = [loop, written].map((layer) => {
      const { output } = layer.forward(x)
      return [output, ...grad(output.square().sum(), layer.parameters())]
    })
    for (const [i, got] of results[0]!.entries()) await same(got, results[1]![i]!)
  })

  test('padded sequences give what each gives by itself; padding reads 0', async () => {
    const layer = fill(make(both))
    const x = wave(5, 2, 3)
    const padded = layer.forward(x, { lengths: tensor([5, 3], { dtype: 'i32' }) })
    for (const [n, length] of [5, 3].entries()) {
      const alone = layer.forward(x.slice([0, length], [n, n + 1]))
      await same(padded.output.slice([0, length], [n, n + 1]), alone.output)
      await same(padded.h.slice([], [n, n + 1]), alone.h)
    }
    expect([...(await padded.output.slice([3, 5], 1).data())].every((v) => v === 0)).toBe(true)
  })

  test('batch first, and without a batch', async () => {
    const [layer, first] = [fill(make({})), fill(make({ batchFirst: true }))]
    const x = wave(5, 2, 3)
    const { output, h } = layer.forward(x)
    const turned = first.forward(x.permute([1, 0, 2]))
    await same(turned.output.permute([1, 0, 2]), output)
    await same(turned.h, h)
    const single = layer.forward(x.slice([], 1))
    await same(single.output, output.slice([], 1))
    await same(single.h, h.slice([], 1))
  })

  test('goes on from the states that it left', async () => {
    const layer = fill(make({ numLayers: 2 }))
    const x = wave(6, 2, 3)
    const whole = layer.forward(x)
    const begun = layer.forward(x.slice([0, 2]))
    const rest = layer.forward(x.slice([2, 6]), begun)
    await same(rest.output, whole.output.slice([2, 6]))
    await same(rest.h, whole.h)
  })
})

describe('cells', () => {
  test.each([
    ['RNNCell', new nn.RNN(3, 4), new nn.RNNCell(3, 4)],
    ['GRUCell', new nn.GRU(3, 4), new nn.GRUCell(3, 4)],
  ] as const)('%s: one round of its layer', async (_, layer, cell) => {
    fill(layer)
    cell.loadStateDict(renamed(layer))
    const x = wave(2, 2, 3)
    const { output } = layer.forward(x)
    const first = cell.forward(x.slice(0))
    await same(first, output.slice(0))
    await same(cell.forward(x.slice(1), first), output.slice(1))
    await same(cell.forward(x.slice(0, 1)), output.slice(0, 1))
  })

  test('LSTMCell: one round of its layer', async () => {
    const layer = fill(new nn.LSTM(3, 4))
    const cell = new nn.LSTMCell(3, 4)
    cell.loadStateDict(renamed(layer))
    const x = wave(2, 2, 3)
    const { output, c } = layer.forward(x)
    const [h, states] = cell.forward(x.slice(1), cell.forward(x.slice(0)))
    await same(h, output.slice(1))
    await same(states, c.slice(0))
  })
})

const renamed = (layer: nn.AnyModule) =>
  Object.fromEntries(
    Object.entries(layer.stateDict()).map(([name, value]) => [name.replace('_l0', ''), value]),
  )

describe('recurrent layers', () => {
  test('a weight may be computed: weight norm and spectral norm of hidden weights', async () => {
    const layer = fill(new nn.LSTM(3, 4, { numLayers: 2 }))
    const x = wave(5, 2, 3)
    const { output } = layer.forward(x)
    nn.weightNorm(layer, 'weight_hh_l1')
    await same(layer.forward(x).output, output)
    const names = Object.keys(layer.namedParameters())
    expect(names).toContain('parametrizations.weight_hh_l1.original0')
    expect(names).not.toContain('weight_hh_l1')
    const [length] = grad(layer.forward(x).output.square().sum(), [
      layer.stateDict()['parametrizations.weight_hh_l1.original0']!,
    ])
    expect((await length!.data()).every((g) => g !== 0)).toBe(true)
    nn.removeParametrization(layer, 'weight_hh_l1')
    await same(layer.forward(x).output, output)
    const cell = nn.spectralNorm(new nn.GRUCell(3, 4), 'weight_hh', { iterations: 50 })
    const top = await cell.weight_hh.matmul(wave(4, 1)).norm().item()
    expect(top).toBeLessThanOrEqual((await wave(4, 1).norm().item()) * 1.0001)
  })

  test('name their parameters as PyTorch does', () => {
    const names = Object.keys(new nn.LSTM(3, 4, { bidirectional: true }).stateDict())
    expect(names).toEqual(
      ['', '_reverse'].flatMap((d) =>
        ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].map((n) => `${n}_l0${d}`),
      ),
    )
    expect(Object.keys(new nn.GRU(3, 4, { bias: false }).stateDict())).toHaveLength(2)
  })

  test('dropout between layers: in training alone', async () => {
    const layer = fill(new nn.GRU(3, 4, { numLayers: 2, dropout: 0.5 }))
    const x = wave(3, 2, 3)
    const drawn = await layer.forward(x).output.data()
    expect(await layer.forward(x).output.data()).not.toEqual(drawn)
    layer.eval()
    await same(layer.forward(x).output, layer.forward(x).output)
  })

  test.each([
    [
      'other features',
      () => new nn.LSTM(3, 4).forward(zeros([5, 2, 2])),
      /3 input features, got 2/,
    ],
    ['four dims', () => new nn.GRU(3, 4).forward(zeros([1, 5, 2, 3])), /\[T, batch, in\]/],
    ['an empty sequence', () => new nn.RNN(3, 4).forward(zeros([0, 2, 3])), /at least one/],
    [
      'first states of another batch',
      () => new nn.RNN(3, 4).forward(zeros([5, 2, 3]), { h: zeros([1, 3, 4]) }),
      /first states \[1, 2, 4\]/,
    ],
    [
      'lengths of another batch',
      () => new nn.RNN(3, 4).forward(zeros([5, 2, 3]), { lengths: zeros([3], 'i32') }),
      /2 lengths/,
    ],
    [
      'a length beyond the sequence',
      () => {
        const lengths = tensor([5, 6], { dtype: 'i32' })
        return new nn.RNN(3, 4).forward(zeros([5, 2, 3]), { lengths })
      },
      /RNN: expected 0 … 5, got length 6 at position 1/,
    ],
    ['a dropout above 1', () => new nn.RNN(3, 4, { dropout: 2 }), /probability/],
    ['a hidden size of 0', () => new nn.RNN(3, 0), /hiddenSize = 0/],
    ['a projection as large as the state', () => new nn.LSTM(3, 4, { projSize: 4 }), /1 to 3/],
  ])('refuse %s', (_, call, message) => {
    expect(call).toThrow(message)
  })
})
