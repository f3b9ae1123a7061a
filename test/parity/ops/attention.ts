import { nn } from '../../../src/index.ts'
import type { Rows } from '../rows.ts'

export const attention: Rows = {
  scaled_dot_product_attention: (inputs, args) =>
    nn.scaledDotProductAttention(inputs.get('q'), inputs.get('k'), inputs.get('v'), {
      causal: args.boolean('causal', false),
      mask: inputs.optional('mask'),
      ...args.given('scale'),
    }),
  /** Self-attention of a batch [N, L, E]. */
  multihead_attention: (inputs, args) => {
    const x = inputs.get('x')
    const layer = new nn.MultiheadAttention(x.shape[2]!, args.number('heads'), { batchFirst: true })
    layer.inProjWeight = inputs.get('in_proj_weight')
    layer.inProjBias = inputs.get('in_proj_bias')
    layer.outProj.weight = inputs.get('out_proj_weight')
    layer.outProj.bias = inputs.get('out_proj_bias')
    return layer.forward(x, x, x)[0]
  },
}
