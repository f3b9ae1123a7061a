import { nn, type Tensor } from '../../../src/index.ts'
import type { Args } from '../reading.ts'
import type { Row, Rows } from '../rows.ts'

const unary =
  (fn: (x: Tensor, args: Args) => Tensor): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), args)

export const activations: Rows = {
  sigmoid: unary((x) => nn.sigmoid(x)),
  tanh: unary((x) => nn.tanh(x)),
  relu: unary((x) => nn.relu(x)),
  relu6: unary((x) => nn.relu6(x)),
  leaky_relu: unary((x, args) => nn.leakyRelu(x, args.number('negative_slope', 0.01))),
  elu: unary((x, args) => nn.elu(x, args.number('alpha', 1))),
  celu: unary((x, args) => nn.celu(x, args.number('alpha', 1))),
  selu: unary((x) => nn.selu(x)),
  ramp: unary((x, args) => nn.ramp(x, args.number('min', -1), args.number('max', 1))),
  hardtanh: unary((x, args) => nn.hardtanh(x, args.number('min', -1), args.number('max', 1))),
  hardsigmoid: unary((x) => nn.hardsigmoid(x)),
  hardswish: unary((x) => nn.hardswish(x)),
  softplus: unary((x, args) => nn.softplus(x, args.number('beta', 1))),
  softsign: unary((x) => nn.softsign(x)),
  logsigmoid: unary((x) => nn.logSigmoid(x)),
  gelu: unary((x, args) =>
    nn.gelu(x, { approximate: args.word('approximate', ['none', 'tanh'], 'none') }),
  ),
  silu: unary((x) => nn.silu(x)),
  mish: unary((x) => nn.mish(x)),
  // Some cases scale the input first, to be extreme.
  softmax: unary((x, args) => nn.softmax(x.mul(args.number('scale', 1)), args.number('dim', -1))),
  log_softmax: unary((x, args) =>
    nn.logSoftmax(x.mul(args.number('scale', 1)), args.number('dim', -1)),
  ),
  maxout: (inputs, args) => {
    const weight = inputs.get('weight')
    args.number('pieces', weight.shape[0])
    return nn.maxout(inputs.get('x'), weight, inputs.optional('bias'))
  },
}
