import { beforeAll, describe, expect, test } from 'vitest'
import {
  compile,
  createBackend,
  grad,
  manualSeed,
  nn,
  ones,
  optim,
  type Tensor,
  tensor,
  useBackend,
  zeros,
} from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const values = async (x: Tensor): Promise<number[]> => [...(await x.data())]
const numbersOf = async (x: Tensor, digits = 5) =>
  (await values(x)).map((v) => Number(v.toFixed(digits)))

describe('lists and dictionaries of modules', () => {
  class Net extends nn.Module {
    readonly layers = new nn.ModuleList([new nn.Linear(2, 2), new nn.Linear(2, 2)])
    readonly heads = new nn.ModuleDict({ a: new nn.Linear(2, 1), b: new nn.Linear(2, 3) })
    forward(x: Tensor): Tensor {
      let y = x
      for (const layer of this.layers) y = layer.forward(y).relu()
      return this.heads.at('b').forward(y)
    }
  }

  test("their parts have PyTorch's names, and are found, trained and saved", () => {
    const net = new Net()
    expect(Object.keys(net.stateDict())).toEqual([
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
      'heads.a.weight',
      'heads.a.bias',
      'heads.b.weight',
      'heads.b.bias',
    ])
    expect(net.forward(zeros([4, 2])).shape).toEqual([4, 3])
    expect(() => net.forward(zeros([4, 3]))).toThrow(/^Net\.layers\.0: /)
    expect(net.eval().layers.at(-1).training).toBe(false)
  })

  test('they grow, and say what they have not', () => {
    const list = new nn.ModuleList([new nn.ReLU()]).push(new nn.Tanh())
    expect([...list].map((m) => m.constructor.name)).toEqual(['ReLU', 'Tanh'])
    expect(() => list.at(2)).toThrow(/ModuleList\.at: expected a position of 2 modules, got 2/)
    const dict = new nn.ModuleDict([['x', new nn.ReLU()]]).set('y', new nn.Tanh())
    expect([dict.size, dict.has('y')]).toEqual([2, true])
    expect([...dict].map(([name]) => name)).toEqual(['x', 'y'])
    expect(() => dict.at('z')).toThrow(/one of x, y/)
    expect(() => list.forward()).toThrow(/Use Sequential/)
    expect(() => new nn.ModuleList([3 as never])).toThrow(/'0' of type number/)
    expect(() => dict.set('w', {} as never)).toThrow(/'w' of type object/)
  })
})

describe('branches', () => {
  test('a residual block adds its input, or what a shortcut makes of it', async () => {
    const block = new nn.Linear(2, 2)
    block.loadStateDict({
      weight: tensor([
        [1, 0],
        [0, 2],
      ]),
      bias: zeros([2]),
    })
    const x = tensor([[3, 5]])
    expect(await values(new nn.Residual(block).forward(x))).toEqual([6, 15])
    expect(await values(new nn.Residual(block, block).forward(x))).toEqual([6, 20])
    const wide = new nn.Residual(new nn.Linear(2, 3))
    expect(() => wide.forward(x)).toThrow(
      /Residual: expected the shortcut's shape \[1, 2\], got \[1, 3\]/,
    )
    expect(Object.keys(wide.stateDict())).toEqual(['block.weight', 'block.bias'])
  })

  test('parallel branches see one input; Concat joins them', async () => {
    const branches = { up: new nn.ReLU(), same: new nn.Identity() }
    const x = tensor([[-1, 2]])
    const [up, same] = new nn.Parallel(branches).forward(x)
    expect(await values(up!)).toEqual([0, 2])
    expect(same).toBe(x)
    expect(await values(new nn.Concat(branches).forward(x))).toEqual([0, 2, -1, 2])
    expect(await values(new nn.Concat(branches, 0).forward(x))).toEqual([0, 2, -1, 2])
    expect(new nn.Concat(branches, 0).forward(x).shape).toEqual([2, 2])
    expect(() => new nn.Parallel([])).toThrow(/at least one, got no branches/)
    expect(() => new nn.Concat([3 as never])).toThrow(/'0' of type number/)
  })

  test('one trunk, several heads: each loss reaches its head and the trunk', async () => {
    const model = new nn.MultiTask(new nn.Linear(3, 4), {
      kind: new nn.Linear(4, 5),
      size: new nn.Linear(4, 1),
    })
    const { kind, size } = model.forward(ones([2, 3]))
    expect([kind.shape, size.shape]).toEqual([
      [2, 5],
      [2, 1],
    ])
    expect(Object.keys(model.namedParameters())).toContain('heads.size.weight')
    const labels = tensor([1, 4], { dtype: 'i32' })
    const losses = { kind: nn.crossEntropy(kind, labels), size: nn.mse(size, zeros([2, 1])) }
    const loss = nn.multiTaskLoss(losses, { size: 0 })
    const byName = Object.keys(model.namedParameters())
    const grads = grad(loss, model.parameters())
    const largest = await Promise.all(grads.map((g) => g.abs().max().item()))
    const silent = byName.filter((_, i) => largest[i] === 0)
    expect(silent).toEqual(['heads.size.weight', 'heads.size.bias'])
    expect(() => nn.multiTaskLoss(losses, { colour: 1 })).toThrow(/a weight of 'colour'/)
    expect(() => nn.multiTaskLoss({})).toThrow(/no losses/)
  })
})

