import { normalizeAxis } from '../../base/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AnyModule } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import { Parametrization, parametrize, weightOf } from './parametrize.ts'

/** Lengths along all dims but one, at size 1; without one, the length of the whole, []. */
function lengths(weight: Tensor, dim: number | null): Tensor {
  if (dim === null) return weight.norm()
  return weight.norm(
    2,
    weight.shape.map((_, i) => i).filter((i) => i !== dim),
    true,
  )
}

class WeightNorm extends Parametrization {
  readonly original0: Tensor
  readonly original1: Tensor
  private readonly dim: number | null

  constructor(weight: Tensor, dim: number | null) {
    super()
    this.dim = dim
    this.original0 = parameter(lengths(weight, this.dim).detach())
    this.original1 = parameter(weight.detach())
  }
  forward(): Tensor {
    const direction = this.original1.div(lengths(this.original1, this.dim))
    return direction.mul(this.original0)
  }
  set(weight: Tensor): void {
    this.original0.assign(lengths(weight, this.dim).detach())
    this.original1.assign(weight.detach())
  }
}

/**
 * A weight as length times direction, w = g · v / ‖v‖, with a length for each index of `dim` (0:
 * each output; null: one for the whole weight). g and v are trained in the weight's place; their
 * names are PyTorch's, `parametrizations.weight.original0` and `original1`. Returns the module.
 *
 * Source: Salimans and Kingma, “Weight normalization”, 2016.
 *
 * @throws BrickError `argument` for a name that is none of the module's own parameters.
 *
 * @example
 * ```ts
 * const layer = nn.weightNorm(new nn.Linear(8, 4))
 * layer.forward(input).shape // [2, 4]
 * ```
 */
export function weightNorm<M extends AnyModule>(
  module: M,
  name = 'weight',
  dim: number | null = 0,
): M {
  const weight = weightOf('weightNorm', module, name)
  const axis = dim === null ? null : normalizeAxis(dim, weight.rank, 'weightNorm')
  parametrize(module, name, new WeightNorm(weight, axis))
  return module
}
