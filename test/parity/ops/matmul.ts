import { einsum, linear } from '../../../src/index.ts'
import type { Rows } from '../rows.ts'

export const matmul: Rows = {
  matmul: (inputs) => inputs.get('a').matmul(inputs.get('b')),
  linear: (inputs) => linear(inputs.get('x'), inputs.get('weight'), inputs.optional('bias')),
  einsum: (inputs, args) => einsum(args.text('equation'), ...inputs.all()),
}
