import { Concat } from '../nn/containers/parallel.ts'
import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d, type ConvOptions } from '../nn/convolution/conv.ts'
import { Dropout } from '../nn/dropout/dropout-layers.ts'
import { truncatedNormal } from '../nn/init/init-special.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import { BatchNorm2d } from '../nn/normalization/batchnorm.ts'
import { MaxPool2d } from '../nn/pooling/pool.ts'
import { adaptiveAvgPool2d } from '../tensor/adaptive-pool.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

const drawn = (shape: readonly number[]): Tensor => truncatedNormal(shape, { std: 0.01 })

/** A convolution, batch normalisation (not in the original of 2014), ReLU. */
class BasicConv2d extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNorm2d

  constructor(from: number, to: number, kernel: number, options: ConvOptions = {}) {
    super()
    this.conv = new Conv2d(from, to, kernel, { ...options, bias: false })
    this.conv.weight.assign(drawn(this.conv.weight.shape))
    this.bn = new BatchNorm2d(to, { eps: 0.001 })
  }

  forward(x: Tensor): Tensor {
    return this.bn.forward(this.conv.forward(x)).relu()
  }
}

/** Channels of an inception module's branches; two of them first go through fewer. */
type Branches = readonly [
  one: number,
  few: number,
  three: number,
  fewest: number,
  second: number,
  pooled: number,
]

/** A 1 × 1 convolution, two of 3 × 3 behind one of 1 × 1, and a pool, side by side. */
function inception(from: number, [one, few, three, fewest, second, pooled]: Branches): Concat {
  const square = (a: number, b: number) => new BasicConv2d(a, b, 3, { padding: 1 })
  return new Concat({
    branch1: new BasicConv2d(from, one, 1),
    branch2: new Sequential(new BasicConv2d(from, few, 1), square(few, three)),
    branch3: new Sequential(new BasicConv2d(from, fewest, 1), square(fewest, second)),
    branch4: new Sequential(
      new MaxPool2d(3, { stride: 1, padding: 1, ceilMode: true }),
      new BasicConv2d(from, pooled, 1),
    ),
  })
}

/** A head in the middle, so that gradients reach the layers below. */
class AuxiliaryHead extends Module {
  readonly conv: BasicConv2d
  readonly fc1 = new Linear(2048, 1024)
  readonly fc2: Linear
  readonly dropout = new Dropout(0.7)

  constructor(from: number, classes: number) {
    super()
    this.conv = new BasicConv2d(from, 128, 1)
    this.fc2 = new Linear(1024, classes)
    for (const { weight } of [this.fc1, this.fc2]) weight.assign(drawn(weight.shape))
  }

  forward(x: Tensor): Tensor {
    const features = this.conv.forward(adaptiveAvgPool2d(x, 4)).flatten(1)
    return this.fc2.forward(this.dropout.forward(this.fc1.forward(features).relu()))
  }
}

export interface GoogLeNetOptions {
  /** Whether there are two heads in the middle, for {@link GoogLeNet.heads} (default false). */
  readonly auxiliary?: boolean
}

const halved = () => new MaxPool2d(3, { stride: 2, ceilMode: true })

/**
 * GoogLeNet (Inception v1) with batch normalisation, as torchvision has it; x [N, C, H, W] of
 * 224 × 224 (at least 32 × 32) → scores [N, classes]. 6,624,904 parameters for 3 channels and 1000
 * classes without the auxiliary heads; states are named as torchvision's.
 *
 * Source: Szegedy et al., “Going deeper with convolutions”, 2014. In torchvision's weights the third
 * branch of each module has filters of 3 × 3, not of 5 × 5.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class GoogLeNet extends Module {
  readonly conv1: BasicConv2d
  readonly maxpool1 = halved()
  readonly conv2 = new BasicConv2d(64, 64, 1)
  readonly conv3 = new BasicConv2d(64, 192, 3, { padding: 1 })
  readonly maxpool2 = halved()
  readonly inception3a = inception(192, [64, 96, 128, 16, 32, 32])
  readonly inception3b = inception(256, [128, 128, 192, 32, 96, 64])
  readonly maxpool3 = halved()
  readonly inception4a = inception(480, [192, 96, 208, 16, 48, 64])
  readonly inception4b = inception(512, [160, 112, 224, 24, 64, 64])
  readonly inception4c = inception(512, [128, 128, 256, 24, 64, 64])
  readonly inception4d = inception(512, [112, 144, 288, 32, 64, 64])
  readonly inception4e = inception(528, [256, 160, 320, 32, 128, 128])
  readonly maxpool4 = new MaxPool2d(2, { stride: 2, ceilMode: true })
  readonly inception5a = inception(832, [256, 160, 320, 32, 128, 128])
  readonly inception5b = inception(832, [384, 192, 384, 48, 128, 128])
  readonly aux1: AuxiliaryHead | undefined
  readonly aux2: AuxiliaryHead | undefined
  readonly dropout = new Dropout(0.2)
  readonly fc: Linear

  constructor({ inputShape, classes }: ModelSizes, options: GoogLeNetOptions = {}) {
    super()
    const channels = channelsOf('GoogLeNet', inputShape, 32)
    this.conv1 = new BasicConv2d(channels, 64, 7, { stride: 2, padding: 3 })
    this.aux1 = options.auxiliary ? new AuxiliaryHead(512, classes) : undefined
    this.aux2 = options.auxiliary ? new AuxiliaryHead(528, classes) : undefined
    this.fc = new Linear(1024, classes)
    this.fc.weight.assign(drawn(this.fc.weight.shape))
  }

  forward(x: Tensor): Tensor {
    return this.heads(x)[0]!
  }

  /**
   * The scores, then those of the auxiliary heads, the upper one first. In training the paper adds
   * 0.3 times the auxiliary losses.
   */
  heads(x: Tensor): Tensor[] {
    const low = this.maxpool1.forward(this.conv1.forward(x))
    const third = this.maxpool2.forward(this.conv3.forward(this.conv2.forward(low)))
    const fourth = this.maxpool3.forward(through(third, [this.inception3a, this.inception3b]))
    const first = this.inception4a.forward(fourth)
    const second = through(first, [this.inception4b, this.inception4c, this.inception4d])
    const fifth = this.maxpool4.forward(this.inception4e.forward(second))
    const features = through(fifth, [this.inception5a, this.inception5b]).mean([2, 3])
    const scores = this.fc.forward(this.dropout.forward(features))
    const others = this.aux1 ? [this.aux2!.forward(second), this.aux1.forward(first)] : []
    return [scores, ...others]
  }
}

const through = (x: Tensor, layers: readonly Module[]): Tensor =>
  layers.reduce((y, layer) => layer.forward(y), x)
