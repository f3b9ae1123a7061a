import { ReLU } from '../nn/activations/activation-layers.ts'
import { ModuleList } from '../nn/containers/module-list.ts'
import { Sequential } from '../nn/containers/sequential.ts'
import { Conv2d } from '../nn/convolution/conv.ts'
import { ConvTranspose2d } from '../nn/convolution/conv-transpose.ts'
import { refuseInput } from '../nn/module/check.ts'
import { Module } from '../nn/module/module.ts'
import { BatchNorm2d } from '../nn/normalization/batchnorm.ts'
import { cat, maxPool2d } from '../tensor/functions.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

export interface UNetOptions {
  /** Channels at the full resolution; twice as many at each lower one (default 16). */
  readonly width?: number
  /** How often the resolution is halved (default 3). */
  readonly depth?: number
}

/** Two 3 × 3 convolutions that keep the size. */
const twice = (from: number, to: number): Sequential =>
  new Sequential(
    new Conv2d(from, to, 3, { padding: 1, bias: false }),
    new BatchNorm2d(to),
    new ReLU(),
    new Conv2d(to, to, 3, { padding: 1, bias: false }),
    new BatchNorm2d(to),
    new ReLU(),
  )

/**
 * A small U-Net: down to lower resolutions and up again, where what was seen on the way down at each
 * resolution is put beside; x [N, C, H, W] → scores of each pixel [N, classes, H, W].
 *
 * Source: Ronneberger, Fischer, Brox, “U-Net: convolutional networks for biomedical image
 * segmentation”, 2015; padded, and with batch normalisation.
 *
 * @throws BrickError `shape` for what is no image, or sizes that 2^depth does not divide.
 */
export class UNet extends Module {
  readonly down: ModuleList<Sequential>
  readonly up: ModuleList<ConvTranspose2d>
  readonly merge: ModuleList<Sequential>
  readonly head: Conv2d
  private readonly depth: number

  constructor({ inputShape, classes }: ModelSizes, { width = 16, depth = 3 }: UNetOptions = {}) {
    super()
    const channels = channelsOf('UNet', inputShape, 2 ** depth)
    this.depth = depth
    const widths = Array.from({ length: depth + 1 }, (_, i) => width * 2 ** i)
    const upward = widths.slice(0, -1).toReversed()
    this.down = new ModuleList(widths.map((to, i) => twice(widths[i - 1] ?? channels, to)))
    this.up = new ModuleList(upward.map((to) => new ConvTranspose2d(2 * to, to, 2, { stride: 2 })))
    this.merge = new ModuleList(upward.map((to) => twice(2 * to, to)))
    this.head = new Conv2d(width, classes, 1)
  }

  forward(x: Tensor): Tensor {
    const unit = 2 ** this.depth
    if (x.shape.slice(2).some((size) => size % unit))
      throw refuseInput(x.shape, `height and width that ${unit} divides`)
    const seen: Tensor[] = []
    for (const block of this.down) {
      const below = seen.at(-1)
      seen.push(block.forward(below ? maxPool2d(below, 2) : x))
    }
    let y = seen.pop()!
    for (const [i, rise] of [...this.up].entries()) {
      y = this.merge.at(i).forward(cat([seen.pop()!, rise.forward(y)], 1))
    }
    return this.head.forward(y)
  }
}
