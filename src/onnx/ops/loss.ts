import { full } from '../../tensor/create.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'

/** −weight[class] · x[…, class, …] for log-probabilities x [N, C, …d] and classes [N, …d]. */
function likelihoodLoss(call: NodeCall, logs: Tensor): Tensor {
  const target = call.tensor(1).to('i32')
  const weight = call.optional(2)?.tensor
  const ignored = call.integer('ignore_index')
  const counts = ignored === undefined ? undefined : target.ne(ignored)
  const safe = counts ? where(counts, target, 0) : target
  const flat = logs.reshape([logs.shape[0]!, logs.shape[1]!, -1])
  const chosen = flat.gather(1, safe.reshape([logs.shape[0]!, 1, -1])).reshape(target.shape)
  const each = weight
    ? weight.indexSelect(0, safe.reshape([-1])).reshape(target.shape)
    : full(target.shape, 1)
  const factor = counts ? where(counts, each, 0) : each
  const loss = where(factor.eq(0), 0, chosen.neg().mul(factor))
  const reduction = call.text('reduction', 'mean')
  if (reduction === 'none') return loss
  return reduction === 'sum' ? loss.sum() : loss.sum().div(factor.sum())
}

function crossEntropy(call: NodeCall): Value[] {
  const logs = call.tensor(0).logSoftmax(1)
  return [call.like(0, likelihoodLoss(call, logs)), call.like(0, logs)]
}

export const loss: OpTable = {
  NegativeLogLikelihoodLoss: {
    since: 12,
    run: (call) => call.like(0, likelihoodLoss(call, call.tensor(0))),
  },
  SoftmaxCrossEntropyLoss: { since: 12, run: crossEntropy },
}
