import { nn, type Tensor, tensor } from '../../../src/index.ts'
import { type Inputs, NotSupported } from '../reading.ts'
import type { Procedures } from '../rows.ts'
import { optimizers } from './optim.ts'

/** Initial weights by PyTorch's names. */
type Weights = ReadonlyMap<string, Tensor>

const shape = (weights: Weights, name: string): readonly number[] => weights.get(name)?.shape ?? []

function conv(weights: Weights, name: string, padding = 0): nn.Conv2d {
  const [out, within, ...kernel] = shape(weights, `${name}.weight`)
  return new nn.Conv2d(within!, out!, kernel, { padding })
}

function linear(weights: Weights, name: string): nn.Linear {
  const [out, within] = shape(weights, `${name}.weight`)
  return new nn.Linear(within!, out!)
}

const channels = (weights: Weights, name: string): number => shape(weights, `${name}.weight`)[0]!

/** h = relu(a(x)); h = relu(h + n(b(h))); f(mean of h over H, W). */
class Residual extends nn.Module {
  readonly a: nn.Conv2d
  readonly b: nn.Conv2d
  readonly n: nn.BatchNorm2d
  readonly f: nn.Linear

  constructor(weights: Weights) {
    super()
    this.a = conv(weights, 'a', 1)
    this.b = conv(weights, 'b', 1)
    this.n = new nn.BatchNorm2d(channels(weights, 'n'))
    this.f = linear(weights, 'f')
  }
  forward(x: Tensor): Tensor {
    const h = this.a.forward(x).relu()
    const sum = h.add(this.n.forward(this.b.forward(h))).relu()
    return this.f.forward(sum.mean([2, 3]))
  }
}

/**
 * The mean of a batch takes away again what a bias before batch norm adds, so the bias has gradient
 * 0 but for rounding, and Adam makes full steps of that. The reference has PyTorch's rounding in it.
 */
const cancelled = {
  names: ['0.bias', '1.running_mean'],
  reason: 'batch norm cancels the bias, so Adam follows rounding noise',
}

interface Network extends nn.AnyModule {
  forward(x: Tensor): Tensor
}

/** The networks that cases describe, by the beginning of their names; sizes are the weights'. */
const networks: Readonly<Record<string, (weights: Weights) => Network>> = {
  'small LeNet': (weights) =>
    new nn.Sequential(
      conv(weights, '0'),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      conv(weights, '3'),
      new nn.ReLU(),
      new nn.Flatten(),
      linear(weights, '6'),
    ),
  'MLP with batch norm': (weights) =>
    new nn.Sequential(
      linear(weights, '0'),
      new nn.BatchNorm1d(channels(weights, '1')),
      new nn.ReLU(),
      linear(weights, '3'),
    ),
  residual: (weights) => new Residual(weights),
}

function weightsOf(inputs: Inputs): Weights {
  const named = inputs.entries().filter(([name]) => name.startsWith('param:'))
  return new Map(named.map(([name, value]) => [name.slice('param:'.length), value]))
}

function batchesOf(inputs: Inputs): [x: Tensor, y: Tensor][] {
  const batches: [Tensor, Tensor][] = []
  for (let i = 0; inputs.optional(`x${i}`); i++) {
    batches.push([inputs.get(`x${i}`), inputs.get(`y${i}`)])
  }
  return batches
}

export const trainingProcedures: Procedures = {
  train: async (inputs, args, prepare, name) => {
    const [title = ''] = name.split(':')
    if (!Object.hasOwn(networks, title)) throw new NotSupported(`network '${title}'`)
    const weights = weightsOf(inputs)
    const model = networks[title]!(weights)
    model.loadStateDict(weights)
    const rule = args.word('optimizer', ['sgd', 'adam', 'adamw'])
    const optimizer = optimizers[rule]!(model, args)
    const step = prepare((x: Tensor, y: Tensor) => {
      const loss = nn.crossEntropy(model.forward(x), y)
      loss.backward()
      optimizer.step()
      optimizer.zeroGrad()
      return loss
    })
    const batches = batchesOf(inputs)
    const losses: number[] = []
    const count = args.number('steps')
    for (let i = 0; i < count; i++) {
      const [x, y] = batches[i % batches.length]!
      losses.push(await step(x, y).item())
    }
    const final = new Map(Object.entries(model.stateDict()))
    const noisy = title === 'MLP with batch norm' && rule !== 'sgd'
    // No weight moves farther than a learning rate a step, there and here.
    const loose = { ...cancelled, tolerance: 2 * args.number('lr') * count }
    return { outputs: [tensor(losses)], final, ...(noisy ? { loose } : {}) }
  },
}
