import { compile, grad, nn, optim, Tensor } from '../../src/index.ts'
import { classes, parameterValues, tokens as tokensOf } from '../inputs.ts'
import { buildModel, contractionFlops } from '../models.ts'
import type { Stopwatch } from '../statistics.ts'
import { input } from './input.ts'
import type { ModelSpec, OptimizerSpec, Prepared, Spec, Workload } from './workload.ts'

type Training = Omit<Extract<Spec, { kind: 'training' }>, 'kind'>
type Inference = Omit<Extract<Spec, { kind: 'inference' }>, 'kind'>

/**
 * A network as its builder leaves it, ready to compute (that counts as part of the first call), and
 * then with the weights that all contestants share (that does not).
 */
async function network(spec: ModelSpec, first: Stopwatch): Promise<nn.Module> {
  const model = await first.count(async () => {
    const built = buildModel(spec)
    await built.parameters()[0]!.data()
    return built
  })
  for (const [i, [name, parameter]] of Object.entries(model.namedParameters()).entries()) {
    await parameter.load(parameterValues(name, parameter.shape, i))
  }
  return model
}

function optimizerOf(spec: OptimizerSpec, model: nn.Module): optim.Optimizer {
  if (spec.name === 'adam') return new optim.Adam(model.parameters(), { lr: spec.lr })
  return new optim.SGD(model.parameters(), { lr: spec.lr, momentum: spec.momentum })
}

/** Inputs and targets: one target an example, or one a token. */
function batchOf({ model, input: shape, classes: count }: Training): [Tensor, Tensor] {
  const tokens = model.name === 'charlstm'
  const n = tokens ? shape[0]! * shape[1]! : shape[0]!
  const targets = Tensor.of(classes(n, count), [n], 'i32')
  return [tokens ? Tensor.of(tokensOf(n, count), shape, 'i32') : input(shape), targets]
}

async function prepareTraining(spec: Training, first: Stopwatch): Promise<Prepared> {
  const model = await network(spec.model, first)
  const [x, y] = batchOf(spec)
  const step = await first.count(() => {
    const optimizer = optimizerOf(spec.optimizer, model)
    return compile((batch: Tensor, target: Tensor) => {
      const loss = nn.crossEntropy(model.forward(batch), target)
      optimizer.step(grad(loss, model.parameters()))
      return loss
    })
  })
  return { call: () => step(x, y), compared: spec.steps }
}

async function prepareInference(spec: Inference, first: Stopwatch): Promise<Prepared> {
  const model = (await network(spec.model, first)).eval()
  const x = input(spec.input)
  const run = compile((image: Tensor) => model.forward(image))
  return { call: () => run(x) }
}

function training(name: string, spec: Training, countFlops = true): Workload {
  return {
    name: `train ${name}`,
    spec: { kind: 'training', ...spec },
    // Counted when asked for: a player that builds networks besides its own would initialise them.
    get flops() {
      const { all, first } = contractionFlops(spec.model, spec.input)
      // Forward, the weights' gradient, and the input's gradient of all layers but the first.
      return countFlops ? 3 * all - first : 0
    },
    bytes: 0,
    // Differences of rounding grow from step to step.
    tolerance: 1e-3,
    prepare: (watch) => prepareTraining(spec, watch),
  }
}

function inference(name: string, model: ModelSpec): Workload {
  const spec: Inference = { model, input: [1, 3, 224, 224] }
  return {
    name: `infer ${name}, batch 1`,
    spec: { kind: 'inference', ...spec },
    get flops() {
      return contractionFlops(model, spec.input).all
    },
    bytes: 0,
    tolerance: 1e-3,
    prepare: (watch) => prepareInference(spec, watch),
  }
}

const sgd = (lr: number, momentum = 0) => ({ name: 'sgd', lr, momentum }) as const
const adam = (lr: number) => ({ name: 'adam', lr }) as const
const mlp = (...sizes: number[]): ModelSpec => ({ name: 'mlp', sizes })
const steps = 5

export const trainings: readonly Workload[] = [
  training(
    'MLP 2-8-8-2, batch 10, SGD',
    { model: mlp(2, 8, 8, 2), optimizer: sgd(0.1), input: [10, 2], classes: 2, steps },
    false,
  ),
  training(
    'MLP 784-10-10, batch 32, SGD',
    { model: mlp(784, 10, 10), optimizer: sgd(0.01), input: [32, 784], classes: 10, steps },
    false,
  ),
  training('MLP 784-1568-10, batch 128, SGD momentum', {
    model: mlp(784, 1568, 10),
    optimizer: sgd(0.01, 0.9),
    input: [128, 784],
    classes: 10,
    steps,
  }),
  training('LeNet 20-50-500, batch 64, Adam', {
    model: { name: 'lenet' },
    // Faster learning would soon leave gradients whose squares are denormal, and slow to compute.
    optimizer: adam(0.0001),
    input: [64, 1, 28, 28],
    classes: 10,
    steps,
  }),
  training('VGG-like 3×32×32, batch 64, SGD momentum', {
    model: { name: 'vgg' },
    optimizer: sgd(0.01, 0.9),
    input: [64, 3, 32, 32],
    classes: 10,
    steps,
  }),
  training('char LSTM h256 T64, batch 32, Adam', {
    model: { name: 'charlstm', alphabet: 65, hidden: 256 },
    optimizer: adam(0.001),
    input: [32, 64],
    classes: 65,
    steps,
  }),
  training('AlexNet without dropout, batch 32, SGD momentum', {
    model: { name: 'alexnet' },
    optimizer: sgd(0.001, 0.9),
    input: [32, 3, 224, 224],
    classes: 1000,
    steps: 3,
  }),
  training('ResNet-18, batch 8, SGD momentum', {
    model: { name: 'resnet18' },
    optimizer: sgd(0.01, 0.9),
    input: [8, 3, 224, 224],
    classes: 1000,
    steps: 3,
  }),
]

export const inferences: readonly Workload[] = [
  inference('AlexNet', { name: 'alexnet' }),
  inference('ResNet-18', { name: 'resnet18' }),
  inference('SqueezeNet 1.1', { name: 'squeezenet' }),
]
