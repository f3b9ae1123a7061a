import { nn } from '../../../src/index.ts'
import type { Args, Inputs } from '../reading.ts'
import type { Procedures, Rows } from '../rows.ts'

const affine = (inputs: Inputs, args: Args) => ({
  weight: inputs.optional('weight'),
  bias: inputs.optional('bias'),
  eps: args.number('eps', 1e-5),
})

export const norm: Rows = {
  batch_norm_train: (inputs, args) => nn.batchNorm(inputs.get('x'), affine(inputs, args)),
  batch_norm_eval: (inputs, args) =>
    nn.batchNormEval(inputs.get('x'), inputs.get('mean'), inputs.get('var'), affine(inputs, args)),
  layer_norm: (inputs, args) =>
    nn.layerNorm(inputs.get('x'), args.numbers('normalized_shape'), affine(inputs, args)),
  group_norm: (inputs, args) =>
    nn.groupNorm(inputs.get('x'), args.number('groups'), affine(inputs, args)),
  instance_norm: (inputs, args) => nn.instanceNorm(inputs.get('x'), affine(inputs, args)),
  local_response_norm: (inputs, args) =>
    nn.localResponseNorm(inputs.get('x'), args.number('size'), {
      alpha: args.number('alpha', 1e-4),
      beta: args.number('beta', 0.75),
      k: args.number('k', 1),
    }),
}

export const normProcedures: Procedures = {
  /** What one batch in training leaves in the running statistics of a fresh layer. */
  batch_norm_running: async (inputs, args, prepare) => {
    const x = inputs.get('x')
    const make = x.rank === 4 ? nn.BatchNorm2d : nn.BatchNorm1d
    const layer = new make(x.shape[1]!, { momentum: args.number('momentum', 0.1) })
    await prepare((batch) => layer.forward(batch))(x).data()
    return { outputs: [layer.runningMean!, layer.runningVar!] }
  },
}
