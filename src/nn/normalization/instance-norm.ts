import type { Tensor } from '../../tensor/tensor.ts'
import { type BatchNormOptions, ChannelNorm } from './channel-norm.ts'
import { type AffineOptions, type NormalizedBatch, normalizeInstances } from './normalization.ts'

/** Options as batch norm's, but neither weights nor statistics unless asked for, as in PyTorch. */
export type InstanceNormOptions = BatchNormOptions

abstract class InstanceNorm extends ChannelNorm {
  constructor(layout: string, channels: number, options: InstanceNormOptions) {
    super([layout], channels, { affine: false, trackRunningStats: false, ...options })
  }
  protected normalize(x: Tensor, options: AffineOptions): NormalizedBatch {
    return normalizeInstances(x, options)
  }
}

/** Instance normalisation of x [N, C, L]. See {@link InstanceNorm2d}. */
export class InstanceNorm1d extends InstanceNorm {
  constructor(channels: number, options: InstanceNormOptions = {}) {
    super('[N, C, L]', channels, options)
  }
}

/**
 * Instance normalisation of x [N, C, H, W]: each channel of each example is standardised alone, in
 * training and evaluation alike (with `trackRunningStats`, evaluation uses the running statistics);
 * with `affine` it is then scaled and shifted.
 *
 * Source: Ulyanov et al., “Instance normalization”, 2016.
 *
 * @throws BrickError `shape` for other dims or channels, or one value a channel.
 *
 * @example
 * ```ts
 * new nn.InstanceNorm2d(8, { affine: true }).forward(ones([2, 8, 4, 4])).shape // [2, 8, 4, 4]
 * ```
 */
export class InstanceNorm2d extends InstanceNorm {
  constructor(channels: number, options: InstanceNormOptions = {}) {
    super('[N, C, H, W]', channels, options)
  }
}

/** Instance normalisation of x [N, C, D, H, W]. See {@link InstanceNorm2d}. */
export class InstanceNorm3d extends InstanceNorm {
  constructor(channels: number, options: InstanceNormOptions = {}) {
    super('[N, C, D, H, W]', channels, options)
  }
}
