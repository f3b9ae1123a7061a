import { dropout as drop } from '../../nn/dropout/dropout.ts'
import {
  batchNormEval,
  localResponseNorm,
  normalizeBatch,
} from '../../nn/normalization/normalization.ts'
import { full } from '../../tensor/create.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Slot, Value } from '../run/value.ts'
import type { OpTable } from './op.ts'

/** One value a channel of [N, C, …]. */
const perChannel = (values: Tensor, rank: number): Tensor =>
  values.reshape([1, -1, ...new Array<number>(rank - 2).fill(1)])

/** Mean 0 and variance 1 along axes. */
function standardized(x: Tensor, axes: readonly number[], eps: number) {
  const mean = x.mean(axes, true)
  const centred = x.sub(mean)
  const deviation = centred.square().mean(axes, true).add(eps).rsqrt()
  return { output: centred.mul(deviation), mean, deviation }
}

/**
 * By the running statistics, or by the batch's own: if the file says so, or while the model trains. The
 * running statistics follow then, unless they are computed.
 */
function batchNormalization(call: NodeCall): Slot[] {
  const [x, weight, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => call.tensor(i)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ]
  const eps = call.float('epsilon', 1e-5)
  const ordered = call.int('training_mode', 0) === 1
  if (!ordered && !call.training) {
    return [call.like(0, batchNormEval(x, mean, variance, { weight, bias, eps }))]
  }
  const batch = normalizeBatch(x, { weight, bias, eps })
  const keep = call.float('momentum', 0.9)
  const follow = (old: Tensor, now: Tensor) => {
    const next = old
      .detach()
      .mul(keep)
      .add(now.mul(1 - keep))
    if (old.isState && call.training) old.assign(next)
    return next
  }
  const means = follow(mean, batch.mean)
  const variances = follow(variance, batch.variance)
  return [call.like(0, batch.output), call.like(3, means), call.like(4, variances)]
}

function layerNormalization(call: NodeCall): Value[] {
  const x = call.tensor(0)
  const axis = call.axis(call.int('axis', -1), x.rank)
  const axes = x.shape.map((_, i) => i).slice(axis)
  const { output, mean, deviation } = standardized(x, axes, call.float('epsilon', 1e-5))
  const scaled = output.mul(call.tensor(1))
  const bias = call.optional(2)?.tensor
  const all = call.like(0, bias ? scaled.add(bias) : scaled)
  return [all, call.like(0, mean), call.like(0, deviation)]
}

function rmsNormalization(call: NodeCall): Value {
  const x = call.tensor(0)
  const axis = call.axis(call.int('axis', -1), x.rank)
  const axes = x.shape.map((_, i) => i).slice(axis)
  const scale = x.square().mean(axes, true).add(call.float('epsilon', 1e-5)).rsqrt()
  return call.like(0, x.mul(scale).mul(call.tensor(1)))
}

function instanceNormalization(call: NodeCall): Value {
  const x = call.tensor(0)
  const axes = x.shape.map((_, i) => i).slice(2)
  const { output } = standardized(x, axes, call.float('epsilon', 1e-5))
  const scale = perChannel(call.tensor(1), x.rank)
  return call.like(0, output.mul(scale).add(perChannel(call.tensor(2), x.rank)))
}

/** Scale and bias are of each channel from version 21 on, of each group before. */
function groupNormalization(call: NodeCall): Value {
  const x = call.tensor(0)
  const groups = call.int('num_groups', 1)
  const [n, c] = x.shape as readonly [number, number]
  const grouped = x.reshape([n, groups, -1])
  const { output } = standardized(grouped, [2], call.float('epsilon', 1e-5))
  const channels = (values: Tensor): Tensor => {
    const each = values.size === c ? values : values.unsqueeze(1).expand([groups, c / groups])
    return perChannel(each.reshape([c]), x.rank)
  }
  const whole = output.reshape(x.shape)
  return call.like(0, whole.mul(channels(call.tensor(1))).add(channels(call.tensor(2))))
}

/** By the mean and the standard deviation along axes; 10⁻⁹ is added to the latter. */
function meanVariance(call: NodeCall): Value {
  const x = call.tensor(0)
  const axes = call.ints('axes') ?? [0, 2, 3]
  const centred = x.sub(x.mean(axes, true))
  const deviation = centred.square().mean(axes, true).sqrt().add(1e-9)
  return call.like(0, centred.div(deviation))
}

function responseNorm(call: NodeCall): Value {
  const size = call.int('size', 1)
  const options = { alpha: call.float('alpha', 1e-4), beta: call.float('beta', 0.75) }
  const x = call.tensor(0)
  const k = call.float('bias', 1)
  // ONNX has ⌊(n − 1)/2⌋ channels before; for odd sizes that is what PyTorch has.
  if (size % 2 === 1) return call.like(0, localResponseNorm(x, size, { ...options, k }))
  const turned = localResponseNorm(x.flip(1), size, { ...options, k })
  return call.like(0, turned.flip(1))
}

/** Acts while the model trains, or if the file says so. */
function dropout(call: NodeCall): Value[] {
  const x = call.tensor(0)
  const inputs = call.opset >= 12
  const ordered = inputs && call.optional(2)?.known?.[0] === 1
  const ratio = inputs ? (call.optional(1)?.known?.[0] ?? 0.5) : call.float('ratio', 0.5)
  const mask = (kept: Tensor) => (call.opset >= 10 ? call.truth(kept) : call.like(0, kept))
  if ((!ordered && !call.training) || ratio === 0) {
    return [call.like(0, x), mask(full(x.shape, 1, 'bool'))]
  }
  const scale = drop(full(x.shape, 1), ratio)
  return [call.like(0, x.mul(scale)), mask(scale.ne(0))]
}

export const normalization: OpTable = {
  BatchNormalization: { since: 1, fixed: [3, 4], run: batchNormalization },
  LayerNormalization: { since: 17, run: layerNormalization },
  RMSNormalization: { since: 23, run: rmsNormalization },
  SimplifiedLayerNormalization: { since: 1, run: rmsNormalization },
  InstanceNormalization: { since: 1, run: instanceNormalization },
  GroupNormalization: { since: 18, run: groupNormalization },
  MeanVarianceNormalization: { since: 9, run: meanVariance },
  LRN: { since: 1, run: responseNorm },
  Dropout: { since: 1, host: [1, 2], random: true, run: dropout },
}
