import { nn, type Tensor } from '../../../src/index.ts'
import type { Args, Inputs } from '../reading.ts'
import type { Rows } from '../rows.ts'

const options = (args: Args) => ({
  numLayers: args.number('layers', 1),
  bidirectional: args.boolean('bidirectional'),
  batchFirst: args.boolean('batch_first'),
})

/** A layer of the case's sizes, with its weights. */
function made<L extends nn.AnyModule>(
  inputs: Inputs,
  args: Args,
  make: (inputSize: number, hiddenSize: number) => L,
): { layer: L; x: Tensor } {
  const x = inputs.get('x')
  const layer = make(x.shape.at(-1)!, args.number('hidden'))
  layer.loadStateDict(Object.fromEntries(inputs.entries().filter(([name]) => name !== 'x')))
  return { layer, x }
}

function rnn(inputs: Inputs, args: Args, nonlinearity: 'tanh' | 'relu'): Tensor[] {
  const { layer, x } = made(
    inputs,
    args,
    (input, hidden) => new nn.RNN(input, hidden, { ...options(args), nonlinearity }),
  )
  const { output, h } = layer.forward(x)
  return [output, h]
}

export const recurrent: Rows = {
  ctc_loss: (inputs, args) => {
    args.word('layout', ['T,N,C'])
    const blank = args.number('blank')
    return nn.ctcLoss(inputs.get('log_probs'), inputs.get('targets'), { blank })
  },
  rnn_tanh: (inputs, args) => rnn(inputs, args, 'tanh'),
  rnn_relu: (inputs, args) => rnn(inputs, args, 'relu'),
  lstm: (inputs, args) => {
    const { layer, x } = made(inputs, args, (i, h) => new nn.LSTM(i, h, options(args)))
    const { output, h, c } = layer.forward(x)
    return [output, h, c]
  },
  gru: (inputs, args) => {
    const { layer, x } = made(inputs, args, (i, h) => new nn.GRU(i, h, options(args)))
    const { output, h } = layer.forward(x)
    return [output, h]
  },
}
