import type { Tensor } from '../tensor/tensor.ts'
import { type CrossEntropyOptions, crossEntropy, type NllOptions, nll } from './cross-entropy.ts'
import { bce, bceWithLogits, huber, mae, mse, smoothL1 } from './losses.ts'
import { Module } from './module.ts'
import type { ReductionOptions } from './reduction.ts'

/** Losses as modules, under PyTorch's names. */
abstract class Loss<Options> extends Module<[x: Tensor, target: Tensor]> {
  readonly options: Options | undefined
  constructor(options?: Options) {
    super()
    this.options = options
  }
}

/** {@link crossEntropy} as a module. */
export class CrossEntropyLoss extends Loss<CrossEntropyOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return crossEntropy(x, target, this.options)
  }
}

/** {@link nll} as a module. */
export class NLLLoss extends Loss<NllOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return nll(x, target, this.options)
  }
}

/** {@link mse} as a module. */
export class MSELoss extends Loss<ReductionOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return mse(x, target, this.options)
  }
}

/** {@link mae} as a module. */
export class L1Loss extends Loss<ReductionOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return mae(x, target, this.options)
  }
}

/** {@link huber} as a module. */
export class HuberLoss extends Loss<ReductionOptions & { readonly delta?: number }> {
  forward(x: Tensor, target: Tensor): Tensor {
    return huber(x, target, this.options)
  }
}

/** {@link smoothL1} as a module. */
export class SmoothL1Loss extends Loss<ReductionOptions & { readonly beta?: number }> {
  forward(x: Tensor, target: Tensor): Tensor {
    return smoothL1(x, target, this.options)
  }
}

/** {@link bce} as a module. */
export class BCELoss extends Loss<ReductionOptions & { readonly weight?: Tensor }> {
  forward(x: Tensor, target: Tensor): Tensor {
    return bce(x, target, this.options)
  }
}

/** {@link bceWithLogits} as a module. */
export class BCEWithLogitsLoss extends Loss<
  ReductionOptions & { readonly weight?: Tensor; readonly posWeight?: Tensor }
> {
  forward(x: Tensor, target: Tensor): Tensor {
    return bceWithLogits(x, target, this.options)
  }
}
