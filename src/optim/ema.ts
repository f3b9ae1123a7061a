import { type LoadReport, loadState } from '../nn/module/state.ts'
import type { GivenState, StateDict } from '../nn/module/state-dict.ts'
import { full, zeros } from '../tensor/create.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { type Tensor, variable, where } from '../tensor/tensor.ts'
import { entriesOf, type ParameterList } from './groups.ts'
import { requireFactors } from './options.ts'

export const DEFAULT_DECAY = 0.999

export interface EmaOptions {
  /** How slowly the average fades (default 0.999). */
  readonly decay?: number
  /** Fade faster in the beginning, by min(decay, (1 + t) / (10 + t)) after t updates (default false). */
  readonly warmup?: boolean
}

/**
 * An exponential moving average of parameters: a ← decay·a + (1 − decay)·p after each step, a = p
 * at the first. Its state lies in tensors, so that {@link EMA.update} can be part of a compiled
 * step. Running statistics of norms are not averaged: they are averages already. As
 * torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn.
 *
 * Source: Polyak and Juditsky, “Acceleration of stochastic approximation by averaging”, 1992;
 * warm-up: TensorFlow's ExponentialMovingAverage.
 *
 * @throws BrickError `argument` for a decay outside [0, 1).
 *
 * @example
 * ```ts
 * const ema = new optim.EMA(model, { decay: 0.99 })
 * const step = compile((x: Tensor, y: Tensor) => {
 *   optimizer.step(grad(nn.crossEntropy(model.forward(x), y), optimizer.parameters))
 *   ema.update()
 * })
 * step(x, y)
 * const scores = await ema.applied(async () => model.forward(x).data())
 * ```
 */
export class EMA {
  readonly decay: number
  readonly warmup: boolean
  readonly parameters: readonly Tensor[]
  /** The averages, in the order of the parameters. */
  readonly averages: readonly Tensor[]
  readonly #names: readonly string[]
  /** How often {@link update} was called, i32 []. */
  readonly updates = variable(zeros([], 'i32'))

  constructor(
    parameters: ParameterList,
    { decay = DEFAULT_DECAY, warmup = false }: EmaOptions = {},
  ) {
    requireFactors('EMA', { decay })
    const named = new Map<Tensor, string>()
    for (const [name, p] of entriesOf(parameters)) if (!named.has(p)) named.set(p, name)
    this.decay = decay
    this.warmup = warmup
    this.parameters = [...named.keys()]
    this.#names = [...named.values()]
    this.averages = this.parameters.map((p) => variable(p.detach()))
  }

  /** Takes the parameters as they are now into the averages. */
  update(): void {
    noGrad(() => {
      const done = this.updates.to('f32')
      const slow = full([], this.decay)
      const decay = this.warmup ? done.add(1).div(done.add(10)).minimum(slow) : slow
      const share = where(done.eq(0), 0, decay)
      this.averages.forEach((average, i) => {
        const p = this.parameters[i]!.detach()
        average.assign(average.mul(share).add(p.mul(share.neg().add(1))))
      })
      this.updates.assign(this.updates.add(1))
    })
  }

  /** Exchanges the parameters with their averages; a second call puts them back. */
  swap(): void {
    noGrad(() => {
      const before = this.parameters.map((p) => p.detach())
      this.parameters.forEach((p, i) => {
        p.assign(this.averages[i]!.detach())
      })
      this.averages.forEach((average, i) => {
        average.assign(before[i]!)
      })
    })
  }

  /** Runs `body` while the parameters are the averages. */
  async applied<T>(body: () => Promise<T>): Promise<T> {
    this.swap()
    try {
      return await body()
    } finally {
      this.swap()
    }
  }

  /** The averages by the parameters' names, and the number of updates: for a checkpoint. */
  stateDict(): StateDict {
    const entries = this.averages.map((average, i) => [this.#names[i]!, average] as const)
    return { ...Object.fromEntries(entries), updates: this.updates }
  }

  /**
   * Continues from a `stateDict()`.
   *
   * @throws BrickError `checkpoint` that lists missing and unexpected names and wrong shapes.
   */
  loadStateDict(state: GivenState): LoadReport {
    return loadState(this.stateDict(), state, 'EMA')
  }
}
