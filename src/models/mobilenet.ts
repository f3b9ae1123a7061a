import { ReLU6 } from '../nn/activations/activation-layers.ts'
import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d } from '../nn/convolution/conv.ts'
import { Dropout } from '../nn/dropout/dropout-layers.ts'
import { kaimingNormal, normal, zeros } from '../nn/init/init.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import { BatchNorm2d } from '../nn/normalization/batchnorm.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

function conv(from: number, to: number, kernel: number, stride = 1, groups = 1): Conv2d {
  const padding = (kernel - 1) / 2
  const layer = new Conv2d(from, to, kernel, { stride, padding, groups, bias: false })
  layer.weight.assign(kaimingNormal(layer.weight.shape, { mode: 'fanOut', nonlinearity: 'relu' }))
  return layer
}

/** A convolution, batch normalisation, and ReLU up to 6. */
const convBnRelu = (from: number, to: number, kernel: number, stride = 1, groups = 1) =>
  new Sequential(conv(from, to, kernel, stride, groups), new BatchNorm2d(to), new ReLU6())

/**
 * To `expand` times as many channels, through a depthwise 3 × 3 convolution, and back to few without a
 * nonlinearity; added to the input where the shape stays.
 */
class InvertedResidual extends Module {
  readonly conv: Sequential
  private readonly adds: boolean

  constructor(from: number, to: number, stride: number, expand: number) {
    super()
    const many = from * expand
    this.adds = stride === 1 && from === to
    this.conv = new Sequential(
      ...(expand === 1 ? [] : [convBnRelu(from, many, 1)]),
      convBnRelu(many, many, 3, stride, many),
      conv(many, to, 1),
      new BatchNorm2d(to),
    )
  }

  forward(x: Tensor): Tensor {
    const y = this.conv.forward(x)
    return this.adds ? y.add(x) : y
  }
}

/** Of each group of blocks: how much they expand, channels, blocks, stride of the first. */
const plan = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const

/**
 * MobileNetV2: inverted residuals with linear bottlenecks; x [N, C, H, W] of 224 × 224 (at least
 * 32 × 32) → scores [N, classes]. 3,504,872 parameters for 3 channels and 1000 classes; states are
 * named as torchvision's.
 *
 * Source: Sandler et al., “MobileNetV2: inverted residuals and linear bottlenecks”, 2018.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class MobileNetV2 extends Module {
  readonly features: Sequential
  readonly classifier: Sequential

  constructor({ inputShape, classes }: ModelSizes) {
    super()
    let from = 32
    const blocks = plan.flatMap(([expand, to, count, stride]) =>
      Array.from({ length: count }, (_, i) => {
        const block = new InvertedResidual(from, to, i === 0 ? stride : 1, expand)
        from = to
        return block
      }),
    )
    this.features = new Sequential(
      convBnRelu(channelsOf('MobileNetV2', inputShape, 32), 32, 3, 2),
      ...blocks,
      convBnRelu(from, 1280, 1),
    )
    const last = new Linear(1280, classes)
    last.weight.assign(normal(last.weight.shape, 0, 0.01))
    last.bias!.assign(zeros([classes]))
    this.classifier = new Sequential(new Dropout(0.2), last)
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).mean([2, 3]))
  }
}
