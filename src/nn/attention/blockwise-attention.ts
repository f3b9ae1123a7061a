import { arange, full, zeros } from '../../tensor/create.ts'
import { customGradient } from '../../tensor/gradients.ts'
import { scan } from '../../tensor/scan.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'

/** Keys that are looked at together. */
export const BLOCK = 128

export interface BlockwiseOptions {
  /** true: seen (bool), or added to the scores (f32, without a gradient); […, L, S]. */
  readonly mask?: Tensor | undefined
  readonly causal: boolean
  readonly scale: number
}

/** What the softmax of each query came to. */
interface Softmax {
  readonly output: Tensor
  /** log Σ exp of the scores; 0 where a query sees no key. */
  readonly logSum: Tensor
}

/**
 * softmax(q · kᵀ · scale) · v, block by block of keys, so that there are never more scores than one
 * block's: forward with running maxima and sums, backward from the logarithm of the sums, the scores
 * being computed again. q […, L, E], k […, S, E], v […, S, D] of equal batch dims → […, L, D].
 *
 * Source: Milakov and Gimelshein, “Online normalizer calculation for softmax”, 2018; Dao et al.,
 * “FlashAttention: fast and memory-efficient exact attention with IO-awareness”, 2022.
 */
export function blockwiseAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: BlockwiseOptions,
): Tensor {
  let softmax: Softmax | undefined
  const attention = customGradient(
    (query: Tensor, key: Tensor, value: Tensor) => {
      softmax = forward(query, key, value, options)
      return softmax.output
    },
    ([query, key, value], g) => backward(query!, key!, value!, softmax!, g, options),
  )
  return attention(q, k, v)
}

function forward(q: Tensor, k: Tensor, v: Tensor, options: BlockwiseOptions): Softmax {
  const rows = q.shape.slice(0, -1)
  const width = v.shape.at(-1)!
  const scaled = q.mul(options.scale)
  const { sequences, scoresOf } = blocksOf(k, options)
  const { final } = scan(
    ([top, sum, total], [values, ...block]) => {
      const scores = scoresOf(scaled, block)
      const highest = top!.maximum(scores.max(-1, true))
      // A query that has seen no key yet: exp(−∞) is 0, whatever is taken away.
      const base = where(highest.eq(Number.NEGATIVE_INFINITY), 0, highest)
      const powers = scores.sub(base).exp()
      const shrink = top!.sub(base).exp()
      return {
        states: [
          highest,
          sum!.mul(shrink).add(powers.sum(-1, true)),
          total!.mul(shrink).add(powers.matmul(values!)),
        ],
      }
    },
    {
      initial: [
        full([...rows, 1], Number.NEGATIVE_INFINITY),
        zeros([...rows, 1]),
        zeros([...rows, width]),
      ],
      sequences: [inBlocks(v), ...sequences],
    },
  )
  const [top, sum, total] = final as [Tensor, Tensor, Tensor]
  const blind = sum.eq(0)
  const safe = where(blind, 1, sum)
  return { output: total.div(safe), logSum: where(blind, 0, top.add(safe.log())) }
}

function backward(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { output, logSum }: Softmax,
  g: Tensor,
  options: BlockwiseOptions,
): Tensor[] {
  const scaled = q.mul(options.scale)
  const { sequences, scoresOf } = blocksOf(k, options)
  const mean = g.mul(output).sum(-1, true)
  const { final, outputs } = scan(
    ([dq], [values, ...block]) => {
      const weights = scoresOf(scaled, block).sub(logSum).exp()
      const dScores = weights.mul(g.matmul(values!.transpose()).sub(mean))
      const [keys] = block as [Tensor]
      return {
        states: [dq!.add(dScores.matmul(keys))],
        outputs: [dScores.transpose().matmul(scaled), weights.transpose().matmul(g)],
      }
    },
    { initial: [zeros(q.shape)], sequences: [inBlocks(v), ...sequences] },
  )
  const [dk, dv] = outputs.map((blocks) => together(blocks, k.shape.at(-2)!))
  return [final[0]!.mul(options.scale), dk!, dv!]
}

/** What a round needs to know of its keys, and how it gets the scores from that. */
function blocksOf(k: Tensor, { mask, causal }: BlockwiseOptions) {
  const keys = k.shape.at(-2)!
  const count = Math.ceil(keys / BLOCK)
  const starts = arange(count).mul(BLOCK)
  const isCut = keys % BLOCK !== 0
  const masks = mask && columnsInBlocks(mask)
  const scoresOf = (q: Tensor, [block, start, shown]: readonly Tensor[]): Tensor => {
    let scores = q.matmul(block!.transpose())
    const hide = (seen: Tensor) => {
      scores = where(seen, scores, Number.NEGATIVE_INFINITY)
    }
    if (shown?.dtype === 'f32') scores = scores.add(shown)
    else if (shown) hide(shown)
    const places = arange(BLOCK).add(start!)
    if (causal) hide(places.unsqueeze(0).le(arange(q.shape.at(-2)!).unsqueeze(1)))
    if (isCut) hide(places.lt(keys))
    return scores
  }
  return { sequences: [inBlocks(k), starts, ...(masks ? [masks] : [])], scoresOf }
}

/** […, S, E] → [blocks, …, BLOCK, E], with zeros behind the last. */
function inBlocks(x: Tensor): Tensor {
  const [rows, width] = x.shape.slice(-2) as [number, number]
  const batch = x.shape.slice(0, -2)
  const count = Math.ceil(rows / BLOCK)
  const filled = padded(x, x.rank - 2, count * BLOCK - rows)
  const apart = filled.reshape([...batch, count, BLOCK, width])
  return front(apart, batch.length)
}

/** […, L, S] → [blocks, …, L, BLOCK]. */
function columnsInBlocks(mask: Tensor): Tensor {
  const columns = mask.shape.at(-1)!
  const count = Math.ceil(columns / BLOCK)
  // A single column stands for all.
  const whole = padded(mask.to('f32'), mask.rank - 1, count * BLOCK - columns)
  const apart = whole.reshape([...mask.shape.slice(0, -1), count, BLOCK])
  return front(apart, mask.rank - 1).to(mask.dtype)
}

/** The inverse of {@link inBlocks}. */
function together(blocks: Tensor, rows: number): Tensor {
  const rank = blocks.rank
  const order = [...Array.from({ length: rank - 3 }, (_, i) => i + 1), 0, rank - 2, rank - 1]
  const [count, ...batch] = blocks.shape.slice(0, -2) as [number, ...number[]]
  const flat = blocks.permute(order).reshape([...batch, count * BLOCK, blocks.shape.at(-1)!])
  return flat.slice(...batch.map(() => [] as const), [0, rows])
}

/** With one axis first. */
function front(x: Tensor, axis: number): Tensor {
  const others = x.shape.map((_, i) => i).filter((i) => i !== axis)
  return x.permute([axis, ...others])
}

function padded(x: Tensor, axis: number, extra: number): Tensor {
  if (extra === 0) return x
  return x.pad(x.shape.map((_, i) => (i === axis ? [0, extra] : [0, 0]) as [number, number]))
}
