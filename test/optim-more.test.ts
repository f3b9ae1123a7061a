import { beforeAll, describe, expect, test } from 'vitest'
import {
  compile,
  createBackend,
  grad,
  nn,
  optim,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const closeTo = (got: ArrayLike<number>, wanted: readonly number[], digits = 5) => {
  expect(got.length).toBe(wanted.length)
  wanted.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, digits)
  })
}

/** A weight and a bias, and four steps of an optimiser on ½‖x·wᵀ + b‖². */
async function trajectory(
  make: (w: Tensor, b: Tensor) => optim.Optimizer,
  mode: 'eager' | 'compiled',
) {
  const w = variable(
    tensor([
      [1, -2],
      [3, 0.5],
    ]),
    true,
  )
  const b = variable(tensor([0.5, -1]), true)
  const x = tensor([
    [1, 2],
    [-1, 0.5],
    [0, 1],
  ])
  const optimizer = make(w, b)
  const body = () => {
    x.matmul(w.transpose()).add(b).square().sum().mul(0.5).backward()
    optimizer.step()
    optimizer.zeroGrad()
  }
  const step = mode === 'compiled' ? compile(body) : body
  for (let i = 0; i < 4; i++) step()
  return [await w.data(), await b.data()] as const
}

// What torch 2 gives.
describe.each(['eager', 'compiled'] as const)('groups, %s', (mode) => {
  test('SGD with its own rate and momentum in one, no decay in the other', async () => {
    const [w, b] = await trajectory(
      (w, b) =>
        new optim.SGD(
          [
            { params: [w], lr: 0.05, momentum: 0.5 },
            { params: [b], weightDecay: 0 },
          ],
          { lr: 0.01, weightDecay: 0.1 },
        ),
      mode,
    )
    closeTo(w, [1.0182493, -0.61790496, 1.2794582, -0.032135334])
    closeTo(b, [0.62919986, -0.91517466])
  })

  test('AdamW with its own betas and AMSGrad in one', async () => {
    const [w, b] = await trajectory(
      (w, b) =>
        new optim.AdamW(
          [
            { params: [w], betas: [0.5, 0.9], amsgrad: true },
            { params: [b], weightDecay: 0, lr: 0.3 },
          ],
          { lr: 0.1, weightDecay: 0.1 },
        ),
      mode,
    )
    closeTo(w, [1.2596143, -1.5799384, 2.4957335, 0.079684697], 4)
    closeTo(b, [1.6453121, 0.018094182], 4)
  })

  test('RMSprop, centred with momentum and decay', async () => {
    const options = { lr: 0.05, alpha: 0.9, momentum: 0.5, centered: true, weightDecay: 0.1 }
    const [w, b] = await trajectory((w, b) => new optim.RMSprop([w, b], options), mode)
    closeTo(w, [1.2463318, -1.3385545, 2.2359204, -0.22424926], 4)
    closeTo(b, [1.1805822, -0.17927139], 4)
  })
})

test('decayBiases: false spares parameters of less than two dims', async () => {
  const [w, b] = [variable(tensor([[2]]), true), variable(tensor([2]), true)]
  const optimizer = new optim.SGD([w, b], { lr: 1, weightDecay: 0.5, decayBiases: false })
  optimizer.step([zeros([1, 1]), zeros([1])])
  expect([await w.item(), await b.item()]).toEqual([1, 2])
})

test('names of groups', () => {
  const [a, b] = [new nn.Linear(1, 1), new nn.Linear(1, 1)]
  const two = new optim.SGD([{ params: a }, { params: b }], { lr: 1 })
  expect(two.names).toEqual(['0.weight', '0.bias', '1.weight', '1.bias'])
  const lists = [{ params: a.parameters() }, { params: b.parameters() }]
  expect(new optim.SGD(lists, { lr: 1 }).names).toEqual(['0', '1', '2', '3'])
  const mixed = new optim.SGD([{ params: a, momentum: 0.9 }, { params: [b.weight] }], { lr: 1 })
  expect(Object.keys(mixed.stateDict())).toEqual(['momentum_buffer.weight', 'momentum_buffer.bias'])
  mixed.lr = 3
  expect(mixed.groups.map(({ lr }) => lr)).toEqual([3, 3])
})

/** The same steps in double precision, by the paper's words. */
const gradients = [
  [0.5, -1, 0],
  [0.1, 2, 0],
  [-3, 0.2, 0],
]

async function steps(optimizer: optim.Optimizer, p: Tensor): Promise<Float32Array> {
  for (const g of gradients) optimizer.step([tensor(g)])
  return (await p.data()) as Float32Array
}

test('Lion by its paper', async () => {
  const start = [1, -2, 0.5]
  const p = variable(tensor(start), true)
  const got = await steps(new optim.Lion([p], { lr: 0.1, weightDecay: 0.2 }), p)
  const want = start.map((value, i) => {
    let [w, m] = [value, 0]
    for (const row of gradients) {
      const g = row[i]!
      w = w * (1 - 0.1 * 0.2) - 0.1 * Math.sign(0.9 * m + 0.1 * g)
      m = 0.99 * m + 0.01 * g
    }
    return w
  })
  closeTo(got, want)
})

