import { Conv2d } from '../nn/convolution/conv.ts'
import { Dropout } from '../nn/dropout/dropout-layers.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import { maxPool2d } from '../tensor/functions.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

interface Plan {
  readonly channels: readonly [first: number, second: number]
  readonly kernel: number
  readonly padding: number
  readonly hidden: number
  /** Share of the hidden units that each training step leaves out. */
  readonly dropout: number
}

/** For images from 16 × 16: 20 and 50 filters of 5 × 5, 500 hidden units. */
const full: Plan = { channels: [20, 50], kernel: 5, padding: 0, hidden: 500, dropout: 0 }
/** For smaller ones, such as the 8 × 8 digits. */
const small: Plan = { channels: [32, 64], kernel: 3, padding: 1, hidden: 128, dropout: 0.5 }

/**
 * LeNet, simplified: two convolutions, each with ReLU and 2 × 2 max pooling, then two linear
 * layers; x [N, C, H, W] → scores [N, classes]. Images of 16 × 16 and more get 20-50-500 with 5 × 5
 * filters (431,080 parameters for 28 × 28), smaller ones 32-64-128 with 3 × 3 filters and dropout.
 *
 * Source: LeCun, Bottou, Bengio, Haffner, “Gradient-based learning applied to document
 * recognition”, 1998; sizes as in Caffe's example.
 *
 * @throws BrickError `shape` for what is no image, or one below 4 × 4.
 * @example
 * ```ts
 * const model = new LeNet({ inputShape: [1, 28, 28], classes: 10 })
 * ```
 */
export class LeNet extends Module {
  readonly conv1: Conv2d
  readonly conv2: Conv2d
  readonly fc1: Linear
  readonly dropout: Dropout
  readonly fc2: Linear

  constructor({ inputShape, classes }: ModelSizes) {
    super()
    const channels = channelsOf('LeNet', inputShape, 4)
    const [, height, width] = inputShape as [number, number, number]
    const plan = Math.min(height, width) < 16 ? small : full
    const { kernel, padding } = plan
    this.conv1 = new Conv2d(channels, plan.channels[0], kernel, { padding })
    this.conv2 = new Conv2d(plan.channels[0], plan.channels[1], kernel, { padding })
    const side = (size: number) => pooled(pooled(size, plan), plan)
    this.fc1 = new Linear(plan.channels[1] * side(height) * side(width), plan.hidden)
    this.dropout = new Dropout(plan.dropout)
    this.fc2 = new Linear(plan.hidden, classes)
  }

  forward(x: Tensor): Tensor {
    const edges = maxPool2d(this.conv1.forward(x).relu(), 2)
    const parts = maxPool2d(this.conv2.forward(edges).relu(), 2)
    const hidden = this.fc1.forward(parts.flatten(1)).relu()
    return this.fc2.forward(this.dropout.forward(hidden))
  }
}

/** The size after a convolution and its pooling. */
function pooled(size: number, { kernel, padding }: Plan): number {
  return Math.floor((size + 2 * padding - kernel + 1) / 2)
}
