import type { Tensor } from '../../tensor/tensor.ts'
import { refuseOption } from '../module/check.ts'
import { Module } from '../module/module.ts'
import {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  gaussianNoise,
  requireProbability,
} from './dropout.ts'

/** What happens with probability p in training; evaluation passes everything. */
abstract class Dropping extends Module {
  readonly p: number

  constructor(p = 0.5) {
    super()
    requireProbability(new.target.name, p)
    this.p = p
  }
  protected abstract drop(x: Tensor): Tensor

  forward(x: Tensor): Tensor {
    return this.training ? this.drop(x) : x
  }
  protected override describe(): string {
    return `p=${this.p}`
  }
}

/**
 * {@link dropout} in training; in evaluation it passes everything.
 *
 * @example
 * ```ts
 * new nn.Sequential(new nn.Linear(800, 500), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(500, 10))
 * ```
 */
export class Dropout extends Dropping {
  protected drop(x: Tensor): Tensor {
    return dropout(x, this.p)
  }
}

/** {@link dropout1d} in training: whole channels of x [N, C, L]. */
export class Dropout1d extends Dropping {
  protected drop(x: Tensor): Tensor {
    return dropout1d(x, this.p)
  }
}

/** {@link dropout2d} in training: whole channels of x [N, C, H, W]. */
export class Dropout2d extends Dropping {
  protected drop(x: Tensor): Tensor {
    return dropout2d(x, this.p)
  }
}

/** {@link dropout3d} in training: whole channels of x [N, C, D, H, W]. */
export class Dropout3d extends Dropping {
  protected drop(x: Tensor): Tensor {
    return dropout3d(x, this.p)
  }
}

/** {@link alphaDropout} in training: for networks with SELU. */
export class AlphaDropout extends Dropping {
  protected drop(x: Tensor): Tensor {
    return alphaDropout(x, this.p)
  }
}

/** {@link gaussianNoise} in training; in evaluation it passes everything. */
export class GaussianNoise extends Module {
  readonly std: number

  constructor(std = 0.1) {
    super()
    if (!(std >= 0)) throw refuseOption('GaussianNoise', `std = ${std}`, 'a number ≥ 0')
    this.std = std
  }
  forward(x: Tensor): Tensor {
    return this.training ? gaussianNoise(x, this.std) : x
  }
  protected override describe(): string {
    return `std=${this.std}`
  }
}
