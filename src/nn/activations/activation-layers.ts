import type { Tensor } from '../../tensor/tensor.ts'
import { Module } from '../module/module.ts'
import {
  celu,
  elu,
  type GeluOptions,
  gelu,
  glu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  mish,
  relu6,
  selu,
  silu,
  softplus,
  softsign,
} from './activations.ts'

/** Rectified linear unit: max(0, x). */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return x.relu()
  }
}

/** x above 0, slope · x below. */
export class LeakyReLU extends Module {
  readonly slope: number
  constructor(slope = 0.01) {
    super()
    this.slope = slope
  }
  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.slope)
  }
  protected override describe(): string {
    return `slope=${this.slope}`
  }
}

/** x above 0, α·(eˣ − 1) below. */
export class ELU extends Module {
  readonly alpha: number
  constructor(alpha = 1) {
    super()
    this.alpha = alpha
  }
  forward(x: Tensor): Tensor {
    return elu(x, this.alpha)
  }
  protected override describe(): string {
    return `alpha=${this.alpha}`
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return x.sigmoid()
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return x.tanh()
  }
}

/** Limited to [min, max]; also called ramp. */
export class Hardtanh extends Module {
  readonly min: number
  readonly max: number
  constructor(min = -1, max = 1) {
    super()
    this.min = min
    this.max = max
  }
  forward(x: Tensor): Tensor {
    return hardtanh(x, this.min, this.max)
  }
  protected override describe(): string {
    return `min=${this.min}, max=${this.max}`
  }
}

/** eˣ / Σ eˣ along a dim: numbers to probabilities. For training, cross entropy takes logits. */
export class Softmax extends Module {
  readonly dim: number
  constructor(dim = -1) {
    super()
    this.dim = dim
  }
  forward(x: Tensor): Tensor {
    return x.softmax(this.dim)
  }
  protected override describe(): string {
    return `dim=${this.dim}`
  }
}

/** x − log Σ eˣ along a dim. */
export class LogSoftmax extends Module {
  readonly dim: number
  constructor(dim = -1) {
    super()
    this.dim = dim
  }
  forward(x: Tensor): Tensor {
    return x.logSoftmax(this.dim)
  }
  protected override describe(): string {
    return `dim=${this.dim}`
  }
}

/** x · Φ(x). */
export class GELU extends Module {
  readonly options: GeluOptions
  constructor(options: GeluOptions = {}) {
    super()
    this.options = options
  }
  forward(x: Tensor): Tensor {
    return gelu(x, this.options)
  }
  protected override describe(): string {
    return `approximate=${this.options.approximate ?? 'none'}`
  }
}

/** x · sigmoid(x). */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x)
  }
}

/** log(1 + e^(βx)) / β. */
export class Softplus extends Module {
  readonly beta: number
  constructor(beta = 1) {
    super()
    this.beta = beta
  }
  forward(x: Tensor): Tensor {
    return softplus(x, this.beta)
  }
  protected override describe(): string {
    return `beta=${this.beta}`
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

/** Another name of {@link Hardtanh}. */
export const Ramp = Hardtanh
