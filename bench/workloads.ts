import { compile, conv2d, grad, manualSeed, nn, optim, Tensor, variable } from '../src/index.ts'

/** Something to time: floating-point operations of one call, and how to set it up on the present backend. */
export interface Workload {
  readonly name: string
  /** Multiplications and additions of the contractions in one call; 0 where overhead is the point. */
  readonly flops: number
  /** One call; a short one is called often before it is waited for. */
  prepare(): () => unknown
}

function noise(shape: readonly number[], scale: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return Tensor.of(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898) * scale),
    shape,
    'f32',
  )
}

function classes(n: number, count: number): Tensor {
  return Tensor.of(
    Int32Array.from({ length: n }, (_, i) => (i * 7) % count),
    [n],
    'i32',
  )
}

function gemm(m: number, k: number, n: number): Workload {
  return {
    name: m === k && k === n ? `GEMM ${m}` : `GEMM ${m}×${k}×${n}`,
    flops: 2 * m * k * n,
    prepare() {
      const [a, b] = [noise([m, k], 1), noise([k, n], 1)]
      const product = compile((x: Tensor, y: Tensor) => x.matmul(y))
      return () => product(a, b)
    },
  }
}

const CONVOLUTION = 2 * 16 * 64 * 56 * 56 * 64 * 9

const convolutions: readonly Workload[] = [
  {
    name: 'conv 3×3 N16 C64 H56 K64 forward',
    flops: CONVOLUTION,
    prepare() {
      const [x, w] = [noise([16, 64, 56, 56], 1), noise([64, 64, 3, 3], 0.1)]
      const forward = compile((a: Tensor, b: Tensor) => conv2d(a, b, undefined, { padding: 1 }))
      return () => forward(x, w)
    },
  },
  {
    name: 'conv 3×3 N16 C64 H56 K64 forward + backward',
    flops: 3 * CONVOLUTION,
    prepare() {
      const x = variable(noise([16, 64, 56, 56], 1), true)
      const w = variable(noise([64, 64, 3, 3], 0.1), true)
      const g = noise([16, 64, 56, 56], 1)
      const both = compile((seed: Tensor) => {
        const y = conv2d(x, w, undefined, { padding: 1 })
        return grad(y.mul(seed).sum(), [x, w])
      })
      return () => both(g)
    },
  },
]

interface Training {
  readonly name: string
  readonly flops: number
  readonly model: () => nn.Module
  readonly optimizer: (parameters: readonly Tensor[]) => optim.Optimizer
  readonly input: readonly number[]
  readonly classes: number
}

function training({ name, flops, model, optimizer, input, classes: count }: Training): Workload {
  return {
    name,
    flops,
    prepare() {
      manualSeed(1)
      const network = model()
      const update = optimizer(network.parameters())
      const step = compile((x: Tensor, y: Tensor) => {
        const loss = nn.crossEntropy(network.forward(x), y)
        update.step(grad(loss, network.parameters()))
        return loss
      })
      const [x, y] = [noise(input, 1), classes(input[0]!, count)]
      return () => step(x, y)
    },
  }
}

const mlp = (sizes: readonly number[]) => () =>
  new nn.Sequential(
    ...sizes.slice(1).flatMap((size, i) => {
      const linear = new nn.Linear(sizes[i]!, size)
      return i + 2 < sizes.length ? [linear, new nn.ReLU()] : [linear]
    }),
  )

const lenet = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 20, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(20, 50, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(800, 500),
    new nn.ReLU(),
    new nn.Linear(500, 10),
  )

/** Forward, weight gradient, and input gradient of all layers but the first. */
const lenetFlops = 64 * 2 * (2 * 288_000 + 3 * 1_600_000 + 3 * 400_000 + 3 * 5_000)

const trainings: readonly Training[] = [
  {
    name: 'train MLP 2-8-8-2, batch 10, SGD',
    flops: 0,
    model: mlp([2, 8, 8, 2]),
    optimizer: optim.sgd({ lr: 0.1 }),
    input: [10, 2],
    classes: 2,
  },
  {
    name: 'train MLP 784-1568-10, batch 128, SGD momentum',
    flops: 128 * 2 * (2 * 784 * 1568 + 3 * 1568 * 10),
    model: mlp([784, 1568, 10]),
    optimizer: optim.sgd({ lr: 0.01, momentum: 0.9 }),
    input: [128, 784],
    classes: 10,
  },
  {
    name: 'train LeNet 20-50-500, batch 64, Adam',
    flops: lenetFlops,
    model: lenet,
    optimizer: optim.adam({ lr: 0.001 }),
    input: [64, 1, 28, 28],
    classes: 10,
  },
]

export const workloads: readonly Workload[] = [
  ...[250, 255, 256, 512, 1000, 1024, 2048].map((n) => gemm(n, n, n)),
  ...convolutions,
  ...trainings.map(training),
]
