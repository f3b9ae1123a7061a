import { ReLU } from '../nn/activations/activation-layers.ts'
import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d } from '../nn/convolution/conv.ts'
import { Dropout } from '../nn/dropout/dropout-layers.ts'
import { kaimingNormal, normal, zeros } from '../nn/init/init.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import { BatchNorm2d } from '../nn/normalization/batchnorm.ts'
import { AdaptiveAvgPool2d } from '../nn/pooling/adaptive-pool.ts'
import { MaxPool2d } from '../nn/pooling/pool.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

/** Filters of the 3 × 3 convolutions between two pools, by the number of layers with weights. */
const plans = {
  11: [[64], [128], [256, 256], [512, 512], [512, 512]],
  13: [
    [64, 64],
    [128, 128],
    [256, 256],
    [512, 512],
    [512, 512],
  ],
  16: [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ],
  19: [
    [64, 64],
    [128, 128],
    [256, 256, 256, 256],
    [512, 512, 512, 512],
    [512, 512, 512, 512],
  ],
} as const

export type VggDepth = keyof typeof plans

export interface VggOptions {
  /** Whether batch normalisation follows each convolution (default false). */
  readonly batchNorm?: boolean
  /** Share of the hidden units that each training step leaves out (default ½). */
  readonly dropout?: number
}

/**
 * VGG of 11, 13, 16 or 19 layers: 3 × 3 convolutions in five blocks that end in a pool, then three
 * linear layers; x [N, C, H, W] of 224 × 224 (at least 32 × 32) → scores [N, classes]. VGG-16 has
 * 138,357,544 parameters for 3 channels and 1000 classes; states are named as torchvision's.
 *
 * Source: Simonyan and Zisserman, “Very deep convolutional networks for large-scale image
 * recognition”, 2014.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class VGG extends Module {
  readonly features: Sequential
  readonly avgpool = new AdaptiveAvgPool2d(7)
  readonly classifier: Sequential

  constructor({ inputShape, classes }: ModelSizes, depth: VggDepth, options: VggOptions = {}) {
    super()
    const { batchNorm = false, dropout = 0.5 } = options
    let channels = channelsOf('VGG', inputShape, 32)
    const layers = plans[depth].flatMap((block) => {
      const convolutions = block.flatMap((filters) => {
        const conv = begin(new Conv2d(channels, filters, 3, { padding: 1 }))
        channels = filters
        return [conv, ...(batchNorm ? [new BatchNorm2d(filters)] : []), new ReLU()]
      })
      return [...convolutions, new MaxPool2d(2)]
    })
    this.features = new Sequential(...layers)
    this.classifier = new Sequential(
      begin(new Linear(512 * 7 * 7, 4096)),
      new ReLU(),
      new Dropout(dropout),
      begin(new Linear(4096, 4096)),
      new ReLU(),
      new Dropout(dropout),
      begin(new Linear(4096, classes)),
    )
  }

  forward(x: Tensor): Tensor {
    const features = this.avgpool.forward(this.features.forward(x))
    return this.classifier.forward(features.flatten(1))
  }
}

/** Weights by He's rule for convolutions, N(0, 0.01²) for linear layers; biases 0. */
function begin<L extends Conv2d | Linear>(layer: L): L {
  const { shape } = layer.weight
  const isConv = layer instanceof Conv2d
  layer.weight.assign(
    isConv
      ? kaimingNormal(shape, { mode: 'fanOut', nonlinearity: 'relu' })
      : normal(shape, 0, 0.01),
  )
  layer.bias?.assign(zeros(layer.bias.shape))
  return layer
}
