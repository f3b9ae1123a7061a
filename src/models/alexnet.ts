import { ReLU } from '../nn/activations/activation-layers.ts'
import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d } from '../nn/convolution/conv.ts'
import { Dropout } from '../nn/dropout/dropout-layers.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import { LocalResponseNorm } from '../nn/normalization/norm-layers.ts'
import { AdaptiveAvgPool2d } from '../nn/pooling/adaptive-pool.ts'
import { MaxPool2d } from '../nn/pooling/pool.ts'
import { Flatten } from '../nn/shape/flatten.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

export interface AlexNetOptions {
  /** Share of the classifier's inputs that each training step leaves out (default ½). */
  readonly dropout?: number
}

/** Pools of 3 × 3 that overlap. */
const overlapping = () => new MaxPool2d(3, { stride: 2 })

/** Two hidden layers of 4096 units, with dropout before each. */
const classifierOf = (inputs: number, classes: number, dropout: number): Sequential =>
  new Sequential(
    new Dropout(dropout),
    new Linear(inputs, 4096),
    new ReLU(),
    new Dropout(dropout),
    new Linear(4096, 4096),
    new ReLU(),
    new Linear(4096, classes),
  )

/**
 * AlexNet in one tower, as torchvision has it: five convolutions, three linear layers; x [N, C, H, W]
 * of 224 × 224 (at least 63 × 63) → scores [N, classes]. 61,100,840 parameters for 3 channels and
 * 1000 classes; states are named as torchvision's.
 *
 * Source: Krizhevsky, “One weird trick for parallelizing convolutional neural networks”, 2014.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class AlexNet extends Module {
  readonly features: Sequential
  readonly avgpool = new AdaptiveAvgPool2d(6)
  readonly classifier: Sequential

  constructor({ inputShape, classes }: ModelSizes, { dropout = 0.5 }: AlexNetOptions = {}) {
    super()
    this.features = new Sequential(
      new Conv2d(channelsOf('AlexNet', inputShape, 63), 64, 11, { stride: 4, padding: 2 }),
      new ReLU(),
      overlapping(),
      new Conv2d(64, 192, 5, { padding: 2 }),
      new ReLU(),
      overlapping(),
      new Conv2d(192, 384, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(384, 256, 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(256, 256, 3, { padding: 1 }),
      new ReLU(),
      overlapping(),
    )
    this.classifier = classifierOf(256 * 6 * 6, classes, dropout)
  }

  forward(x: Tensor): Tensor {
    const features = this.avgpool.forward(this.features.forward(x))
    return this.classifier.forward(features.flatten(1))
  }
}

/** The normalisation over five neighbouring channels of the original. */
const normalization = () => new LocalResponseNorm(5, { alpha: 1e-4, beta: 0.75, k: 2 })

/**
 * AlexNet as it won ImageNet's contest of 2012: two groups of filters (one on each of its two
 * processors) in the second, fourth and fifth convolution, local response normalisation, overlapping
 * pools; x [N, C, 227, 227] → scores [N, classes]. 60,965,224 parameters for 3 channels and 1000
 * classes.
 *
 * Source: Krizhevsky, Sutskever, Hinton, “ImageNet classification with deep convolutional neural
 * networks”, 2012.
 *
 * @throws BrickError `shape` for what is no image.
 */
export class AlexNet2012 extends Module {
  readonly features: Sequential
  readonly avgpool = new AdaptiveAvgPool2d(6)
  readonly classifier: Sequential

  constructor({ inputShape, classes }: ModelSizes, { dropout = 0.5 }: AlexNetOptions = {}) {
    super()
    this.features = new Sequential({
      conv1: new Conv2d(channelsOf('AlexNet2012', inputShape, 67), 96, 11, { stride: 4 }),
      relu1: new ReLU(),
      norm1: normalization(),
      pool1: overlapping(),
      conv2: new Conv2d(96, 256, 5, { padding: 2, groups: 2 }),
      relu2: new ReLU(),
      norm2: normalization(),
      pool2: overlapping(),
      conv3: new Conv2d(256, 384, 3, { padding: 1 }),
      relu3: new ReLU(),
      conv4: new Conv2d(384, 384, 3, { padding: 1, groups: 2 }),
      relu4: new ReLU(),
      conv5: new Conv2d(384, 256, 3, { padding: 1, groups: 2 }),
      relu5: new ReLU(),
      pool5: overlapping(),
    })
    this.classifier = new Sequential(new Flatten(), classifierOf(256 * 6 * 6, classes, dropout))
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(x)))
  }
}
