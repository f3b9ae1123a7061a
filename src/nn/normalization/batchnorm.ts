import type { Tensor } from '../../tensor/tensor.ts'
import { type BatchNormOptions, ChannelNorm } from './channel-norm.ts'
import { type AffineOptions, type NormalizedBatch, normalizeBatch } from './normalization.ts'

export type { BatchNormOptions } from './channel-norm.ts'

abstract class BatchNorm extends ChannelNorm {
  protected normalize(x: Tensor, options: AffineOptions): NormalizedBatch {
    return normalizeBatch(x, options)
  }
}

/** Batch normalisation of x [N, C] or [N, C, L]. See {@link BatchNorm2d}. */
export class BatchNorm1d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super(['[N, C]', '[N, C, L]'], channels, options)
  }
}

/**
 * Batch normalisation of x [N, C, H, W]: in training each channel is standardised by the batch's
 * mean and variance, in evaluation by the running ones; then scaled and shifted,
 * y = (x − mean) / √(var + eps) · weight + bias.
 *
 * Source: Ioffe and Szegedy, “Batch normalization”, 2015.
 *
 * @throws BrickError `shape` for other dims or channels, or one value a channel in training.
 *
 * @example
 * ```ts
 * new nn.Sequential(new nn.Conv2d(3, 64, 3, { bias: false }), new nn.BatchNorm2d(64), new nn.ReLU())
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super(['[N, C, H, W]'], channels, options)
  }
}

/** Batch normalisation of x [N, C, D, H, W]. See {@link BatchNorm2d}. */
export class BatchNorm3d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super(['[N, C, D, H, W]'], channels, options)
  }
}