describe('shared weights', () => {
  class Tied extends nn.Module {
    readonly table = new nn.Embedding(4, 3)
    readonly out = new nn.Linear(3, 4, { bias: false })
    constructor() {
      super()
      this.out.weight = this.table.weight
    }
    forward(index: Tensor): Tensor {
      return this.out.forward(this.table.forward(index))
    }
  }
  const index = tensor([1, 3], { dtype: 'i32' })

  test('have one gradient, from all places, and one step of the optimiser', async () => {
    const model = new Tied()
    const optimizer = new optim.SGD(model.parameters(), { lr: 1 })
    expect(optimizer.parameters).toHaveLength(1)
    expect(
      new optim.SGD([model.table.weight, model.out.weight], { lr: 1 }).parameters,
    ).toHaveLength(1)
    const before = await values(model.table.weight)
    const loss = model.forward(index).sum()
    const [g] = grad(loss, [model.table.weight])
    loss.backward()
    optimizer.step()
    const step = (await values(g!)).map((v, i) => before[i]! - v)
    expect(await numbersOf(model.out.weight)).toEqual(step.map((v) => Number(v.toFixed(5))))
  })

  test('are saved under both names, and load from both or either', async () => {
    const [a, b] = [new Tied(), new Tied()]
    const state = a.stateDict()
    expect(Object.keys(state)).toEqual(['table.weight', 'out.weight'])
    for (const name of ['table.weight', 'out.weight']) {
      b.loadStateDict({ [name]: ones([4, 3]).mul(2) })
      expect(await b.table.weight.sum().item()).toBe(24)
      expect(b.out.weight).toBe(b.table.weight)
      b.loadStateDict(state)
      expect(await values(b.out.weight)).toEqual(await values(a.table.weight))
    }
    expect(() => b.loadStateDict({})).toThrow(
      /missing \(2\):\n {2}table\.weight \[4, 3\]\n {2}out\.weight/,
    )
  })

  test('refuse arrays that differ', () => {
    const array = (value: number) =>
      ({ shape: [4, 3], dtype: 'f32', data: new Float32Array(12).fill(value) }) as const
    const both = { 'table.weight': array(1), 'out.weight': array(2) }
    expect(() => new Tied().loadStateDict(both)).toThrow(
      /table\.weight and out\.weight, which are one/,
    )
    new Tied().loadStateDict({ ...both, 'out.weight': array(1) })
    new Tied().loadStateDict(both, { strict: false })
  })
})

test('a summary shows all outputs of a layer', () => {
  const pools = new nn.Parallel([new nn.MaxPool1d(2, { returnIndices: true }) as never])
  expect(pools.summary([1, 2, 6])).toMatch(/^0 +MaxPool1d +\[1, 2, 3\], \[1, 2, 3\] +–$/m)
  expect(new nn.GRU(2, 3).summary([4, 1, 2])).toMatch(/\[4, 1, 3\], \[1, 1, 3\]/)
})

test('frozen parts stay as they are, though gradients pass through them', async () => {
  const [frozen, live] = [new nn.Linear(2, 2).requiresGrad_(false), new nn.Linear(2, 2)]
  const model = new nn.Sequential(live, frozen)
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.1, weightDecay: 0.1 })
  const before = [await values(frozen.weight), await values(live.weight)]
  model
    .forward(ones([3, 2]))
    .sum()
    .backward()
  expect(frozen.weight.grad).toBeUndefined()
  optimizer.step()
  expect(await values(frozen.weight)).toEqual(before[0])
  expect(await values(live.weight)).not.toEqual(before[1])
})

