import { BrickError } from '../../base/errors.ts'
import { sameShape, showShape } from '../../base/shape.ts'
import { arange } from '../../tensor/create.ts'
import { cat } from '../../tensor/functions.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { softplus } from '../activations/activations.ts'
import { requireWithin } from '../module/check.ts'
import { crossEntropy } from './cross-entropy.ts'
import { type ReductionOptions, reduceLoss } from './reduction.ts'

/** Losses that tell what belongs together from what does not. */

function refuse(where: string, tensors: readonly Tensor[], wanted: string): BrickError {
  const got = tensors.map((t) => showShape(t.shape)).join(' and ')
  return new BrickError({ kind: 'shape', where, got, wanted })
}

/** Rows of length 1; a row of zeros stays. */
const unit = (x: Tensor): Tensor => x.div(x.norm(2, -1, true).maximum(1e-12))

export interface InfoNceOptions extends ReductionOptions {
  /** What similarities are divided by (default 0.1). */
  readonly temperature?: number
  /** More rows that belong to no query, [M, D], besides the others' keys. */
  readonly negatives?: Tensor
}

/**
 * InfoNCE: query i must find key i among all keys by cosine similarity,
 * −log (e^(q_i·k_i / τ) / Σ_j e^(q_i·k_j / τ)), queries and keys [N, D].
 *
 * Source: van den Oord et al., “Representation learning with contrastive predictive coding”, 2018.
 *
 * @throws BrickError `shape` for other shapes, `argument` for a temperature ≤ 0.
 *
 * @example
 * ```ts
 * const views = tensor([[1, 0], [0, 1]])
 * nn.infoNce(views, views, { temperature: 0.5 })
 * ```
 */
export function infoNce(
  queries: Tensor,
  keys: Tensor,
  { temperature = 0.1, negatives, reduction = 'mean' }: InfoNceOptions = {},
): Tensor {
  requireWithin('infoNce', 'temperature', temperature, [Number.MIN_VALUE, Number.POSITIVE_INFINITY])
  if (queries.rank !== 2 || !sameShape(queries.shape, keys.shape)) {
    throw refuse('infoNce', [queries, keys], 'queries and keys [N, D]')
  }
  const candidates = negatives ? cat([keys, negatives]) : keys
  const similarity = unit(queries).matmul(unit(candidates).transpose()).div(temperature)
  return crossEntropy(similarity, arange(queries.shape[0]!), { reduction })
}

/**
 * Negative sampling: −log σ(c·p) − Σ_k log σ(−c·n_k) for centre words c [N, D], the words p [N, D]
 * near them, and K others n [N, K, D] drawn for each.
 *
 * Source: Mikolov et al., “Distributed representations of words and phrases”, 2013.
 *
 * @throws BrickError `shape` for other shapes.
 *
 * @example
 * ```ts
 * const [centre, near, drawn] = [zeros([1, 8]), zeros([1, 8]), zeros([1, 3, 8])]
 * await nn.negativeSampling(centre, near, drawn).div(Math.log(2)).item() // 4
 * ```
 */
export function negativeSampling(
  centre: Tensor,
  positive: Tensor,
  negatives: Tensor,
  { reduction }: ReductionOptions = {},
): Tensor {
  const [n, k, d] = negatives.shape
  const fits = negatives.rank === 3 && sameShape(centre.shape, [n!, d!])
  if (!fits || !sameShape(centre.shape, positive.shape)) {
    const wanted = 'centre and positive [N, D], negatives [N, K, D]'
    throw refuse('negativeSampling', [centre, positive, negatives], wanted)
  }
  const near = softplus(centre.mul(positive).sum(1).neg())
  const far = softplus(negatives.matmul(centre.unsqueeze(2)).reshape([n!, k!])).sum(1)
  return reduceLoss(near.add(far), reduction)
}
