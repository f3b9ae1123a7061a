import { BrickError } from '../../base/errors.ts'
import { broadcastShapes, showShape } from '../../base/shape.ts'
import { arange } from '../../tensor/create.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import { dropout } from '../dropout/dropout.ts'
import { BLOCK, blockwiseAttention } from './blockwise-attention.ts'

export interface AttentionOptions {
  /** Which keys a query may see (bool, true: it may), or what is added to the scores (f32); […, L, S]. */
  readonly mask?: Tensor | undefined
  /** Whether query i sees keys 0 … i alone (default false). */
  readonly causal?: boolean
  /** Probability with which a weight is dropped (default 0). It is for training: leave it out else. */
  readonly dropout?: number
  /** Factor of the scores (default 1 / √E). */
  readonly scale?: number
}

const NAME = 'scaledDotProductAttention'
/** Keys from which on they are looked at block by block. */
const LONG = 4 * BLOCK

/** The result of attention, and how much each query took from each key. */
export interface Attended {
  readonly output: Tensor
  /** […, L, S], after dropout; computed only if it is asked for. */
  readonly weights: Tensor
}

/**
 * softmax(q · kᵀ · scale) · v: q […, L, E], k […, S, E], v […, S, D] → […, L, D]. Batch dims
 * broadcast. A query that may see no key gives 0, with gradient 0, as in PyTorch from 2.5 on. From
 * 512 keys on they are looked at block by block, forward and backward, so that the scores [L, S] are
 * never all in memory, unless there is dropout or a mask that wants a gradient.
 *
 * Source: Vaswani et al., “Attention is all you need”, 2017.
 *
 * @throws BrickError `shape` for sizes that do not go together, `dtype` for a mask of integers.
 *
 * @example
 * ```ts
 * const [q, k, v] = [ones([2, 4, 8]), ones([2, 5, 8]), ones([2, 5, 3])]
 * nn.scaledDotProductAttention(q, k, v).shape // [2, 4, 3]
 * ```
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions = {},
): Tensor {
  return attend(q, k, v, options).output
}

/** {@link scaledDotProductAttention}, and the weights that it used. */
export function attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Attended {
  requireAligned(q, k, v)
  const { scale = 1 / Math.sqrt(Math.max(1, q.shape.at(-1)!)), dropout: p = 0 } = options
  const seen = softmaxOfSeen(q.mul(scale).matmul(k.transpose()), options)
  const weights = p > 0 ? dropout(seen, p) : seen
  const long = k.shape.at(-2)! >= LONG && p === 0 && !options.mask?.requiresGrad
  return { output: long ? inBlocks(q, k, v, scale, options) : weights.matmul(v), weights }
}

/** Batch dims and the mask's keys are written out: blocks are cut from them. */
function inBlocks(q: Tensor, k: Tensor, v: Tensor, scale: number, options: AttentionOptions) {
  const batch = [q, k, v]
    .map((t) => t.shape.slice(0, -2))
    .reduce((a, b) => broadcastShapes(a, b, NAME))
  const [a, b, c] = [q, k, v].map((t) => t.expand([...batch, ...t.shape.slice(-2)]))
  const columns = [...(options.mask?.shape.slice(0, -1) ?? []), k.shape.at(-2)!]
  const mask = options.mask?.expand(columns)
  return blockwiseAttention(a!, b!, c!, { mask, causal: options.causal ?? false, scale })
}

function requireAligned(q: Tensor, k: Tensor, v: Tensor): void {
  const known = q.rank >= 2 && k.rank >= 2 && v.rank >= 2
  if (known && q.shape.at(-1) === k.shape.at(-1) && k.shape.at(-2) === v.shape.at(-2)) return
  throw new BrickError({
    kind: 'shape',
    where: NAME,
    got: [q, k, v].map((t) => showShape(t.shape)).join(', '),
    wanted: 'q […, L, E], k […, S, E], v […, S, D]',
  })
}

function softmaxOfSeen(scores: Tensor, { mask, causal = false }: AttentionOptions): Tensor {
  if (mask?.dtype === 'f32') {
    const shifted = scores.add(mask)
    return softmaxOrZeros(causal ? hide(shifted, causalMask(scores)) : shifted)
  }
  if (mask && mask.dtype !== 'bool') {
    throw new BrickError({
      kind: 'dtype',
      where: NAME,
      got: `a mask ${mask.dtype} ${showShape(mask.shape)}`,
      wanted: 'bool (true: seen) or f32 (added to the scores)',
      remedy: "Convert it with .to('bool').",
    })
  }
  // Query 0 sees key 0 at least.
  if (!mask) return (causal ? hide(scores, causalMask(scores)) : scores).softmax(-1)
  const seen = causal ? mask.logicalAnd(causalMask(scores)) : mask
  return softmaxOrZeros(hide(scores, seen))
}

const hide = (scores: Tensor, seen: Tensor): Tensor => where(seen, scores, Number.NEGATIVE_INFINITY)

/** Key ≤ query, [L, S]. */
function causalMask({ shape }: Tensor): Tensor {
  const [queries, keys] = shape.slice(-2) as [number, number]
  return arange(keys).unsqueeze(0).le(arange(queries).unsqueeze(1))
}

/** Softmax along the last dim; a row of −∞ gives 0 instead of NaN, and so do its gradients. */
function softmaxOrZeros(scores: Tensor): Tensor {
  if (scores.shape.at(-1) === 0) return scores
  const top = scores.detach().max(-1, true)
  const powers = scores.sub(where(top.eq(Number.NEGATIVE_INFINITY), 0, top)).exp()
  const total = powers.sum(-1, true)
  return powers.div(where(total.eq(0), 1, total))
}
