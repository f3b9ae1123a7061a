import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d } from '../nn/convolution/conv.ts'
import { Dropout } from '../nn/dropout/dropout-layers.ts'
import { Module } from '../nn/module/module.ts'
import { BatchNorm2d } from '../nn/normalization/batchnorm.ts'
import { ZeroPad2d } from '../nn/shape/pad.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

export interface MobileNetV1Options {
  /** Channels of each layer, as a share of the full network's (default 1). */
  readonly width?: 0.25 | 0.5 | 0.75 | 1
}

/** A convolution, batch normalisation, and ReLU up to 6. With stride 2, zeros stand right and below, as in TensorFlow. */
class ConvBlock extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNorm2d
  private readonly frame: ZeroPad2d | undefined

  constructor(from: number, to: number, kernel: number, stride = 1, groups = 1) {
    super()
    this.frame = stride === 2 ? new ZeroPad2d([0, 1, 0, 1]) : undefined
    const padding = this.frame ? 0 : (kernel - 1) / 2
    this.conv = new Conv2d(from, to, kernel, { stride, padding, groups, bias: false })
    this.bn = new BatchNorm2d(to, { eps: 0.001, momentum: 0.01 })
  }

  forward(x: Tensor): Tensor {
    const framed = this.frame?.forward(x) ?? x
    return this.bn.forward(this.conv.forward(framed)).clamp(0, 6)
  }
}

/** A 3 × 3 convolution of each channel by itself, then a 1 × 1 convolution. */
class Separable extends Module {
  readonly depthwise: ConvBlock
  readonly pointwise: ConvBlock

  constructor(from: number, to: number, stride: number) {
    super()
    this.depthwise = new ConvBlock(from, from, 3, stride, from)
    this.pointwise = new ConvBlock(from, to, 1)
  }

  forward(x: Tensor): Tensor {
    return this.pointwise.forward(this.depthwise.forward(x))
  }
}

/** Channels and stride of each block. */
const plan = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const

/**
 * MobileNet (the first): depthwise separable convolutions; x [N, C, H, W] of 224 × 224 (at least
 * 32 × 32) → scores [N, classes]. 4,231,976 parameters for 3 channels and 1000 classes at the full
 * width, 470,072 at a quarter of it; layers as in Keras.
 *
 * Source: Howard et al., “MobileNets: efficient convolutional neural networks for mobile vision
 * applications”, 2017.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class MobileNetV1 extends Module {
  readonly stem: ConvBlock
  readonly blocks: Sequential
  readonly classifier: Sequential

  constructor({ inputShape, classes }: ModelSizes, { width = 1 }: MobileNetV1Options = {}) {
    super()
    const channels = channelsOf('MobileNetV1', inputShape, 32)
    let from = 32 * width
    this.stem = new ConvBlock(channels, from, 3, 2)
    const blocks = plan.map(([to, stride]) => {
      const block = new Separable(from, to * width, stride)
      from = to * width
      return block
    })
    this.blocks = new Sequential(...blocks)
    this.classifier = new Sequential(new Dropout(0.001), new Conv2d(from, classes, 1))
  }

  forward(x: Tensor): Tensor {
    const features = this.blocks.forward(this.stem.forward(x)).mean([2, 3], true)
    return this.classifier.forward(features).flatten(1)
  }
}