test('LAMB by its paper, and a ratio of 1 for a parameter of 0', async () => {
  const start = [1, -2, 0.5]
  const p = variable(tensor(start), true)
  const got = await steps(new optim.LAMB([p], { lr: 0.1, weightDecay: 0.2 }), p)
  let w = start
  const [m, v] = [
    [0, 0, 0],
    [0, 0, 0],
  ]
  const norm = (a: readonly number[]) => Math.hypot(...a)
  gradients.forEach((g, t) => {
    const r = w.map((value, i) => {
      m[i] = 0.9 * m[i]! + 0.1 * g[i]!
      v[i] = 0.999 * v[i]! + 0.001 * g[i]! ** 2
      const [mean, square] = [m[i]! / (1 - 0.9 ** (t + 1)), v[i]! / (1 - 0.999 ** (t + 1))]
      return mean / (Math.sqrt(square) + 1e-6) + 0.2 * value
    })
    w = w.map((value, i) => value - 0.1 * (norm(w) / norm(r)) * r[i]!)
  })
  closeTo(got, w, 4)
  const zero = variable(zeros([2]), true)
  new optim.LAMB([zero], { lr: 0.1 }).step([tensor([3, 4])])
  closeTo(await zero.data(), [-0.1, -0.1], 4)
})

describe('clipping', () => {
  const pair = () => {
    const parameters = [variable(zeros([2]), true), variable(zeros([1, 2]), true)]
    parameters[0]!.grad = tensor([3, 4])
    parameters[1]!.grad = tensor([[1, -2]])
    return parameters
  }
  // What torch 2 gives.
  test.each([
    [2, 5.4772257, [1.0954449, 1.4605932, 0.3651483, -0.7302966]],
    [1, 10, [0.59999996, 0.79999995, 0.19999999, -0.39999998]],
    [Infinity, 4, [1.4999996, 1.9999995, 0.4999999, -0.9999998]],
    [3, 4.6415892, [1.2926605, 1.7235472, 0.4308868, -0.8617736]],
  ])('by norm %s', async (normType, norm, wanted) => {
    const parameters = pair()
    expect(await optim.clipGradNorm(parameters, 2, { normType }).item()).toBeCloseTo(norm, 5)
    const got = await Promise.all(parameters.map((p) => p.grad!.data()))
    closeTo(
      got.flatMap((data) => [...data]),
      wanted,
    )
  })

  test('leaves short gradients, and parameters without one', async () => {
    const [a, b] = pair()
    b!.grad = undefined
    expect(await optim.clipGradNorm({ a: a!, b: b! }, 10).item()).toBe(5)
    expect([...(await a!.grad!.data())]).toEqual([3, 4])
    expect(b!.grad).toBeUndefined()
    a!.grad = undefined
    expect(await optim.clipGradNorm([a!, b!], 1).item()).toBe(0)
  })

  test('by value', async () => {
    const [a, b] = pair()
    optim.clipGradValue([a!, b!], 1.5)
    expect([...(await a!.grad!.data()), ...(await b!.grad!.data())]).toEqual([1.5, 1.5, 1, -1.5])
  })

  test('inside a compiled step, and of gradients as grad returns them', async () => {
    const [p, q] = [variable(tensor([3, 4]), true), variable(tensor([3, 4]), true)]
    const optimizer = new optim.SGD([p], { lr: 1 })
    const other = new optim.SGD([q], { lr: 1 })
    const step = compile(() => {
      p.square().sum().mul(0.5).backward()
      const norm = optim.clipGradNorm([p], 1)
      optimizer.step()
      optimizer.zeroGrad()
      other.step(optim.clipByNorm(grad(q.square().sum().mul(0.5), [q]), 1).gradients)
      return norm
    })
    expect(await step().item()).toBeCloseTo(5, 5)
    expect(await step().item()).toBeCloseTo(4, 5)
    closeTo(await p.data(), [1.8, 2.4])
    closeTo(await q.data(), [1.8, 2.4])
  })

  test.each([
    ['a negative norm', () => optim.clipGradNorm(pair(), -1), /clipGradNorm.*maxNorm = -1/],
    ['a norm of type 0', () => optim.clipGradNorm(pair(), 1, { normType: 0 }), /normType = 0/],
    ['a negative value', () => optim.clipGradValue(pair(), -1), /clipValue = -1/],
  ])('refuses %s', (_, body, message) => {
    expect(body).toThrow(message)
  })
})

