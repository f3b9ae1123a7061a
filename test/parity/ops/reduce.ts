import type { Tensor } from '../../../src/index.ts'
import type { Args } from '../reading.ts'
import type { Row, Rows } from '../rows.ts'

/** Over `dims` or `dim`; over everything if the case names neither. */
const over =
  (
    fn: (x: Tensor, dims: readonly number[] | undefined, keep: boolean, args: Args) => Tensor,
  ): Row =>
  (inputs, args) => {
    const dims = args.has('dims')
      ? args.numbers('dims')
      : args.has('dim')
        ? [args.pair('dim')].flat()
        : undefined
    return fn(inputs.get('x'), dims, args.boolean('keepdim', false), args)
  }

const along =
  (fn: (x: Tensor, dim: number, args: Args) => Tensor | readonly Tensor[]): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), args.number('dim', -1), args)

export const reduce: Rows = {
  sum: over((x, dims, keep) => x.sum(dims, keep)),
  mean: over((x, dims, keep) => x.mean(dims, keep)),
  max: over((x, dims, keep) => x.max(dims, keep)),
  min: over((x, dims, keep) => x.min(dims, keep)),
  prod: over((x, dims, keep) => x.prod(dims, keep)),
  // The reference divides by n unless the case says otherwise.
  var: over((x, dims, keep, args) => x.var(dims, args.number('correction', 0), keep)),
  std: over((x, dims, keep, args) => x.std(dims, args.number('correction', 0), keep)),
  logsumexp: over((x, dims, keep) => x.logsumexp(dims, keep)),
  norm: over((x, dims, keep, args) => x.norm(args.number('p', 2), dims, keep)),
  argmax: over((x, dims, keep) => x.argmax(dims?.[0], keep)),
  argmin: over((x, dims, keep) => x.argmin(dims?.[0], keep)),
  topk: along((x, dim, args) => x.topk(args.number('k'), dim, args.boolean('largest', true))),
  sort: along((x, dim, args) => x.sort(dim, args.boolean('descending', false))),
  cumsum: along((x, dim) => x.cumsum(dim)),
}
