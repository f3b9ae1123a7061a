import { compile } from '../tensor/compile.ts'
import { cat } from '../tensor/functions.ts'
import { grad } from '../tensor/gradients.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ParameterList } from './groups.ts'
import type { OptimizerFactory } from './optimizer.ts'
import { requireNatural, requirePositive, requireWhole } from './options.ts'
import { sgd } from './sgd.ts'

export interface GradientDescentOptions {
  /** Learning rate of plain gradient descent (default 0.01). */
  readonly lr?: number
  /** How steps are made, in place of plain gradient descent. */
  readonly optimizer?: OptimizerFactory
  /** Steps at most (default 1000). */
  readonly maxSteps?: number
  /** Converged when no element of the gradient is larger (default 1e-5; 0: never). */
  readonly gradientTolerance?: number
  /**
   * Converged when a step lowers the loss by less than this share of it (default 0: never). A step
   * that raises the loss counts for nothing.
   */
  readonly lossTolerance?: number
  /** Diverged when the loss is larger than this many times what it was at first (default 1000). */
  readonly divergence?: number
}

/** How a descent ended. */
export interface Descent {
  /** `gradient` and `loss`: converged by that tolerance. */
  readonly stoppedBy: 'gradient' | 'loss' | 'steps' | 'diverged'
  readonly converged: boolean
  /** Steps that were made. */
  readonly steps: number
  /** The loss before the first step, and after each. */
  readonly losses: readonly number[]
  /** The largest |element| of the last gradient. */
  readonly gradient: number
  /** What happened, in a sentence; with a remedy where it did not converge. */
  readonly message: string
}

/**
 * Gradient descent on a loss over all examples at once, until it converges or is found to diverge:
 * for regression and other small problems. Steps are compiled. The parameters stay as the last step
 * left them, also when it diverged.
 *
 * @param loss Computes the loss from the parameters; no random numbers, no batches.
 * @throws BrickError `argument` for an impossible option, `gradient` if the loss does not depend on
 * the parameters.
 *
 * @example
 * ```ts
 * const w = variable(zeros([1, 1]), true)
 * const [inputs, targets] = [tensor([[1], [2], [3]]), tensor([[2], [4], [6]])]
 * const { converged } = await optim.gradientDescent(
 *   () => nn.mse(inputs.matmul(w), targets), [w], { lr: 0.1 },
 * )
 * (await w.item()).toFixed(3) // '2.000'
 * ```
 */
export async function gradientDescent(
  loss: () => Tensor,
  parameters: ParameterList,
  options: GradientDescentOptions = {},
): Promise<Descent> {
  const settings = settle(options)
  const { maxSteps, gradientTolerance, lossTolerance, divergence } = settings
  const optimizer = (options.optimizer ?? sgd({ lr: settings.lr }))(parameters)
  const measure = (value: Tensor, gradients: readonly Tensor[]) => {
    const largest = gradients.map((g) => g.abs().max()).reduce((a, b) => a.maximum(b))
    return cat([value.detach().reshape([1]), largest.reshape([1])])
  }
  const look = compile(() => {
    const value = loss()
    return measure(value, grad(value, optimizer.parameters))
  })
  const move = compile(() => {
    optimizer.step(grad(loss(), optimizer.parameters))
  })
  const losses: number[] = []
  const end = (stoppedBy: Descent['stoppedBy'], gradient: number): Descent => ({
    stoppedBy,
    converged: stoppedBy === 'gradient' || stoppedBy === 'loss',
    steps: losses.length - 1,
    losses,
    gradient,
    message: messageFor(stoppedBy, losses, gradient),
  })
  for (;;) {
    const [value, gradient] = (await look().data()) as unknown as [number, number]
    const [before] = losses.slice(-1)
    losses.push(value)
    const limit = divergence * Math.max(Math.abs(losses[0]!), 1)
    if (!Number.isFinite(value) || !Number.isFinite(gradient) || value > limit) {
      return end('diverged', gradient)
    }
    if (gradient <= gradientTolerance) return end('gradient', gradient)
    const gain = before === undefined ? Number.NaN : before - value
    if (gain >= 0 && gain < lossTolerance * Math.abs(before!)) return end('loss', gradient)
    if (losses.length > maxSteps) return end('steps', gradient)
    move()
  }
}

const defaults = {
  lr: 0.01,
  maxSteps: 1000,
  gradientTolerance: 1e-5,
  lossTolerance: 0,
  divergence: 1000,
}

function settle(options: GradientDescentOptions): typeof defaults {
  const settings = { ...defaults, ...options }
  const { lr, maxSteps, gradientTolerance, lossTolerance, divergence } = settings
  requireNatural('gradientDescent', { lr, gradientTolerance, lossTolerance })
  requirePositive('gradientDescent', { divergence })
  requireWhole('gradientDescent', { maxSteps })
  return settings
}

function messageFor(
  stoppedBy: Descent['stoppedBy'],
  losses: readonly number[],
  gradient: number,
): string {
  const steps = losses.length - 1
  const [first, last] = [losses[0]!, losses[steps]!].map((loss) => loss.toPrecision(4))
  const path = `loss ${first} → ${last}, largest |gradient| ${gradient.toPrecision(3)}`
  const texts = {
    gradient: `Converged after ${steps} steps: the gradient is small enough (${path}).`,
    loss: `Converged after ${steps} steps: the loss hardly falls any more (${path}).`,
    steps: `Not converged after ${steps} steps (${path}): allow more steps or a higher learning rate.`,
    diverged: `Diverged after ${steps} steps (${path}): lower the learning rate, or scale the inputs to about 1.`,
  }
  return texts[stoppedBy]
}
