import type { Tensor } from '../../tensor/tensor.ts'
import { Module } from '../module/module.ts'
import { type InfoNceOptions, infoNce } from './contrastive-losses.ts'
import { type CrossEntropyOptions, crossEntropy, type NllOptions, nll } from './cross-entropy.ts'
import { type CtcOptions, ctcLoss } from './ctc.ts'
import {
  type FocalCrossEntropyOptions,
  type FocalOptions,
  focal,
  focalCrossEntropy,
} from './focal-loss.ts'
import {
  bce,
  bceWithLogits,
  hinge,
  huber,
  type KlDivOptions,
  klDiv,
  type MarginOptions,
  mae,
  mse,
  smoothL1,
  softMargin,
  squaredHinge,
  squareLoss,
} from './losses.ts'
import { type MultiMarginOptions, maxMargin, multiMargin } from './margin-losses.ts'
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

/** {@link squareLoss} as a module. */
export class SquareLoss extends Loss<ReductionOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return squareLoss(x, target, this.options)
  }
}

/** {@link softMargin} as a module. */
export class SoftMarginLoss extends Loss<ReductionOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return softMargin(x, target, this.options)
  }
}

/** {@link hinge} as a module. */
export class HingeLoss extends Loss<MarginOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return hinge(x, target, this.options)
  }
}

/** {@link squaredHinge} as a module. */
export class SquaredHingeLoss extends Loss<MarginOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return squaredHinge(x, target, this.options)
  }
}

/** {@link klDiv} as a module. */
export class KLDivLoss extends Loss<KlDivOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return klDiv(x, target, this.options)
  }
}

/** {@link multiMargin} as a module. */
export class MultiMarginLoss extends Loss<MultiMarginOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return multiMargin(x, target, this.options)
  }
}

/** {@link maxMargin} as a module. */
export class MaxMarginLoss extends Loss<MarginOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return maxMargin(x, target, this.options)
  }
}

/** {@link focal} as a module. */
export class FocalLoss extends Loss<FocalOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return focal(x, target, this.options)
  }
}

/** {@link focalCrossEntropy} as a module. */
export class FocalCrossEntropyLoss extends Loss<FocalCrossEntropyOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return focalCrossEntropy(x, target, this.options)
  }
}

/** {@link infoNce} as a module, of queries and keys. */
export class InfoNCELoss extends Loss<InfoNceOptions> {
  forward(x: Tensor, target: Tensor): Tensor {
    return infoNce(x, target, this.options)
  }
}

/** {@link ctcLoss} as a module, with the lengths behind the targets, as in PyTorch. */
export class CTCLoss extends Module<
  [logProbs: Tensor, targets: Tensor, inputLengths?: Tensor, targetLengths?: Tensor]
> {
  readonly options: Omit<CtcOptions, 'inputLengths' | 'targetLengths'>
  constructor(options: Omit<CtcOptions, 'inputLengths' | 'targetLengths'> = {}) {
    super()
    this.options = options
  }
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths?: Tensor,
    targetLengths?: Tensor,
  ): Tensor {
    return ctcLoss(logProbs, targets, {
      ...this.options,
      ...(inputLengths ? { inputLengths } : {}),
      ...(targetLengths ? { targetLengths } : {}),
    })
  }
}
