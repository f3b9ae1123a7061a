import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from '../../../src/index.ts'
import type { Args } from '../reading.ts'
import type { Row, Rows } from '../rows.ts'

const options = (args: Args) => ({
  stride: args.pair('stride', 1),
  padding: args.pair('padding', 0),
  dilation: args.pair('dilation', 1),
  groups: args.number('groups', 1),
})

const convolution =
  (fn: typeof conv1d): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), inputs.get('weight'), inputs.optional('bias'), options(args))

const transposed =
  (fn: typeof convTranspose1d): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), inputs.get('weight'), inputs.optional('bias'), {
      ...options(args),
      outputPadding: args.pair('output_padding', 0),
    })

export const conv: Rows = {
  conv1d: convolution(conv1d),
  conv2d: convolution(conv2d),
  conv3d: convolution(conv3d),
  conv_transpose1d: transposed(convTranspose1d),
  conv_transpose2d: transposed(convTranspose2d),
  conv_transpose3d: transposed(convTranspose3d),
  /** The mathematician's convolution: the kernel is flipped. */
  convolve2d: (inputs, args) => {
    args.word('mode', ['valid'])
    return conv2d(inputs.get('x'), inputs.get('weight').flip([2, 3]))
  },
}
