import { zeros } from '../../tensor/create.ts'
import { cat, linear } from '../../tensor/functions.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import { xavierNormal, xavierUniform } from '../init/init.ts'
import { Linear } from '../linear/linear.ts'
import { refuseInput, refuseOption, requireSizes, requireWithin } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import { attend } from './scaled-dot-product-attention.ts'

export interface MultiheadOptions {
  /** Probability with which attention weights are dropped in training (default 0). */
  readonly dropout?: number
  readonly bias?: boolean
  /** Whether learnt vectors `bias_k` and `bias_v` come behind the keys and values (default false). */
  readonly addBiasKv?: boolean
  /** Whether a key and a value of zeros come behind the others (default false). */
  readonly addZeroAttn?: boolean
  /** Sizes of the keys and values (default embedDim). */
  readonly kdim?: number
  readonly vdim?: number
  /** Whether tensors are [N, L, E] instead of [L, N, E] (default false, as in PyTorch). */
  readonly batchFirst?: boolean
}

export interface AttentionCall {
  /** Keys that count for nothing: [N, S], true (or −∞ in f32) for those. */
  readonly keyPaddingMask?: Tensor | undefined
  /** What a query may not see (bool, true: not), or is added to the scores; [L, S] or [N·heads, L, S]. */
  readonly attnMask?: Tensor | undefined
  /** Whether query i sees keys 0 … i alone (default false). */
  readonly isCausal?: boolean
  /** Whether the weights are the heads' mean, [N, L, S], instead of [N, heads, L, S] (default true). */
  readonly averageAttnWeights?: boolean
}

/** The names that PyTorch gives these states. */
const stateNames: Readonly<Record<string, string>> = {
  inProjWeight: 'in_proj_weight',
  qProjWeight: 'q_proj_weight',
  kProjWeight: 'k_proj_weight',
  vProjWeight: 'v_proj_weight',
  inProjBias: 'in_proj_bias',
  biasK: 'bias_k',
  biasV: 'bias_v',
  outProj: 'out_proj',
}

