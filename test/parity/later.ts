/** Ops of the reference cases that Brickwork does not have yet, and what they wait for. */
const schedule = 'learning-rate schedules come with training at length'

export const later: Readonly<Record<string, string>> = {
  step: schedule,
  multistep: schedule,
  exponential: schedule,
  cosine: schedule,
  one_cycle: schedule,
  linear_warmup: schedule,
  reduce_on_plateau: schedule,
}
