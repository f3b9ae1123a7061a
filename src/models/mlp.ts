import { BrickError } from '../base/errors.ts'
import { sizeOf } from '../base/shape.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ModelSizes } from './model.ts'

/** Hidden units for each input, unless they are given: 784-1568-10 on 28 × 28 images. */
const WIDTH = 2

/**
 * A multilayer perceptron: linear layers with ReLUs between; x [N, …] → scores [N, classes]. Without
 * sizes, one hidden layer twice as wide as the input. Layers are named fc1, fc2, …
 *
 * @throws BrickError `argument` for sizes that do not fit the inputs and classes.
 *
 * @example
 * ```ts
 * const model = new MLP({ inputShape: [1, 28, 28], classes: 10 }, [784, 300, 100, 10])
 * ```
 */
export class MLP extends Module {
  private readonly layers: readonly Linear[]

  constructor({ inputShape, classes }: ModelSizes, given?: readonly number[]) {
    super()
    const inputs = sizeOf(inputShape)
    const sizes = given ?? [inputs, WIDTH * inputs, classes]
    if (sizes.length < 2 || sizes[0] !== inputs || sizes.at(-1) !== classes) {
      throw new BrickError({
        kind: 'argument',
        where: 'MLP',
        got: sizes.join('-'),
        wanted: `${inputs}-…-${classes}, from the inputs to the classes`,
      })
    }
    this.layers = sizes.slice(1).map((size, i) => new Linear(sizes[i]!, size))
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return this.layers.map((layer, i) => [`fc${i + 1}`, layer] as const)
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer, i) => {
      return layer.forward(i === 0 ? y : y.relu())
    }, x.flatten(1))
  }
}
