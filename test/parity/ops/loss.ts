import { nn, type Tensor } from '../../../src/index.ts'
import type { Args, Inputs } from '../reading.ts'
import type { Row, Rows } from '../rows.ts'

const reductions = ['mean', 'sum', 'none'] as const
const reduction = (args: Args) =>
  args.has('reduction') ? { reduction: args.word('reduction', reductions) } : {}

/** A loss of predictions x and targets y, with numbers among its options. */
const pair =
  (
    fn: (x: Tensor, y: Tensor, options: Readonly<Record<string, unknown>>) => Tensor,
    ...names: readonly string[]
  ): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), inputs.get('y'), { ...args.given(...names), ...reduction(args) })

/** A loss of scores x and classes. */
const classes =
  (
    fn: (x: Tensor, target: Tensor, options: Readonly<Record<string, unknown>>) => Tensor,
    ...names: readonly string[]
  ): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), inputs.get('target'), {
      ...weights(inputs),
      ...args.given(...names),
      ...reduction(args),
    })

const weights = (inputs: Inputs) => {
  const weight = inputs.optional('weight')
  return weight ? { weight } : {}
}

export const loss: Rows = {
  mse_loss: pair(nn.mse),
  l1_loss: pair(nn.mae),
  square_loss: pair(nn.squareLoss),
  huber_loss: pair(nn.huber, 'delta'),
  smooth_l1_loss: pair(nn.smoothL1, 'beta'),
  bce_loss: pair(nn.bce),
  bce_with_logits_loss: pair(nn.bceWithLogits),
  soft_margin_loss: pair(nn.softMargin),
  hinge_loss: pair(nn.hinge, 'margin'),
  kl_div_loss: (inputs, args) =>
    nn.klDiv(inputs.get('x'), inputs.get('y'), {
      reduction: args.word('reduction', [...reductions, 'batchmean'] as const, 'mean'),
    }),
  cross_entropy: classes(nn.crossEntropy, 'label_smoothing', 'ignore_index'),
  cross_entropy_soft: classes(nn.crossEntropy, 'label_smoothing'),
  nll_loss: classes(nn.nll, 'ignore_index'),
  max_margin_loss: classes(nn.maxMargin, 'margin'),
  multi_margin_loss: classes(nn.multiMargin, 'margin', 'p'),
  cosine_embedding_loss: (inputs, args) =>
    nn.cosineEmbedding(inputs.get('a'), inputs.get('b'), inputs.get('y'), {
      ...args.given('margin'),
      ...reduction(args),
    }),
  triplet_margin_loss: (inputs, args) =>
    nn.tripletMargin(inputs.get('a'), inputs.get('p'), inputs.get('n'), {
      ...args.given('margin', 'p'),
      ...reduction(args),
    }),
  contrastive_loss: (inputs, args) =>
    nn.contrastive(inputs.get('a'), inputs.get('b'), inputs.get('same'), {
      ...args.given('margin'),
      ...reduction(args),
    }),
}
