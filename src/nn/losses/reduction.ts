import type { Tensor } from '../../tensor/tensor.ts'

/** What becomes of the losses of all elements: their mean, their sum, or each by itself. */
export type Reduction = 'mean' | 'sum' | 'none'

export interface ReductionOptions {
  readonly reduction?: Reduction
}

/** Applies a reduction. */
export function reduceLoss(losses: Tensor, reduction: Reduction = 'mean'): Tensor {
  return reduction === 'none' ? losses : losses[reduction]()
}
