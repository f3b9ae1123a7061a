import { ReLU } from '../nn/activations/activation-layers.ts'
import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d, type ConvOptions } from '../nn/convolution/conv.ts'
import { Dropout } from '../nn/dropout/dropout-layers.ts'
import { kaimingUniform, normal, zeros } from '../nn/init/init.ts'
import { Module } from '../nn/module/module.ts'
import { AdaptiveAvgPool2d } from '../nn/pooling/adaptive-pool.ts'
import { MaxPool2d } from '../nn/pooling/pool.ts'
import { cat } from '../tensor/functions.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

function conv(from: number, to: number, kernel: number, options: ConvOptions = {}): Conv2d {
  const layer = new Conv2d(from, to, kernel, options)
  layer.weight.assign(kaimingUniform(layer.weight.shape))
  layer.bias!.assign(zeros([to]))
  return layer
}

/** A 1 × 1 convolution to few channels, from there a 1 × 1 and a 3 × 3 one, side by side. */
class Fire extends Module {
  readonly squeeze: Conv2d
  readonly expand1x1: Conv2d
  readonly expand3x3: Conv2d

  constructor(from: number, few: number, each: number) {
    super()
    this.squeeze = conv(from, few, 1)
    this.expand1x1 = conv(few, each, 1)
    this.expand3x3 = conv(few, each, 3, { padding: 1 })
  }

  forward(x: Tensor): Tensor {
    const few = this.squeeze.forward(x).relu()
    return cat([this.expand1x1.forward(few).relu(), this.expand3x3.forward(few).relu()], 1)
  }
}

const pool = () => new MaxPool2d(3, { stride: 2, ceilMode: true })

const features = {
  '1.0': (channels: number) => [
    conv(channels, 96, 7, { stride: 2 }),
    new ReLU(),
    pool(),
    new Fire(96, 16, 64),
    new Fire(128, 16, 64),
    new Fire(128, 32, 128),
    pool(),
    new Fire(256, 32, 128),
    new Fire(256, 48, 192),
    new Fire(384, 48, 192),
    new Fire(384, 64, 256),
    pool(),
    new Fire(512, 64, 256),
  ],
  '1.1': (channels: number) => [
    conv(channels, 64, 3, { stride: 2 }),
    new ReLU(),
    pool(),
    new Fire(64, 16, 64),
    new Fire(128, 16, 64),
    pool(),
    new Fire(128, 32, 128),
    new Fire(256, 32, 128),
    pool(),
    new Fire(256, 48, 192),
    new Fire(384, 48, 192),
    new Fire(384, 64, 256),
    new Fire(512, 64, 256),
  ],
} as const

export type SqueezeNetVersion = keyof typeof features

/**
 * SqueezeNet 1.0 or 1.1: fire modules, and a convolution to the classes in place of linear layers;
 * x [N, C, H, W] of 224 × 224 (at least 21 × 21; 17 × 17 for 1.1) → scores [N, classes]. Version 1.1
 * has 1,235,496 parameters for 3 channels and 1000 classes; states are named as torchvision's.
 *
 * Source: Iandola et al., “SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
 * model size”, 2016.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class SqueezeNet extends Module {
  readonly features: Sequential
  readonly classifier: Sequential

  constructor({ inputShape, classes }: ModelSizes, version: SqueezeNetVersion = '1.1') {
    super()
    this.features = new Sequential(
      ...features[version](channelsOf('SqueezeNet', inputShape, version === '1.0' ? 21 : 17)),
    )
    const last = new Conv2d(512, classes, 1)
    last.weight.assign(normal(last.weight.shape, 0, 0.01))
    last.bias!.assign(zeros([classes]))
    this.classifier = new Sequential(new Dropout(0.5), last, new ReLU(), new AdaptiveAvgPool2d(1))
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x)).flatten(1)
  }
}
