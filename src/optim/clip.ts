import { zeros } from '../tensor/create.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type ParameterList, tensorsIn } from './groups.ts'
import type { Gradients } from './optimizer.ts'
import { requireNatural, requirePositive } from './options.ts'

export interface ClipNormOptions {
  /** Which norm: 2 (default), any p > 0, or Infinity for the largest |g|. */
  readonly normType?: number
}

/** Gradients that were clipped, and their norm before that. */
export interface ClippedGradients {
  readonly gradients: Gradients
  /** f32 []. */
  readonly norm: Tensor
}

/** The norm of all gradients as one vector, f32 []. */
function totalNorm(gradients: readonly Tensor[], p: number): Tensor {
  const add = (a: Tensor, b: Tensor) => a.add(b)
  if (p === Infinity) {
    return gradients.map((g) => g.abs().max()).reduce((a, b) => a.maximum(b))
  }
  if (p === 2) {
    return gradients
      .map((g) => g.square().sum())
      .reduce(add)
      .sqrt()
  }
  return gradients
    .map((g) => g.abs().pow(p).sum())
    .reduce(add)
    .pow(1 / p)
}

/**
 * Gradients as `grad` returns them, made shorter where their norm, taken over all of them as one
 * vector, is above `maxNorm`: g ← g · min(1, maxNorm / (‖g‖ + 1e-6)). A norm that is not finite
 * makes all of them NaN or 0, as in PyTorch.
 *
 * Source: Pascanu et al., “On the difficulty of training recurrent neural networks”, 2012.
 *
 * @throws BrickError `argument` for a `maxNorm` below 0 or a `normType` of 0 and below.
 *
 * @example
 * ```ts
 * const { gradients, norm } = optim.clipByNorm(grad(loss, optimizer.parameters), 1)
 * optimizer.step(gradients)
 * ```
 */
export function clipByNorm(
  gradients: Gradients,
  maxNorm: number,
  { normType = 2 }: ClipNormOptions = {},
): ClippedGradients {
  requireNatural('clipGradNorm', { maxNorm })
  if (normType !== Infinity) requirePositive('clipGradNorm', { normType })
  return noGrad(() => {
    const present = gradients.flatMap((g) => (g ? [g.detach()] : []))
    const [first] = present
    if (!first) return { gradients, norm: zeros([]) }
    const norm = totalNorm(present, normType)
    const factor = norm.add(1e-6).reciprocal().mul(maxNorm).minimum(1)
    return { gradients: gradients.map((g) => g?.detach().mul(factor)), norm }
  })
}

/**
 * Shortens the gradients that `backward()` accumulated, as {@link clipByNorm} does. Inside a
 * compiled step it is part of the program. As torch.nn.utils.clip_grad_norm_.
 *
 * @returns The norm before, f32 []; 0 without gradients.
 *
 * @throws BrickError `argument` for a `maxNorm` below 0 or a `normType` of 0 and below.
 *
 * @example
 * ```ts
 * loss.backward()
 * optim.clipGradNorm(model, 1)
 * optimizer.step()
 * ```
 */
export function clipGradNorm(
  parameters: ParameterList,
  maxNorm: number,
  options: ClipNormOptions = {},
): Tensor {
  const list = tensorsIn(parameters)
  const { gradients, norm } = clipByNorm(
    list.map((p) => p.grad),
    maxNorm,
    options,
  )
  list.forEach((p, i) => {
    p.grad = gradients[i]
  })
  return norm
}

/**
 * Limits each element of the gradients that `backward()` accumulated to [−clipValue, clipValue].
 * As torch.nn.utils.clip_grad_value_.
 *
 * @throws BrickError `argument` for a `clipValue` below 0.
 *
 * @example
 * ```ts
 * loss.backward()
 * optim.clipGradValue(model, 0.5)
 * optimizer.step()
 * ```
 */
export function clipGradValue(parameters: ParameterList, clipValue: number): void {
  requireNatural('clipGradValue', { clipValue })
  for (const p of tensorsIn(parameters)) {
    p.grad = noGrad(() => p.grad?.detach().clamp(-clipValue, clipValue))
  }
}