/**
 * Attention by several heads, each on its own projection of queries, keys and values:
 * query [L, N, E], key [S, N, kdim], value [S, N, vdim] ([N, L, E] … with batchFirst; without a
 * batch dim, [L, E] …) → [output like query, weights]. In PyTorch's masks true means hidden, other
 * than in {@link scaledDotProductAttention}. A query that may see no key gets weights 0 (PyTorch:
 * NaN). The weights are computed only if they are asked for, so there is no `needWeights`.
 *
 * States: `in_proj_weight` [3E, E] (or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` where
 * kdim or vdim differ), `in_proj_bias` [3E], `out_proj.weight`, `out_proj.bias`, `bias_k`, `bias_v`.
 *
 * Source: Vaswani et al., “Attention is all you need”, 2017.
 *
 * @throws BrickError `argument` if the heads do not divide the size, `shape` for other inputs or masks.
 *
 * @example
 * ```ts
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true })
 * const x = ones([4, 5, 8])
 * const [y, weights] = attention.forward(x, x, x)
 * weights.shape // [4, 5, 5]
 * ```
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, call?: AttentionCall],
  [output: Tensor, weights: Tensor]
> {
  inProjWeight: Tensor | undefined
  qProjWeight: Tensor | undefined
  kProjWeight: Tensor | undefined
  vProjWeight: Tensor | undefined
  inProjBias: Tensor | undefined
  biasK: Tensor | undefined
  biasV: Tensor | undefined
  readonly outProj: Linear
  readonly embedDim: number
  readonly numHeads: number
  readonly dropout: number
  readonly batchFirst: boolean
  private readonly addZeroAttn: boolean

  constructor(embedDim: number, numHeads: number, options: MultiheadOptions = {}) {
    super()
    const { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim } = options
    requireSizes('MultiheadAttention', { embedDim, numHeads, kdim, vdim })
    requireWithin('MultiheadAttention', 'dropout', dropout, [0, 1])
    if (embedDim % numHeads) {
      const wanted = `heads that divide embedDim = ${embedDim}`
      throw refuseOption('MultiheadAttention', `${numHeads} heads`, wanted)
    }
    this.embedDim = embedDim
    this.numHeads = numHeads
    this.dropout = dropout
    this.batchFirst = options.batchFirst ?? false
    this.addZeroAttn = options.addZeroAttn ?? false
    this.makeProjections(kdim, vdim)
    this.inProjBias = bias ? parameter(zeros([3 * embedDim])) : undefined
    const extra = () => parameter(xavierNormal([1, embedDim]).reshape([1, 1, embedDim]))
    this.biasK = options.addBiasKv ? extra() : undefined
    this.biasV = options.addBiasKv ? extra() : undefined
    this.outProj = new Linear(embedDim, embedDim, { bias })
    this.outProj.bias?.assign(zeros([embedDim]))
  }

  /** One matrix for all three, where their sizes agree. */
  private makeProjections(kdim: number, vdim: number): void {
    const { embedDim } = this
    if (kdim === embedDim && vdim === embedDim) {
      this.inProjWeight = parameter(xavierUniform([3 * embedDim, embedDim]))
      return
    }
    this.qProjWeight = parameter(xavierUniform([embedDim, embedDim]))
    this.kProjWeight = parameter(xavierUniform([embedDim, kdim]))
    this.vProjWeight = parameter(xavierUniform([embedDim, vdim]))
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this).map(([name, value]) => [stateNames[name] ?? name, value] as const)
  }

  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    call: AttentionCall = {},
  ): [output: Tensor, weights: Tensor] {
    const single = query.rank === 2
    const [q, k, v] = this.project(...this.batches(query, key, value))
    const found = attend(this.heads(q), this.heads(k), this.heads(v), {
      mask: this.maskOf(call, q.shape[0]!, k.shape[1]!),
      causal: call.isCausal ?? false,
      dropout: this.training ? this.dropout : 0,
    })
    const joined = found.output.permute([0, 2, 1, 3]).reshape(q.shape)
    const y = this.outProj.forward(joined)
    const output = single ? y.squeeze(0) : this.batchFirst ? y : y.transpose(0, 1)
    const all = (call.averageAttnWeights ?? true) ? found.weights.mean(1) : found.weights
    return [output, single ? all.squeeze(0) : all]
  }

  /** The three as [N, L, E], after checking. */
  private batches(...inputs: readonly [Tensor, Tensor, Tensor]): [Tensor, Tensor, Tensor] {
    const { rank } = inputs[0]
    if ((rank !== 2 && rank !== 3) || inputs.some((t) => t.rank !== rank)) {
      const layout = this.batchFirst ? '[N, L, E]' : '[L, N, E]'
      const got = inputs.map((t) => `[${t.shape.join(', ')}]`).join(', ')
      throw refuseInput(inputs[0].shape, `query, key and value ${layout}, or [L, E]`, got)
    }
    const whole = (t: Tensor) =>
      rank === 2 ? t.unsqueeze(0) : this.batchFirst ? t : t.transpose(0, 1)
    return inputs.map(whole) as [Tensor, Tensor, Tensor]
  }

  /** Queries, keys and values [N, L, E], with the extra keys behind. */
  private project(query: Tensor, key: Tensor, value: Tensor): [q: Tensor, k: Tensor, v: Tensor] {
    const { embedDim, inProjWeight, inProjBias, biasK, biasV } = this
    const third = (t: Tensor | undefined, i: number) => t?.slice([i * embedDim, (i + 1) * embedDim])
    const apart = [this.qProjWeight, this.kProjWeight, this.vProjWeight]
    const [q, k, v] = [query, key, value].map((x, i) =>
      linear(x, third(inProjWeight, i) ?? apart[i]!, third(inProjBias, i)),
    ) as [Tensor, Tensor, Tensor]
    return [q, this.extended(k, biasK), this.extended(v, biasV)]
  }

  private extended(rows: Tensor, learnt: Tensor | undefined): Tensor {
    const one = [rows.shape[0]!, 1, this.embedDim]
    const extra = [
      ...(learnt ? [learnt.expand(one)] : []),
      ...(this.addZeroAttn ? [zeros(one)] : []),
    ]
    return extra.length ? cat([rows, ...extra], 1) : rows
  }

  /** [N, L, E] → [N, heads, L, E / heads]. */
  private heads(x: Tensor): Tensor {
    const [n = 0, length = 0] = x.shape
    const { numHeads, embedDim } = this
    return x.reshape([n, length, numHeads, embedDim / numHeads]).permute([0, 2, 1, 3])
  }

  /** What is added to the scores [N, heads, L, S]; extra keys are seen by all. */
  private maskOf({ keyPaddingMask, attnMask }: AttentionCall, n: number, s: number) {
    const padding = keyPaddingMask && this.paddingMask(keyPaddingMask, n)
    const attention = attnMask && this.attentionMask(attnMask, n)
    const both = padding && attention ? padding.add(attention) : (padding ?? attention)
    if (!both) return undefined
    const extra = s - both.shape.at(-1)!
    if (extra < 0) throw refuseInput(both.shape, `masks of ${s} keys`)
    return extra
      ? both.pad([
          [0, 0],
          [0, 0],
          [0, 0],
          [0, extra],
        ])
      : both
  }

  private paddingMask(mask: Tensor, n: number): Tensor {
    const rows = mask.rank === 1 ? mask.unsqueeze(0) : mask
    if (rows.rank === 2 && rows.shape[0] === n) return toAdd(rows).unsqueeze(1).unsqueeze(1)
    throw refuseInput(mask.shape, `a keyPaddingMask [${n}, keys]`)
  }

  private attentionMask(mask: Tensor, n: number): Tensor {
    if (mask.rank === 2) return toAdd(mask).unsqueeze(0).unsqueeze(0)
    const all = n * this.numHeads
    if (mask.rank === 3 && mask.shape[0] === all) {
      return toAdd(mask).reshape([n, this.numHeads, ...mask.shape.slice(1)])
    }
    throw refuseInput(mask.shape, `an attnMask [L, S] or [${all}, L, S]`)
  }

  protected override describe(): string {
    return `${this.embedDim}, ${this.numHeads}`
  }
}

/** A mask of what is hidden as what is added to scores. */
const toAdd = (mask: Tensor): Tensor =>
  mask.dtype === 'f32' ? mask : where(mask, Number.NEGATIVE_INFINITY, zeros([]))
