import type { Tensor } from '../../tensor/tensor.ts'
import { Module } from '../module/module.ts'
import { negativeSampling } from './contrastive-losses.ts'
import type { MarginOptions } from './losses.ts'
import {
  contrastive,
  cosineEmbedding,
  type TripletOptions,
  tripletMargin,
} from './margin-losses.ts'
import type { ReductionOptions } from './reduction.ts'

/** Losses of three tensors as modules. */
abstract class TripleLoss<Options> extends Module<[a: Tensor, b: Tensor, c: Tensor]> {
  readonly options: Options | undefined
  constructor(options?: Options) {
    super()
    this.options = options
  }
}

/** {@link cosineEmbedding} as a module. */
export class CosineEmbeddingLoss extends TripleLoss<MarginOptions> {
  forward(a: Tensor, b: Tensor, y: Tensor): Tensor {
    return cosineEmbedding(a, b, y, this.options)
  }
}

/** {@link contrastive} as a module. */
export class ContrastiveLoss extends TripleLoss<MarginOptions> {
  forward(a: Tensor, b: Tensor, same: Tensor): Tensor {
    return contrastive(a, b, same, this.options)
  }
}

/** {@link tripletMargin} as a module. */
export class TripletMarginLoss extends TripleLoss<TripletOptions> {
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMargin(anchor, positive, negative, this.options)
  }
}

/** {@link negativeSampling} as a module. */
export class NegativeSamplingLoss extends TripleLoss<ReductionOptions> {
  forward(centre: Tensor, positive: Tensor, negatives: Tensor): Tensor {
    return negativeSampling(centre, positive, negatives, this.options)
  }
}
