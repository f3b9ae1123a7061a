import { normalizeAxis } from '../../base/shape.ts'
import { noGrad } from '../../tensor/grad-mode.ts'
import { type Tensor, variable } from '../../tensor/tensor.ts'
import { TransposedConvolution } from '../convolution/conv-transpose.ts'
import { normal } from '../init/init.ts'
import { refuseOption, requireSizes } from '../module/check.ts'
import type { AnyModule } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import { Parametrization, parametrize, weightOf } from './parametrize.ts'

export interface SpectralNormOptions {
  /** Steps of the power iteration each time the weight is read in training (default 1). */
  readonly iterations?: number
  /** The dim of the outputs (default 0; 1 for transposed convolutions). */
  readonly dim?: number
  /** No length is divided by less (default 1e-12). */
  readonly eps?: number
}

/** Steps of the power iteration with which the vectors begin, as in PyTorch. */
const FIRST_STEPS = 15

class SpectralNorm extends Parametrization {
  readonly original: Tensor
  /** Left and right singular vectors of the largest singular value, as far as they are known. */
  readonly u: Tensor
  readonly v: Tensor
  private readonly iterations: number
  private readonly dim: number
  private readonly eps: number

  constructor(weight: Tensor, { iterations = 1, dim = 0, eps = 1e-12 }: SpectralNormOptions) {
    super()
    this.iterations = iterations
    this.dim = dim
    this.eps = eps
    this.original = parameter(weight.detach())
    const [rows = 0, columns = 0] = this.matrix().shape
    this.u = variable(this.unit(normal([rows])))
    this.v = variable(this.unit(normal([columns])))
    this.iterate(FIRST_STEPS)
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries({ original: this.original, 0: { _u: this.u, _v: this.v } })
  }

  /** The weight as [outputs, rest]. */
  private matrix(): Tensor {
    const { original, dim } = this
    const others = original.shape.map((_, i) => i).filter((i) => i !== dim)
    return original.permute([dim, ...others]).reshape([original.shape[dim]!, -1])
  }

  private unit(vector: Tensor): Tensor {
    return vector.div(vector.norm().maximum(this.eps))
  }

  /** Turns u and v towards the largest singular value. */
  private iterate(steps: number): void {
    noGrad(() => {
      const matrix = this.matrix().detach()
      let [u, v]: [Tensor, Tensor] = [this.u, this.v]
      for (let i = 0; i < steps; i++) {
        u = this.unit(matrix.matmul(v))
        v = this.unit(matrix.transpose().matmul(u))
      }
      this.u.assign(u)
      this.v.assign(v)
    })
  }

  forward(): Tensor {
    if (this.training) this.iterate(this.iterations)
    const [u, v] = [this.u.detach(), this.v.detach()]
    const sigma = u.mul(this.matrix().matmul(v)).sum()
    return this.original.div(sigma)
  }

  set(weight: Tensor): void {
    this.original.assign(weight.detach())
  }
}

/**
 * A weight divided by its largest singular value, w / σ(w), so that the layer stretches nothing by
 * more than 1. σ is found by power iteration, a step each time the weight is read in training; in
 * evaluation the vectors stay. States have PyTorch's names, `parametrizations.weight.original` and
 * `parametrizations.weight.0._u`, `_v`. Returns the module.
 *
 * Source: Miyato et al., “Spectral normalization for generative adversarial networks”, 2018.
 *
 * @throws BrickError `argument` for a name that is none of the module's own parameters, or a weight
 * of fewer than two dims.
 *
 * @example
 * ```ts
 * const layer = nn.spectralNorm(new nn.Linear(8, 4))
 * layer.forward(input).shape // [2, 4]
 * ```
 */
export function spectralNorm<M extends AnyModule>(
  module: M,
  name = 'weight',
  options: SpectralNormOptions = {},
): M {
  const weight = weightOf('spectralNorm', module, name)
  requireSizes('spectralNorm', { iterations: options.iterations ?? 1 })
  if (weight.rank < 2) {
    throw refuseOption('spectralNorm', `'${name}' of ${weight.rank} dim`, '2 dims or more')
  }
  const outputs = module instanceof TransposedConvolution ? 1 : 0
  const dim = normalizeAxis(options.dim ?? outputs, weight.rank, 'spectralNorm')
  parametrize(module, name, new SpectralNorm(weight, { ...options, dim }))
  return module
}