describe('EMA', () => {
  test('copies at first and fades then, as torch does', async () => {
    const p = variable(tensor([1]), true)
    const ema = new optim.EMA([p], { decay: 0.9 })
    const update = compile((value: Tensor) => {
      p.assign(value)
      ema.update()
    })
    for (const [value, wanted] of [
      [2, 2],
      [3, 2.1],
      [4, 2.29],
    ] as const) {
      update(tensor([value]))
      expect(await ema.averages[0]!.item()).toBeCloseTo(wanted, 6)
    }
    const inside = await ema.applied(async () => [await p.item(), await ema.averages[0]!.item()])
    closeTo(inside, [2.29, 4])
    expect(await p.item()).toBe(4)
    const again = new optim.EMA([p], { decay: 0.9 })
    again.loadStateDict(ema.stateDict())
    again.update()
    expect(await again.averages[0]!.item()).toBeCloseTo(0.9 * 2.29 + 0.4, 5)
  })

  test('fades faster in the beginning with warm-up, and refuses a decay of 1', async () => {
    const p = variable(tensor([1]), true)
    const ema = new optim.EMA([p], { decay: 0.99, warmup: true })
    ema.update()
    p.assign(tensor([2]))
    ema.update()
    expect(await ema.averages[0]!.item()).toBeCloseTo((2 / 11) * 1 + (9 / 11) * 2, 6)
    expect(() => new optim.EMA([p], { decay: 1 })).toThrow(/EMA.*decay = 1/)
  })
})

describe('gradient descent', () => {
  const inputs = tensor([
    [1, 1],
    [2, 1],
    [4, 1],
  ])
  const targets = tensor([[3], [5], [9]])
  const line = (loss: (output: Tensor, target: Tensor) => Tensor = nn.mse) => {
    const w = variable(zeros([2, 1]), true)
    return { w, loss: () => loss(inputs.matmul(w), targets) }
  }

  test('finds the line through points, and says by what it stopped', async () => {
    const { w, loss } = line()
    const descent = await optim.gradientDescent(loss, [w], { lr: 0.1, maxSteps: 3000 })
    expect(descent.stoppedBy).toBe('gradient')
    expect(descent.converged).toBe(true)
    expect(descent.gradient).toBeLessThanOrEqual(1e-5)
    expect(descent.losses).toHaveLength(descent.steps + 1)
    expect(descent.message).toMatch(/^Converged after \d+ steps: the gradient is small/)
    closeTo(await w.data(), [2, 1], 3)
  })

  test('stops when the loss hardly falls, and with the steps', async () => {
    const { w, loss } = line()
    const byLoss = await optim.gradientDescent(loss, [w], { lr: 0.01, lossTolerance: 0.01 })
    expect(byLoss).toMatchObject({ stoppedBy: 'loss', converged: true })
    const [last, before] = [byLoss.losses.at(-1)!, byLoss.losses.at(-2)!]
    expect((before - last) / before).toBeLessThan(0.01)
    const bySteps = await optim.gradientDescent(loss, [w], { lr: 0.01, maxSteps: 2 })
    expect(bySteps).toMatchObject({ stoppedBy: 'steps', converged: false, steps: 2 })
  })

  test('reports divergence, of a loss that grows and of one that is no number', async () => {
    const first = line()
    const grown = await optim.gradientDescent(first.loss, [first.w], { lr: 1 })
    expect(grown).toMatchObject({ stoppedBy: 'diverged', converged: false })
    expect(grown.message).toMatch(/Diverged after \d+ steps .*lower the learning rate/)
    const second = variable(tensor([-1]), true)
    const broken = await optim.gradientDescent(() => second.log().sum(), [second])
    expect(broken).toMatchObject({ stoppedBy: 'diverged', steps: 0 })
  })

  test('takes another optimiser, for the absolute loss', async () => {
    const { w, loss } = line((output, target) => output.sub(target).abs().mean())
    const options = { optimizer: optim.adam({ lr: 0.02 }), maxSteps: 600, gradientTolerance: 0 }
    const { losses } = await optim.gradientDescent(loss, [w], options)
    expect(losses.at(-1)).toBeLessThan(0.05)
  })

  test('refuses impossible options', async () => {
    const { w, loss } = line()
    await expect(optim.gradientDescent(loss, [w], { maxSteps: 0 })).rejects.toThrow(/maxSteps = 0/)
    await expect(optim.gradientDescent(loss, [])).rejects.toThrow(
      /at least one parameter, got none/,
    )
  })
})

test.each<[string, () => unknown, RegExp]>([
  [
    'a parameter in two groups',
    () => {
      const p = variable(zeros([1]), true)
      return new optim.SGD([{ params: [p] }, { params: [p] }], { lr: 1 })
    },
    /in two groups/,
  ],
  [
    'an empty group',
    () => new optim.SGD([{ params: [] }], { lr: 1 }),
    /at least one parameter, got none/,
  ],
  [
    'an option of one group',
    () => new optim.Adam([{ params: [variable(zeros([1]), true)], betas: [1, 0.9] }], { lr: 0.1 }),
    /Adam: .*betas\[0\] = 1/,
  ],
  [
    'a negative decay',
    () => new optim.Lion([variable(zeros([1]), true)], { weightDecay: -1 }),
    /Lion: .*weightDecay = -1/,
  ],
])('refuses %s', (_, body, message) => {
  expect(body).toThrow(message)
})
