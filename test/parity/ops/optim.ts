import { optim, type Tensor, tensor, variable } from '../../../src/index.ts'
import type { Args } from '../reading.ts'
import type { Procedure, Procedures } from '../rows.ts'

type Make = (parameters: optim.Parameters, args: Args) => optim.Optimizer

/** Optimisers from PyTorch's options. */
export const optimizers: Readonly<Record<string, Make>> = {
  sgd: (parameters, args) =>
    new optim.SGD(parameters, {
      lr: args.number('lr'),
      momentum: args.number('momentum', 0),
      dampening: args.number('dampening', 0),
      nesterov: args.boolean('nesterov', false),
      weightDecay: args.number('weight_decay', 0),
    }),
  adam: (parameters, args) => new optim.Adam(parameters, adamOptions(args, 0)),
  adamw: (parameters, args) => new optim.AdamW(parameters, adamOptions(args, 0.01)),
}

function adamOptions(args: Args, decay: number) {
  const [beta1 = 0.9, beta2 = 0.999] = args.numbers('betas', [])
  return {
    lr: args.number('lr', 1e-3),
    betas: [beta1, beta2] as const,
    eps: args.number('eps', 1e-8),
    weightDecay: args.number('weight_decay', decay),
    amsgrad: args.boolean('amsgrad', false),
  }
}

/** w after each step of minimising ½‖A·w − b‖² from w0. */
const minimise =
  (make: Make): Procedure =>
  async (inputs, args, prepare) => {
    const w = variable(inputs.get('w0'), true)
    const optimizer = make([w], args)
    const step = prepare((a: Tensor, b: Tensor) => {
      const loss = a.matmul(w).sub(b).square().sum().mul(0.5)
      loss.backward()
      optimizer.step()
      optimizer.zeroGrad()
      return loss
    })
    const path: number[] = []
    const count = args.number('steps')
    for (let i = 0; i < count; i++) {
      step(inputs.get('A'), inputs.get('b'))
      path.push(...(await w.data()))
    }
    return { outputs: [tensor(path).reshape([count, w.size])] }
  }

export const optimProcedures: Procedures = Object.fromEntries(
  Object.entries(optimizers).map(([name, make]) => [name, minimise(make)]),
)
