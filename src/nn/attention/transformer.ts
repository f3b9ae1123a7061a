import type { Tensor } from '../../tensor/tensor.ts'
import { requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import type { LayerNorm } from '../normalization/norm-layers.ts'
import type {
  AttentionMasks,
  DecoderMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from './transformer-layer.ts'

/** So many layers, each made anew. */
function repeat<L>(where: string, make: () => L, numLayers: number): L[] {
  requireSizes(where, { numLayers })
  return Array.from({ length: numLayers }, make)
}

/**
 * Encoder layers one after the other, and a norm behind them if one is given: x [L, N, E] → the
 * same shape. Parts are named `layers.0.…` and `norm`.
 *
 * @param make Makes a layer: each has weights of its own.
 *
 * @example
 * ```ts
 * const layer = () => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16 })
 * new nn.TransformerEncoder(layer, 2, new nn.LayerNorm(8)).forward(ones([5, 4, 8])).shape // [5, 4, 8]
 * ```
 */
export class TransformerEncoder extends Module<[x: Tensor, masks?: AttentionMasks]> {
  readonly layers: readonly TransformerEncoderLayer[]
  readonly norm: LayerNorm | undefined

  constructor(make: () => TransformerEncoderLayer, numLayers: number, norm?: LayerNorm) {
    super()
    this.layers = repeat('TransformerEncoder', make, numLayers)
    this.norm = norm
  }
  forward(x: Tensor, masks: AttentionMasks = {}): Tensor {
    const y = this.layers.reduce((input, layer) => layer.forward(input, masks), x)
    return this.norm ? this.norm.forward(y) : y
  }
}

/**
 * Decoder layers one after the other, all of which attend to the same memory, and a norm behind
 * them if one is given. Parts are named `layers.0.…` and `norm`.
 *
 * @param make Makes a layer: each has weights of its own.
 *
 * @example
 * ```ts
 * const layer = () => new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 16 })
 * new nn.TransformerDecoder(layer, 2).forward(ones([5, 4, 8]), ones([9, 4, 8])).shape // [5, 4, 8]
 * ```
 */
export class TransformerDecoder extends Module<[x: Tensor, memory: Tensor, masks?: DecoderMasks]> {
  readonly layers: readonly TransformerDecoderLayer[]
  readonly norm: LayerNorm | undefined

  constructor(make: () => TransformerDecoderLayer, numLayers: number, norm?: LayerNorm) {
    super()
    this.layers = repeat('TransformerDecoder', make, numLayers)
    this.norm = norm
  }
  forward(x: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    const y = this.layers.reduce((input, layer) => layer.forward(input, memory, masks), x)
    return this.norm ? this.norm.forward(y) : y
  }
}
