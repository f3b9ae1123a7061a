import { optim, tensor, variable, zeros } from '../../../src/index.ts'
import type { Args } from '../reading.ts'
import type { Procedure, Procedures } from '../rows.ts'

type Make = (args: Args) => optim.ScheduleFactory

const schedules: Readonly<Record<string, Make>> = {
  step: (args) => optim.stepLR({ stepSize: args.number('step_size'), ...args.given('gamma') }),
  multistep: (args) =>
    optim.multiStepLR({ milestones: args.numbers('milestones'), ...args.given('gamma') }),
  exponential: (args) => optim.exponentialLR({ gamma: args.number('gamma') }),
  cosine: (args) =>
    optim.cosineAnnealingLR({ tMax: args.number('t_max'), ...args.given('eta_min') }),
  one_cycle: (args) =>
    optim.oneCycleLR({
      maxLr: args.number('max_lr'),
      totalSteps: args.number('total_steps'),
      annealStrategy: args.word('anneal', ['cos', 'linear'], 'cos'),
      ...args.given('pct_start', 'div_factor', 'final_div_factor'),
    }),
  linear_warmup: (args) => optim.linearLR(args.given('start_factor', 'end_factor', 'total_iters')),
  reduce_on_plateau: (args) =>
    optim.reduceLROnPlateau({
      mode: args.word('mode', ['min', 'max'], 'min'),
      ...args.given('factor', 'patience', 'threshold'),
    }),
}

/** The learning rate used in each of the reference's 24 steps. */
const rates =
  (make: Make): Procedure =>
  async (_, args) => {
    const metrics = args.numbers('metrics', [])
    const optimizer = new optim.SGD([variable(zeros([1]), true)], { lr: args.number('lr') })
    const schedule = make(args)(optimizer)
    const used = Array.from({ length: 24 }, (_, i) => {
      const { lr } = optimizer
      // Past its end, a schedule may refuse: the last step needs no next rate.
      if (i < 23) schedule.step(metrics[i])
      return lr
    })
    return { outputs: [tensor(used)] }
  }

export const scheduleProcedures: Procedures = Object.fromEntries(
  Object.entries(schedules).map(([name, make]) => [name, rates(make)]),
)
