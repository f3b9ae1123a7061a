import { sameShape, showShape } from '../../base/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseInput } from '../module/check.ts'
import { Module } from '../module/module.ts'

/**
 * What a block adds to its input: y = shortcut(x) + block(x), with x itself unless there is a
 * shortcut (a 1 × 1 convolution, say, where the block changes the shape).
 *
 * Source: He et al., “Deep residual learning for image recognition”, 2015.
 *
 * @throws BrickError `shape` if the two sides differ.
 *
 * @example
 * ```ts
 * new nn.Residual(new nn.Sequential(new nn.Linear(8, 8), new nn.ReLU())).forward(input).shape // [2, 8]
 * ```
 */
export class Residual extends Module {
  readonly block: Module
  readonly shortcut: Module | undefined

  constructor(block: Module, shortcut?: Module) {
    super()
    this.block = block
    this.shortcut = shortcut
  }

  forward(x: Tensor): Tensor {
    const [side, y] = [this.shortcut ? this.shortcut.forward(x) : x, this.block.forward(x)]
    if (sameShape(side.shape, y.shape)) return side.add(y)
    throw refuseInput(
      y.shape,
      `the shortcut's shape ${showShape(side.shape)}`,
      `${showShape(y.shape)} from the block`,
      'Give a shortcut that changes the shape in the same way.',
    )
  }
}
