import { BrickError } from '../base/errors.ts'
import { DataLoader } from '../data/dataloader.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Normalization } from '../data/normalize.ts'
import type { Module } from '../nn/module/module.ts'
import type { OptimizerFactory } from '../optim/optimizer.ts'
import { compile } from '../tensor/compile.ts'
import { generator } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensorsOf } from './evaluate.ts'
import { copyOf, putBack } from './session-state.ts'
import { type LossFunction, lossOf } from './tally.ts'

export interface LrRangeOptions {
  readonly loss: LossFunction
  readonly optimizer: OptimizerFactory
  /** The rates begin here (default 1e-6) … */
  readonly startLr?: number
  /** … and end here (default 1), growing by the same factor from step to step. */
  readonly endLr?: number
  /** Steps (default 100). */
  readonly steps?: number
  readonly batchSize?: number
  readonly normalize?: Normalization | false
  readonly seed?: number
  /** How slowly the smoothed loss follows (default 0.9). */
  readonly smoothing?: number
}

export interface LrRangeResult {
  /** The rate of each step. */
  readonly rates: readonly number[]
  /** The smoothed loss of each step. */
  readonly losses: readonly number[]
  /** Where the smoothed loss falls most steeply: a rate to begin with; undefined if it never falls. */
  readonly suggestion: number | undefined
}

/** The test ends where the loss is so many times the smallest one. */
const BLOWN_UP = 4

/**
 * Learning-rate range test: trains with a rate that grows from step to step, and watches the loss.
 * The model and the random numbers are put back in the end.
 *
 * Source: Smith, “Cyclical learning rates for training neural networks”, 2015; smoothing and
 * suggestion as fastai's.
 *
 * @throws BrickError `argument` for rates that do not grow or fewer than 2 steps.
 *
 * @example
 * ```ts
 * const { suggestion } = await train.lrRangeTest(model, trainSet, {
 *   loss: nn.crossEntropy, optimizer: optim.sgd({ lr: 1 }), steps: 20,
 * })
 * ```
 */
export async function lrRangeTest(
  model: Module,
  dataset: Dataset,
  options: LrRangeOptions,
): Promise<LrRangeResult> {
  const { startLr = 1e-6, endLr = 1, steps = 100, smoothing = 0.9, loss } = options
  check(startLr, endLr, steps)
  const { batchSize = 32, seed = 0, normalize } = options
  const given = normalize === undefined ? {} : { normalize }
  const loader = new DataLoader(dataset, { batchSize, seed, shuffle: true, ...given })
  const states = new Map([
    ...Object.entries(model.stateDict()),
    ['generator', generator.key] as const,
  ])
  const before = await copyOf(states)
  const modes = model.modules().map((module) => [module, module.training] as const)
  const optimizer = options.optimizer(model)
  const step = compile((x: Tensor, y: Tensor) => {
    const value = lossOf(loss, model.forward(x), y)
    value.backward()
    optimizer.step()
    return value.detach()
  })
  const rates: number[] = []
  const losses: number[] = []
  let average = 0
  let lowest = Infinity
  try {
    model.train()
    for await (const batch of cycle(loader)) {
      const i = rates.length
      if (i === steps) break
      optimizer.lr = startLr * (endLr / startLr) ** (i / (steps - 1))
      const value = await step(...tensorsOf(batch)).item()
      average = smoothing * average + (1 - smoothing) * value
      const smooth = average / (1 - smoothing ** (i + 1))
      if (!Number.isFinite(smooth) || smooth > BLOWN_UP * lowest) break
      rates.push(optimizer.lr)
      losses.push(smooth)
      lowest = Math.min(lowest, smooth)
    }
  } finally {
    await putBack(states, before)
    for (const [module, mode] of modes) module.training = mode
  }
  return { rates, losses, suggestion: steepest(rates, losses) }
}

/** Batches of one epoch after the other. */
async function* cycle(loader: DataLoader) {
  for (;;) yield* loader
}

/** The rate where the loss falls most over the logarithm of the rate. */
function steepest(rates: readonly number[], losses: readonly number[]): number | undefined {
  let best: number | undefined
  let slope = 0
  for (let i = 1; i < rates.length - 1; i++) {
    const own = losses[i + 1]! - losses[i - 1]!
    if (own >= slope) continue
    slope = own
    best = rates[i]
  }
  return best
}

function check(startLr: number, endLr: number, steps: number): void {
  const isFine = startLr > 0 && endLr > startLr && Number.isFinite(endLr)
  if (isFine && Number.isSafeInteger(steps) && steps > 1) return
  throw new BrickError({
    kind: 'argument',
    where: 'train.lrRangeTest',
    wanted: isFine ? 'a whole number of steps from 2' : 'startLr above 0 and below endLr',
    got: isFine ? `${steps}` : `${startLr} and ${endLr}`,
  })
}
