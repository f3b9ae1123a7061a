import { cat, embedding, oneHot, stack } from '../../../src/index.ts'
import type { Rows } from '../rows.ts'

export const movement: Rows = {
  permute: (inputs, args) => inputs.get('x').permute(args.numbers('dims')),
  reshape: (inputs, args) => inputs.get('x').reshape(args.numbers('shape')),
  permute_reshape: (inputs, args) =>
    inputs.get('x').permute(args.numbers('dims')).reshape(args.numbers('shape')),
  expand: (inputs, args) => inputs.get('x').expand(args.numbers('shape')),
  slice: (inputs, args) => {
    const ranges = args.rows('slices').map(([start, stop, step = 1]) => {
      return [start ?? null, stop ?? null, step] as const
    })
    return inputs.get('x').slice(...ranges)
  },
  flip: (inputs, args) => inputs.get('x').flip(args.numbers('dims')),
  roll: (inputs, args) => inputs.get('x').roll(args.number('shift'), args.number('dim')),
  cat: (inputs, args) => cat(inputs.all(), args.number('dim', 0)),
  stack: (inputs, args) => stack(inputs.all(), args.number('dim', 0)),
  gather: (inputs, args) => inputs.get('x').gather(args.number('dim'), inputs.get('index')),
  index_select: (inputs, args) =>
    inputs.get('x').indexSelect(args.number('dim'), inputs.get('index')),
  embedding: (inputs) => embedding(inputs.get('index'), inputs.get('weight')),
  scatter_add: (inputs, args) =>
    inputs.get('x').scatterAdd(args.number('dim'), inputs.get('index'), inputs.get('src')),
  tril: (inputs, args) => inputs.get('x').tril(args.number('diagonal', 0)),
  triu: (inputs, args) => inputs.get('x').triu(args.number('diagonal', 0)),
  // torch.one_hot counts in integers.
  one_hot: (inputs, args) => oneHot(inputs.get('index'), args.number('classes')).to('i32'),
}
