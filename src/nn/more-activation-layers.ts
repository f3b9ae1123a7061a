import { full } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import {
  celu,
  glu,
  hardsigmoid,
  hardswish,
  logSigmoid,
  maxout,
  mish,
  prelu,
  relu6,
  selu,
  softsign,
} from './activations.ts'
import { requireSizes } from './check.ts'
import { uniform } from './init.ts'
import type { LinearOptions } from './linear.ts'
import { Module } from './module.ts'
import { parameter } from './parameter.ts'

/**
 * x above 0, a learnt slope times x below: {@link prelu}. `weight` [count] begins as 0.25.
 *
 * @example
 * ```ts
 * new nn.PReLU().forward(tensor([-4, 2])) // [-1, 2]
 * ```
 */
export class PReLU extends Module {
  weight: Tensor
  /** @param count 1 slope for all, or one for each channel. */
  constructor(count = 1, initial = 0.25) {
    super()
    requireSizes('PReLU', { count })
    this.weight = parameter(full([count], initial))
  }
  forward(x: Tensor): Tensor {
    return prelu(x, this.weight)
  }
  protected override describe(): string {
    return `${this.weight.size}`
  }
}

/** scale · ELU, which keeps mean 0 and variance 1. */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return selu(x)
  }
}

/** x above 0, α·(e^(x/α) − 1) below. */
export class CELU extends Module {
  readonly alpha: number
  constructor(alpha = 1) {
    super()
    this.alpha = alpha
  }
  forward(x: Tensor): Tensor {
    return celu(x, this.alpha)
  }
  protected override describe(): string {
    return `alpha=${this.alpha}`
  }
}

/** x · tanh(softplus(x)). */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return mish(x)
  }
}

/** x · min(max(0, x + 3), 6) / 6. */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return hardswish(x)
  }
}

/** min(max(0, x + 3), 6) / 6. */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return hardsigmoid(x)
  }
}

/** min(max(0, x), 6). */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return relu6(x)
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return softsign(x)
  }
}

/** log(1 / (1 + e⁻ˣ)). */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return logSigmoid(x)
  }
}

/** One half of a dim, opened and closed by the other: a · sigmoid(b). */
export class GLU extends Module {
  readonly dim: number
  constructor(dim = -1) {
    super()
    this.dim = dim
  }
  forward(x: Tensor): Tensor {
    return glu(x, this.dim)
  }
  protected override describe(): string {
    return `dim=${this.dim}`
  }
}

/**
 * The largest of several linear layers: {@link maxout} with learnt weights, x […, in] → […, out].
 * `weight` [pieces, out, in] and `bias` [pieces, out] begin as U(±1/√in).
 *
 * @example
 * ```ts
 * new nn.Maxout(8, 4, 3).forward(input).shape // [2, 4]
 * ```
 */
export class Maxout extends Module {
  weight: Tensor
  bias: Tensor | undefined

  constructor(
    inFeatures: number,
    outFeatures: number,
    pieces = 2,
    { bias = true }: LinearOptions = {},
  ) {
    super()
    requireSizes('Maxout', { inFeatures, outFeatures, pieces })
    const bound = 1 / Math.sqrt(inFeatures)
    this.weight = parameter(uniform([pieces, outFeatures, inFeatures], -bound, bound))
    this.bias = bias ? parameter(uniform([pieces, outFeatures], -bound, bound)) : undefined
  }
  forward(x: Tensor): Tensor {
    return maxout(x, this.weight, this.bias)
  }
  protected override describe(): string {
    const [pieces, out, inner] = this.weight.shape
    return `${inner}, ${out}, pieces=${pieces}`
  }
}
