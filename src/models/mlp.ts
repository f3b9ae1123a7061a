import { sizeOf } from '../base/shape.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ModelSizes } from './model.ts'

/** Hidden units for each input: 784-1568-10 on 28 × 28 images. */
const WIDTH = 2

/**
 * A multilayer perceptron with one hidden layer of ReLUs, twice as wide as the input;
 * x [N, …] → scores [N, classes].
 *
 * @example
 * ```ts
 * const model = new MLP({ inputShape: [1, 28, 28], classes: 10 })
 * ```
 */
export class MLP extends Module {
  readonly fc1: Linear
  readonly fc2: Linear

  constructor({ inputShape, classes }: ModelSizes) {
    super()
    const inputs = sizeOf(inputShape)
    this.fc1 = new Linear(inputs, WIDTH * inputs)
    this.fc2 = new Linear(WIDTH * inputs, classes)
  }

  forward(x: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(x.flatten(1)).relu())
  }
}
