import type { Tensor } from '../../tensor/tensor.ts'
import { gelu, relu } from '../activations/activations.ts'
import { Dropout } from '../dropout/dropout-layers.ts'
import { Linear } from '../linear/linear.ts'
import { requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { LayerNorm } from '../normalization/norm-layers.ts'
import { type AttentionCall, MultiheadAttention } from './multihead-attention.ts'

export interface TransformerLayerOptions {
  /** Width of the hidden layer between the two linear ones (default 2048). */
  readonly dimFeedforward?: number
  readonly dropout?: number
  readonly activation?: 'relu' | 'gelu' | ((x: Tensor) => Tensor)
  readonly layerNormEps?: number
  /** Whether tensors are [N, L, E] instead of [L, N, E] (default false, as in PyTorch). */
  readonly batchFirst?: boolean
  /** Whether norms stand before attention and the linear layers instead of after (default false). */
  readonly normFirst?: boolean
  readonly bias?: boolean
}

/** Masks of one attention, as {@link MultiheadAttention} takes them. */
export type AttentionMasks = Pick<AttentionCall, 'attnMask' | 'keyPaddingMask' | 'isCausal'>

const activations = { relu, gelu: (x: Tensor) => gelu(x) }

/** The names that PyTorch gives these parts. */
const partNames: Readonly<Record<string, string>> = {
  selfAttn: 'self_attn',
  multiheadAttn: 'multihead_attn',
}

/** What encoder and decoder layers have in common. */
abstract class TransformerLayer<In extends readonly unknown[]> extends Module<In> {
  readonly selfAttn: MultiheadAttention
  readonly linear1: Linear
  readonly linear2: Linear
  readonly norm1: LayerNorm
  readonly norm2: LayerNorm
  readonly dropout: Dropout
  readonly dropout1: Dropout
  readonly dropout2: Dropout
  readonly normFirst: boolean
  protected readonly activation: (x: Tensor) => Tensor

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions) {
    super()
    const { dimFeedforward = 2048, dropout = 0.1, activation = 'relu', bias = true } = options
    requireSizes(new.target.name, { dModel, nhead, dimFeedforward })
    this.normFirst = options.normFirst ?? false
    this.activation = typeof activation === 'string' ? activations[activation] : activation
    this.selfAttn = this.attention(dModel, nhead, options)
    this.linear1 = new Linear(dModel, dimFeedforward, { bias })
    this.linear2 = new Linear(dimFeedforward, dModel, { bias })
    this.norm1 = this.norm(dModel, options)
    this.norm2 = this.norm(dModel, options)
    this.dropout = new Dropout(dropout)
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
  }

  protected attention(dModel: number, nhead: number, options: TransformerLayerOptions) {
    const { dropout = 0.1, bias = true, batchFirst = false } = options
    return new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst })
  }

  protected norm(
    dModel: number,
    { layerNormEps: eps = 1e-5, bias = true }: TransformerLayerOptions,
  ) {
    return new LayerNorm(dModel, { eps, bias })
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this).map(([name, value]) => [partNames[name] ?? name, value] as const)
  }

  /** x plus what a block makes of it, with the norm before or after. */
  protected around(x: Tensor, norm: LayerNorm, block: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? x.add(block(norm.forward(x))) : norm.forward(x.add(block(x)))
  }

  protected feedForward(x: Tensor): Tensor {
    const hidden = this.dropout.forward(this.activation(this.linear1.forward(x)))
    return this.linear2.forward(hidden)
  }
}

/**
 * Self-attention, then two linear layers, each added to its input and normalised:
 * x [L, N, E] ([N, L, E] with batchFirst) → the same shape. Parts have PyTorch's names: `self_attn`,
 * `linear1`, `linear2`, `norm1`, `norm2`.
 *
 * Source: Vaswani et al., “Attention is all you need”, 2017; normFirst: Xiong et al., “On layer
 * normalization in the transformer architecture”, 2020.
 *
 * @throws BrickError `shape` and `argument` as {@link MultiheadAttention}.
 *
 * @example
 * ```ts
 * const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true })
 * layer.forward(ones([4, 5, 8])).shape // [4, 5, 8]
 * ```
 */
export class TransformerEncoderLayer extends TransformerLayer<[x: Tensor, masks?: AttentionMasks]> {
  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options)
  }

  forward(x: Tensor, masks: AttentionMasks = {}): Tensor {
    const attend = (y: Tensor) => this.dropout1.forward(this.selfAttn.forward(y, y, y, masks)[0])
    const seen = this.around(x, this.norm1, attend)
    return this.around(seen, this.norm2, (y) => this.dropout2.forward(this.feedForward(y)))
  }
}

/** Masks of a decoder layer: of the attention to its own sequence, and to the memory. */
export interface DecoderMasks {
  readonly self?: AttentionMasks
  readonly memory?: AttentionMasks
}

/**
 * Self-attention, attention to an encoder's output (`memory`), then two linear layers, each added to
 * its input and normalised: x [L, N, E], memory [S, N, E] → [L, N, E]. Parts have PyTorch's names:
 * `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1`, `norm2`, `norm3`.
 *
 * Source: Vaswani et al., “Attention is all you need”, 2017.
 *
 * @throws BrickError `shape` and `argument` as {@link MultiheadAttention}.
 *
 * @example
 * ```ts
 * const layer = new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true })
 * layer.forward(ones([4, 5, 8]), ones([4, 9, 8]), { self: { isCausal: true } }).shape // [4, 5, 8]
 * ```
 */
export class TransformerDecoderLayer extends TransformerLayer<
  [x: Tensor, memory: Tensor, masks?: DecoderMasks]
> {
  readonly multiheadAttn: MultiheadAttention
  readonly norm3: LayerNorm
  readonly dropout3: Dropout

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options)
    this.multiheadAttn = this.attention(dModel, nhead, options)
    this.norm3 = this.norm(dModel, options)
    this.dropout3 = new Dropout(options.dropout ?? 0.1)
  }

  forward(x: Tensor, memory: Tensor, { self = {}, memory: other = {} }: DecoderMasks = {}): Tensor {
    const toSelf = (y: Tensor) => this.dropout1.forward(this.selfAttn.forward(y, y, y, self)[0])
    const toMemory = (y: Tensor) =>
      this.dropout2.forward(this.multiheadAttn.forward(y, memory, memory, other)[0])
    const seen = this.around(x, this.norm1, toSelf)
    const recalled = this.around(seen, this.norm2, toMemory)
    return this.around(recalled, this.norm3, (y) => this.dropout3.forward(this.feedForward(y)))
  }
}
