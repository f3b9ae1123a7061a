import { cat, embedding, nn, type Tensor, zeros } from '../src/index.ts'
import type { ModelSpec } from './workloads/workload.ts'

/**
 * The networks of the benchmark, parameter by parameter in the order of torchvision's
 * (`peers/python/models.py` has the same). Dropout is left out everywhere, so that results agree.
 */

const { Sequential, Conv2d, Linear, ReLU, MaxPool2d, AdaptiveAvgPool2d, Flatten } = nn

function mlp(sizes: readonly number[]): nn.Module {
  const layers = sizes.slice(1).map((size, i) => new Linear(sizes[i]!, size))
  return new Sequential(...layers.flatMap((layer, i) => (i === 0 ? [layer] : [new ReLU(), layer])))
}

const lenet = (): nn.Module =>
  new Sequential(
    new Conv2d(1, 20, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(20, 50, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(800, 500),
    new ReLU(),
    new Linear(500, 10),
  )

/** Pairs of 3 × 3 convolutions with batch norm, each pair halved by a pool; for 3 × 32 × 32. */
function vgg(): nn.Module {
  const widths = [32, 32, 64, 64, 128, 128]
  const blocks = widths.flatMap((width, i) => [
    new Conv2d(widths[i - 1] ?? 3, width, 3, { padding: 1 }),
    new nn.BatchNorm2d(width),
    new ReLU(),
    ...(i % 2 ? [new MaxPool2d(2)] : []),
  ])
  return new Sequential(...blocks, new Flatten(), new Linear(128 * 4 * 4, 10))
}

const alexnet = (): nn.Module =>
  new Sequential(
    new Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(64, 192, 5, { padding: 2 }),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
    new Conv2d(192, 384, 3, { padding: 1 }),
    new ReLU(),
    new Conv2d(384, 256, 3, { padding: 1 }),
    new ReLU(),
    new Conv2d(256, 256, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
    new AdaptiveAvgPool2d(6),
    new Flatten(),
    new Linear(256 * 6 * 6, 4096),
    new ReLU(),
    new Linear(4096, 4096),
    new ReLU(),
    new Linear(4096, 1000),
  )

/** Two 3 × 3 convolutions beside a shortcut, which is a 1 × 1 convolution where the shape changes. */
class ResidualBlock extends nn.Module {
  readonly conv1: nn.Conv2d
  readonly bn1: nn.BatchNorm2d
  readonly conv2: nn.Conv2d
  readonly bn2: nn.BatchNorm2d
  readonly downsample: nn.Sequential | undefined

  constructor(from: number, to: number, stride: number) {
    super()
    this.conv1 = new Conv2d(from, to, 3, { stride, padding: 1, bias: false })
    this.bn1 = new nn.BatchNorm2d(to)
    this.conv2 = new Conv2d(to, to, 3, { padding: 1, bias: false })
    this.bn2 = new nn.BatchNorm2d(to)
    this.downsample =
      from === to
        ? undefined
        : new Sequential(new Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to))
  }

  forward(x: Tensor): Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu()
    const shortcut = this.downsample ? this.downsample.forward(x) : x
    return this.bn2.forward(this.conv2.forward(inner)).add(shortcut).relu()
  }
}

function resnet18(): nn.Module {
  const widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
  const blocks = widths.slice(1).map((to, i) => {
    const from = widths[i]!
    return new ResidualBlock(from, to, from === to ? 1 : 2)
  })
  return new Sequential(
    new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false }),
    new nn.BatchNorm2d(64),
    new ReLU(),
    new MaxPool2d(3, { stride: 2, padding: 1 }),
    ...blocks,
    new AdaptiveAvgPool2d(1),
    new Flatten(),
    new Linear(512, 1000),
  )
}

/** A 1 × 1 convolution to few channels, from there a 1 × 1 and a 3 × 3 one, side by side. */
class Fire extends nn.Module {
  readonly squeeze: nn.Conv2d
  readonly expand1x1: nn.Conv2d
  readonly expand3x3: nn.Conv2d

  constructor(from: number, middle: number, to: number) {
    super()
    this.squeeze = new Conv2d(from, middle, 1)
    this.expand1x1 = new Conv2d(middle, to, 1)
    this.expand3x3 = new Conv2d(middle, to, 3, { padding: 1 })
  }

  forward(x: Tensor): Tensor {
    const few = this.squeeze.forward(x).relu()
    return cat([this.expand1x1.forward(few).relu(), this.expand3x3.forward(few).relu()], 1)
  }
}

const squeezenet = (): nn.Module =>
  new Sequential(
    new Conv2d(3, 64, 3, { stride: 2 }),
    new ReLU(),
    new MaxPool2d(3, { stride: 2 }),
    new Fire(64, 16, 64),
    new Fire(128, 16, 64),
    new MaxPool2d(3, { stride: 2 }),
    new Fire(128, 32, 128),
    new Fire(256, 32, 128),
    new MaxPool2d(3, { stride: 2 }),
    new Fire(256, 48, 192),
    new Fire(384, 48, 192),
    new Fire(384, 64, 256),
    new Fire(512, 64, 256),
    new Conv2d(512, 1000, 1),
    new ReLU(),
    new AdaptiveAvgPool2d(1),
    new Flatten(),
  )

/** Embedding, LSTM, and scores for the token that follows each of [batch, T]. */
class CharLstm extends nn.Module {
  readonly table: Tensor
  readonly lstm: nn.LSTM
  readonly out: nn.Linear

  constructor(alphabet: number, hidden: number) {
    super()
    this.table = nn.parameter(nn.init.normal([alphabet, hidden]))
    this.lstm = new nn.LSTM(hidden, hidden, { batchFirst: true })
    this.out = new Linear(hidden, alphabet)
  }

  forward(tokens: Tensor): Tensor {
    const { output } = this.lstm.forward(embedding(tokens, this.table))
    return this.out.forward(output).flatten(0, 1)
  }
}

const networks = { lenet, vgg, alexnet, resnet18, squeezenet }

export function buildModel(spec: ModelSpec): nn.Module {
  if (spec.name === 'charlstm') return new CharLstm(spec.alphabet, spec.hidden)
  return spec.name === 'mlp' ? mlp(spec.sizes) : networks[spec.name]()
}

/**
 * Multiplications and additions of a network's convolutions and linear layers: of all in a forward
 * pass, and of the first one alone, whose input needs no gradient. Nothing is computed.
 */
export function contractionFlops(
  spec: ModelSpec,
  input: readonly number[],
): { readonly all: number; readonly first: number } {
  if (spec.name === 'charlstm') {
    const { alphabet, hidden } = spec
    const tokens = input.reduce((a, b) => a * b, 1)
    const first = 2 * tokens * 4 * hidden * hidden
    // The embedding's gradient is a sum of rows.
    return { all: 2 * first + 2 * tokens * hidden * alphabet, first: 0 }
  }
  const model = buildModel(spec)
  const found: number[] = []
  for (const layer of model.modules()) {
    if (!(layer instanceof Conv2d || layer instanceof Linear)) continue
    const { weight } = layer
    const forward = layer.forward.bind(layer)
    layer.forward = (x) => {
      const y = forward(x)
      found.push((2 * y.size * weight.size) / weight.shape[0]!)
      return y
    }
  }
  model.forward(zeros(input))
  return { all: found.reduce((a, b) => a + b, 0), first: found[0]! }
}
