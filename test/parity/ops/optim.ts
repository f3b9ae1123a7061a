import { optim, type Tensor, tensor, variable } from '../../../src/index.ts'
import type { Args } from '../reading.ts'
import type { Procedure, Procedures } from '../rows.ts'

type Make = (parameters: optim.Parameters, args: Args) => optim.Optimizer

const betas = (args: Args) => {
  const [first, second] = args.numbers('betas', [])
  return first === undefined || second === undefined ? {} : { betas: [first, second] as const }
}

const adam = (args: Args) => ({
  ...args.given('lr', 'eps', 'weight_decay'),
  ...betas(args),
  amsgrad: args.boolean('amsgrad', false),
})

/** Optimisers from PyTorch's options. */
export const optimizers: Readonly<Record<string, Make>> = {
  sgd: (parameters, args) =>
    new optim.SGD(parameters, {
      lr: args.number('lr'),
      ...args.given('momentum', 'dampening', 'weight_decay'),
      nesterov: args.boolean('nesterov', false),
    }),
  adam: (parameters, args) => new optim.Adam(parameters, adam(args)),
  adamw: (parameters, args) => new optim.AdamW(parameters, adam(args)),
  rmsprop: (parameters, args) =>
    new optim.RMSprop(parameters, {
      ...args.given('lr', 'alpha', 'eps', 'weight_decay', 'momentum'),
      centered: args.boolean('centered', false),
    }),
  adagrad: (parameters, args) =>
    new optim.Adagrad(parameters, args.given('lr', 'lr_decay', 'eps', 'weight_decay')),
  adadelta: (parameters, args) =>
    new optim.Adadelta(parameters, args.given('lr', 'rho', 'eps', 'weight_decay')),
  adamax: (parameters, args) =>
    new optim.Adamax(parameters, { ...args.given('lr', 'eps', 'weight_decay'), ...betas(args) }),
  nadam: (parameters, args) =>
    new optim.NAdam(parameters, {
      ...args.given('lr', 'eps', 'weight_decay', 'momentum_decay'),
      ...betas(args),
    }),
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
