import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d } from '../nn/convolution/conv.ts'
import { kaimingNormal } from '../nn/init/init.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import { BatchNorm2d } from '../nn/normalization/batchnorm.ts'
import { MaxPool2d } from '../nn/pooling/pool.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

/** A convolution without a bias, since batch normalisation follows; He's rule for what goes backward. */
function conv(from: number, to: number, kernel: number, stride = 1): Conv2d {
  const padding = (kernel - 1) / 2
  const layer = new Conv2d(from, to, kernel, { stride, padding, bias: false })
  layer.weight.assign(kaimingNormal(layer.weight.shape, { mode: 'fanOut', nonlinearity: 'relu' }))
  return layer
}

/** A 1 × 1 convolution where a block changes the shape of what it adds to. */
function shortcut(from: number, to: number, stride: number): Sequential | undefined {
  if (from === to && stride === 1) return undefined
  return new Sequential(conv(from, to, 1, stride), new BatchNorm2d(to))
}

/** Two 3 × 3 convolutions beside a shortcut. */
class BasicBlock extends Module {
  static readonly expansion = 1
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly downsample: Sequential | undefined

  constructor(from: number, width: number, stride: number) {
    super()
    this.conv1 = conv(from, width, 3, stride)
    this.bn1 = new BatchNorm2d(width)
    this.conv2 = conv(width, width, 3)
    this.bn2 = new BatchNorm2d(width)
    this.downsample = shortcut(from, width, stride)
  }

  forward(x: Tensor): Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x)).relu()
    const outer = this.bn2.forward(this.conv2.forward(inner))
    return outer.add(this.downsample?.forward(x) ?? x).relu()
  }
}

/** A 3 × 3 convolution between two of 1 × 1, to fewer channels and back to more; the stride is its own. */
class Bottleneck extends Module {
  static readonly expansion = 4
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly conv3: Conv2d
  readonly bn3: BatchNorm2d
  readonly downsample: Sequential | undefined

  constructor(from: number, width: number, stride: number) {
    super()
    const to = width * Bottleneck.expansion
    this.conv1 = conv(from, width, 1)
    this.bn1 = new BatchNorm2d(width)
    this.conv2 = conv(width, width, 3, stride)
    this.bn2 = new BatchNorm2d(width)
    this.conv3 = conv(width, to, 1)
    this.bn3 = new BatchNorm2d(to)
    this.downsample = shortcut(from, to, stride)
  }

  forward(x: Tensor): Tensor {
    const narrow = this.bn1.forward(this.conv1.forward(x)).relu()
    const inner = this.bn2.forward(this.conv2.forward(narrow)).relu()
    const outer = this.bn3.forward(this.conv3.forward(inner))
    return outer.add(this.downsample?.forward(x) ?? x).relu()
  }
}

/** The kind of block, and how many there are at each of four resolutions. */
const plans = {
  18: [BasicBlock, [2, 2, 2, 2]],
  34: [BasicBlock, [3, 4, 6, 3]],
  50: [Bottleneck, [3, 4, 6, 3]],
  101: [Bottleneck, [3, 4, 23, 3]],
  152: [Bottleneck, [3, 8, 36, 3]],
} as const

export type ResNetDepth = keyof typeof plans

/**
 * A residual network of 18, 34, 50, 101 or 152 layers: blocks that learn what to add to their input;
 * x [N, C, H, W] of 224 × 224 (at least 32 × 32) → scores [N, classes]. ResNet-18 has 11,689,512
 * parameters for 3 channels and 1000 classes, ResNet-50 25,557,032; states are named as torchvision's.
 *
 * Source: He et al., “Deep residual learning for image recognition”, 2015; the stride of bottlenecks
 * in their 3 × 3 convolution, as torchvision has it.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class ResNet extends Module {
  readonly conv1: Conv2d
  readonly bn1 = new BatchNorm2d(64)
  readonly maxpool = new MaxPool2d(3, { stride: 2, padding: 1 })
  readonly layer1: Sequential
  readonly layer2: Sequential
  readonly layer3: Sequential
  readonly layer4: Sequential
  readonly fc: Linear

  constructor({ inputShape, classes }: ModelSizes, depth: ResNetDepth) {
    super()
    this.conv1 = conv(channelsOf('ResNet', inputShape, 32), 64, 7, 2)
    const [Block, counts] = plans[depth]
    let from = 64
    const [layer1, layer2, layer3, layer4] = counts.map((count, i) => {
      const width = 64 * 2 ** i
      const blocks = Array.from({ length: count }, (_, j) => {
        const block = new Block(from, width, i > 0 && j === 0 ? 2 : 1)
        from = width * Block.expansion
        return block
      })
      return new Sequential(...blocks)
    }) as [Sequential, Sequential, Sequential, Sequential]
    this.layer1 = layer1
    this.layer2 = layer2
    this.layer3 = layer3
    this.layer4 = layer4
    this.fc = new Linear(from, classes)
  }

  forward(x: Tensor): Tensor {
    const first = this.maxpool.forward(this.bn1.forward(this.conv1.forward(x)).relu())
    const blocks = [this.layer1, this.layer2, this.layer3, this.layer4]
    const features = blocks.reduce((y, block) => block.forward(y), first)
    return this.fc.forward(features.mean([2, 3]))
  }
}
