import { type Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { Op, OpTable } from './op.ts'

/** One tensor to optimise: its value, its gradient, and what is remembered of it. */
interface Item {
  readonly x: Tensor
  readonly gradient: Tensor
  readonly memory: readonly Tensor[]
}

type Step = (item: Item, rate: Tensor, time: Tensor, call: NodeCall) => Tensor[]

/** Inputs: rate, time, all values, all gradients, all of each memory. Outputs: values, memories. */
const optimizer = (memories: number, step: Step): Op => ({
  since: 1,
  run: (call) => {
    const kinds = 2 + memories
    const count = (call.inputs.length - 2) / kinds
    const [rate, time] = [call.tensor(0).reshape([]), call.tensor(1).reshape([])]
    const norm = call.float('norm_coefficient', 0)
    const made = Array.from({ length: count }, (_, i) => {
      const of = (kind: number) => call.tensor(2 + kind * count + i)
      const x = of(0)
      const gradient = x.mul(norm).add(of(1))
      const memory = Array.from({ length: memories }, (_, m) => of(2 + m))
      return step({ x, gradient, memory }, rate, time, call)
    })
    return Array.from({ length: 1 + memories }, (_, kind) =>
      made.map((results, i): Value => call.like(2 + i, results[kind]!)),
    ).flat()
  },
})

/** Source: Duchi, Hazan and Singer, 2011, with a decaying rate. */
const adagrad = optimizer(1, ({ x, gradient, memory }, rate, time, call) => {
  const now = rate.div(time.to('f32').mul(call.float('decay_factor', 0)).add(1))
  const squares = memory[0]!.add(gradient.square())
  const scale = squares.sqrt().add(call.float('epsilon', 1e-6))
  return [x.sub(gradient.mul(now).div(scale)), squares]
})

/** Source: Kingma and Ba, 2014. */
const adam = optimizer(2, ({ x, gradient, memory }, rate, time, call) => {
  const [alpha, beta] = [call.float('alpha', 0.9), call.float('beta', 0.999)]
  const mean = memory[0]!.mul(alpha).add(gradient.mul(1 - alpha))
  const square = memory[1]!.mul(beta).add(gradient.square().mul(1 - beta))
  const t = time.to('f32')
  const left = (base: number) => t.mul(Math.log(base)).expm1().neg()
  const corrected = where(time.gt(0), rate.mul(left(beta).sqrt()).div(left(alpha)), rate)
  const next = x.sub(mean.mul(corrected).div(square.sqrt().add(call.float('epsilon', 1e-6))))
  return [next.mul(1 - call.float('norm_coefficient_post', 0)), mean, square]
})

/** With momentum: the standard one, or Nesterov's. */
const momentum = optimizer(1, ({ x, gradient, memory }, rate, time, call) => {
  const alpha = call.float('alpha', 0)
  const share = where(time.gt(0), call.float('beta', 1), 1).to('f32')
  const velocity = memory[0]!.mul(alpha).add(gradient.mul(share))
  const ahead = call.text('mode', 'standard') === 'nesterov'
  const way = ahead ? gradient.add(velocity.mul(alpha)) : velocity
  return [x.sub(way.mul(rate)), velocity]
})

/** The domain ai.onnx.preview.training. */
export const optimizers: OpTable = { Adagrad: adagrad, Adam: adam, Momentum: momentum }
