import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  compile,
  createBackend,
  grad,
  manualSeed,
  nn,
  optim,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

interface Values {
  readonly shape: number[]
  readonly data: number[]
}
interface Case {
  readonly name: string
  readonly op: keyof typeof factories
  readonly args: Readonly<Record<string, unknown>>
  readonly inputs: { readonly w0: Values; readonly A: Values; readonly b: Values }
  readonly outputs: readonly [Values]
  readonly tol: number
}

const { sgd, adam, adamw, rmsprop, adagrad, adadelta, nadam, adamax } = optim
const factories = { sgd, adam, adamw, rmsprop, adagrad, adadelta, nadam, adamax }
const path = join(import.meta.dirname, 'parity-cases', 'optim.json')
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] }

/** PyTorch's option names as ours. */
const optionsOf = ({ steps: _, ...args }: Case['args']): { lr: number } =>
  Object.fromEntries(
    Object.entries(args).map(([name, value]) => [
      name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  ) as { lr: number }

const asTensor = ({ data, shape }: Values): Tensor => tensor(data).reshape(shape)

describe.each(['eager', 'compiled'] as const)("PyTorch's trajectories, %s", (mode) => {
  test.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const w = variable(asTensor(one.inputs.w0), true)
    const optimizer = factories[one.op](optionsOf(one.args))([w])
    const body = (a: Tensor, b: Tensor) => {
      const loss = a.matmul(w).sub(b).square().sum().mul(0.5)
      optimizer.step(grad(loss, [w]))
      return loss
    }
    const step = mode === 'compiled' ? compile(body) : body
    const want = one.outputs[0].data
    for (let i = 0; i < want.length / w.size; i++) {
      step(asTensor(one.inputs.A), asTensor(one.inputs.b))
      const got = await w.data()
      got.forEach((value, j) => {
        const wanted = want[i * w.size + j]!
        expect(Math.abs(value - wanted)).toBeLessThan(one.tol * (1 + Math.abs(wanted)))
      })
    }
  })
})

const pair = () => [variable(tensor([1, 2]), true), variable(tensor([3]), true)] as const

test('a parameter without a gradient is skipped; its step count begins with its first', async () => {
  const [a, b] = pair()
  const optimizer = new optim.Adam({ a, b }, { lr: 0.1 })
  for (let i = 0; i < 3; i++) optimizer.step([tensor([1, 1]), undefined])
  expect(await b.item()).toBe(3)
  optimizer.step([undefined, tensor([5])])
  expect(await b.item()).toBeCloseTo(2.9, 5)
  expect([...(await optimizer.stateDict()['step']!.data())]).toEqual([3, 1])
})

test('frozen parameters stay', async () => {
  const [a, b] = pair()
  b.requiresGrad = false
  new optim.SGD([a, b], { lr: 1 }).step([tensor([1, 1]), tensor([1])])
  expect([...(await a.data())]).toEqual([0, 1])
  expect(await b.item()).toBe(3)
})

test('steps by accumulated gradients, and zeroGrad', async () => {
  const [a] = pair()
  const optimizer = optim.sgd({ lr: 0.5 })([a])
  a.square().sum().backward()
  optimizer.step()
  expect([...(await a.data())]).toEqual([0, 0])
  optimizer.zeroGrad()
  expect(a.grad).toBeUndefined()
  optimizer.step()
  expect([...(await a.data())]).toEqual([0, 0])
})

test('the learning rate changes without compiling anew', async () => {
  const w = variable(tensor([0]), true)
  const optimizer = optim.sgd({ lr: 1 })([w])
  let traces = 0
  const step = compile(() => {
    traces++
    optimizer.step(grad(w.sum(), [w]))
  })
  step()
  optimizer.lr = 0.25
  step()
  expect(await w.item()).toBe(-1.25)
  expect(optimizer.lr).toBe(0.25)
  expect(traces).toBe(1)
})

test('continues exactly from its saved state', async () => {
  const run = async (pause: boolean) => {
    let [w] = pair()
    let optimizer = new optim.Adam({ w }, { lr: 0.1, amsgrad: true })
    for (let i = 0; i < 6; i++) {
      if (pause && i === 3) {
        const [saved, states] = [await w.data(), optimizer.stateDict()]
        w = variable(tensor(saved), true)
        optimizer = new optim.Adam({ w }, { lr: 0.1, amsgrad: true })
        optimizer.loadStateDict(states)
      }
      const loss = w
        .mul(w)
        .mul(tensor([1, 3]))
        .sum()
      optimizer.step(grad(loss, [w]))
      await loss.item()
    }
    expect(Object.keys(optimizer.stateDict())).toEqual([
      'step',
      'exp_avg.w',
      'exp_avg_sq.w',
      'max_exp_avg_sq.w',
    ])
    return [...(await w.data())]
  }
  expect(await run(true)).toEqual(await run(false))
})

test.each([
  [
    'no parameters',
    () => new optim.SGD([], { lr: 1 }),
    /SGD: expected at least one parameter, got none/,
  ],
  [
    'a negative rate',
    () => optim.adam({ lr: -1 })(pair()),
    /Adam: expected a learning rate ≥ 0, got lr = -1/,
  ],
  ['a rate that is no number', () => optim.sgd({ lr: Number.NaN })(pair()), /lr = NaN/],
  ['Nesterov without momentum', () => optim.sgd({ lr: 1, nesterov: true })(pair()), /momentum > 0/],
  ['betas', () => optim.adam({ betas: [0.9, 1] })(pair()), /betas\[1\] = 1/],
  ['negative decay', () => optim.adamw({ weightDecay: -1 })(pair()), /AdamW: .*weightDecay = -1/],
  ['an ordinary tensor', () => optim.sgd({ lr: 1 })([zeros([2])]), /no state of f32/],
  [
    'too few gradients',
    () =>
      optim
        .sgd({ lr: 1 })(pair())
        .step([zeros([2])]),
    /got 1 gradients/,
  ],
  [
    'a gradient of another shape',
    () =>
      optim
        .sgd({ lr: 1 })(pair())
        .step([zeros([2]), zeros([2])]),
    /SGD\.step \(1\): expected the parameter's shape \[1\], got a gradient \[2\]/,
  ],
])('refuses %s', (_, body, message) => {
  expect(body).toThrow(message)
})

describe('XOR is learnt', () => {
  const x = tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])
  const y = tensor([[0], [1], [1], [0]])

  test.each(['eager', 'compiled'] as const)('%s', async (mode) => {
    manualSeed(3)
    const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1))
    const optimizer = optim.adam({ lr: 0.05 })(model)
    const body = (x: Tensor, y: Tensor) => {
      const loss = nn.mse(model.forward(x), y)
      optimizer.step(grad(loss, model.parameters()))
      return loss
    }
    const step = mode === 'compiled' ? compile(body) : body
    const first = await step(x, y).item()
    for (let i = 0; i < 150; i++) await step(x, y).item()
    expect(first).toBeGreaterThan(0.1)
    expect(await nn.mse(model.forward(x), y).item()).toBeLessThan(0.01)
  })
})