describe('parametrisations', () => {
  test('weightNorm keeps the weight, trains length and direction, and can be removed', async () => {
    const layer = new nn.Linear(3, 2)
    const before = await numbersOf(layer.weight)
    expect(nn.weightNorm(layer)).toBe(layer)
    expect(Object.keys(layer.namedParameters())).toEqual([
      'bias',
      'parametrizations.weight.original0',
      'parametrizations.weight.original1',
    ])
    expect(await numbersOf(layer.weight)).toEqual(before)
    layer.weight = ones([2, 3])
    expect(await numbersOf(layer.weight)).toEqual([1, 1, 1, 1, 1, 1])
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 })
    layer
      .forward(tensor([[1, 2, 3]]))
      .sum()
      .backward()
    optimizer.step()
    const after = await numbersOf(layer.weight)
    expect(after).not.toEqual([1, 1, 1, 1, 1, 1])
    nn.removeParametrization(layer)
    expect(Object.keys(layer.namedParameters())).toEqual(['weight', 'bias'])
    expect(await numbersOf(layer.weight)).toEqual(after)
    expect(() => nn.removeParametrization(layer)).toThrow(/a parametrised weight/)
  })

  test('spectralNorm brings the largest singular value to 1; evaluation leaves its vectors alone', async () => {
    const layer = nn.spectralNorm(new nn.Linear(2, 2, { bias: false }), 'weight', {
      iterations: 20,
    })
    layer.weight = tensor([
      [3, 0],
      [0, 1],
    ])
    const y = layer.forward(
      tensor([
        [1, 0],
        [0, 1],
      ]),
    )
    const third = Number((1 / 3).toFixed(4))
    expect(await numbersOf(y, 4)).toEqual([1, 0, 0, third])
    const { 'parametrizations.weight.0._u': u } = layer.eval().stateDict()
    const kept = await values(u!)
    await values(layer.forward(ones([1, 2])))
    expect(await values(u!)).toEqual(kept)
  })

  test('in a compiled step the vectors move on', async () => {
    const layer = nn.spectralNorm(new nn.Linear(4, 4))
    const step = compile((x: Tensor) => layer.forward(x))
    const { 'parametrizations.weight.0._u': u } = layer.stateDict()
    const before = await values(u!)
    await values(step(ones([1, 4])))
    expect(await values(u!)).not.toEqual(before)
  })

  test('what has no such weight, or one already, is refused', () => {
    expect(() => nn.weightNorm(new nn.ReLU())).toThrow(/weightNorm: .*its own parameters: none/)
    expect(() => nn.weightNorm(nn.weightNorm(new nn.Linear(2, 2)))).toThrow(/own parameters: bias/)
    expect(() => nn.spectralNorm(new nn.Linear(2, 2), 'bias')).toThrow(/2 dims or more/)
    expect(() => nn.weightNorm(new nn.Linear(2, 2), 'weight', 2)).toThrow(/weightNorm/)
    expect(() => nn.spectralNorm(new nn.Linear(2, 2), 'weight', { iterations: 0 })).toThrow(
      /iterations = 0/,
    )
  })

  test('two weights of one module', async () => {
    const layer = nn.weightNorm(nn.weightNorm(new nn.Linear(2, 2)), 'bias')
    expect(Object.keys(layer.namedParameters())).toHaveLength(4)
    nn.removeParametrization(layer, 'bias')
    expect(Object.keys(layer.namedParameters())).toEqual([
      'bias',
      'parametrizations.weight.original0',
      'parametrizations.weight.original1',
    ])
  })
})

test('stochastic depth drops whole examples, or the whole batch, and keeps the expectation', async () => {
  manualSeed(3)
  const x = ones([400, 3])
  const rows = await values(nn.stochasticDepth(x, 0.25).mean(1))
  expect(new Set(rows.map((v) => Number(v.toFixed(4))))).toEqual(new Set([0, 1.3333]))
  expect(rows.filter((v) => v === 0).length / 400).toBeCloseTo(0.25, 1)
  const batch = await Promise.all(
    Array.from({ length: 20 }, () => values(nn.stochasticDepth(x, 0.5, 'batch').mean(1))),
  )
  expect(batch.every((all) => new Set(all).size === 1)).toBe(true)
  expect(new Set(batch.map(([v]) => v))).toEqual(new Set([0, 2]))
  const layer = new nn.DropPath(0.5)
  expect(layer.eval().forward(x)).toBe(x)
  expect(() => new nn.StochasticDepth(1.5)).toThrow(/p = 1.5/)
  expect(() => new nn.StochasticDepth(0.5, 'column' as 'row')).toThrow(/row, batch/)
})
