import { type Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import { convolved } from './convolution.ts'
import * as maths from './maths.ts'
import type { Op, OpTable } from './op.ts'

/** Operators that onnxruntime's optimiser puts together: the domain com.microsoft. */

const activation = (f: (x: Tensor, call: NodeCall) => Tensor): Op => ({
  since: 1,
  run: (call) => {
    const bias = call.optional(1)?.tensor
    return call.like(0, f(bias ? call.tensor(0).add(bias) : call.tensor(0), call))
  },
})

function fusedProduct(call: NodeCall): Value {
  const side = (i: number, flag: string) =>
    call.int(flag, 0) ? call.tensor(i).transpose() : call.tensor(i)
  const product = side(0, 'transA').matmul(side(1, 'transB'))
  const alpha = call.float('alpha', 1)
  return call.like(0, alpha === 1 ? product : product.mul(alpha))
}

const after: Readonly<Record<string, (x: Tensor, parameters: readonly number[]) => Tensor>> = {
  '': (x) => x,
  Relu: (x) => x.relu(),
  Tanh: (x) => x.tanh(),
  Sigmoid: (x) => x.sigmoid(),
  LeakyRelu: (x, [alpha = 0.01]) => where(x.lt(0), x.mul(alpha), x),
  Clip: (x, [low, high]) => x.clamp(low, high),
  HardSigmoid: (x, [alpha = 0.2, beta = 0.5]) => x.mul(alpha).add(beta).clamp(0, 1),
}

function fusedConvolution(call: NodeCall): Value {
  const name = call.text('activation', '')
  const act = Object.hasOwn(after, name) ? after[name] : undefined
  if (!act) throw call.refuse(`activation '${name}'`, Object.keys(after).join(', '), 'file')
  const sum = convolved(call, call.tensor(0), call.tensor(1), call.optional(2)?.tensor)
  const skip = call.optional(3)?.tensor
  return call.like(0, act(skip ? sum.add(skip) : sum, call.floats('activation_params') ?? []))
}

/** Normalisation of a sum over the last dim; the last output is the sum itself. */
function skipLayerNorm(call: NodeCall): (Value | undefined)[] {
  const bias = call.optional(4)?.tensor
  const both = call.tensor(0).add(call.tensor(1))
  const sum = bias ? both.add(bias) : both
  const centred = sum.sub(sum.mean(-1, true))
  const deviation = centred.square().mean(-1, true).add(call.float('epsilon', 1e-12)).rsqrt()
  const scaled = centred.mul(deviation).mul(call.tensor(2))
  const shift = call.optional(3)?.tensor
  const out = call.like(0, shift ? scaled.add(shift) : scaled)
  return [out, undefined, undefined, call.like(0, sum)]
}

export const contrib: OpTable = {
  Gelu: activation((x) => maths.gelu(x, false)),
  BiasGelu: activation((x) => maths.gelu(x, false)),
  FastGelu: activation((x) => maths.gelu(x, true)),
  QuickGelu: activation((x, call) => x.mul(x.mul(call.float('alpha', 1.702)).sigmoid())),
  FusedMatMul: { since: 1, run: fusedProduct },
  FusedConv: { since: 1, run: fusedConvolution },
  SkipLayerNormalization: { since: 1, run: skipLayerNorm },
}
