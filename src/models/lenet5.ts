import { BrickError } from '../base/errors.ts'
import { Conv2d } from '../nn/convolution/conv.ts'
import { uniform } from '../nn/init/init.ts'
import { Linear } from '../nn/linear/linear.ts'
import { Module } from '../nn/module/module.ts'
import { parameter } from '../nn/module/parameter.ts'
import { zeros } from '../tensor/create.ts'
import { avgPool2d, conv2d } from '../tensor/functions.ts'
import { type Tensor, tensor, variable } from '../tensor/tensor.ts'
import { channelsOf, type ModelSizes } from './model.ts'

export interface LeNet5Options {
  /**
   * `rbf`: minus the squared distances from each class's picture of 7 × 12, which is not trained;
   * `linear`: a layer of scores (default).
   */
  readonly output?: 'linear' | 'rbf'
}

/** Which of the six maps each of the sixteen filters of the second convolution sees: the paper's table I. */
const connections = [
  [0, 1, 2],
  [1, 2, 3],
  [2, 3, 4],
  [3, 4, 5],
  [0, 4, 5],
  [0, 1, 5],
  [0, 1, 2, 3],
  [1, 2, 3, 4],
  [2, 3, 4, 5],
  [0, 3, 4, 5],
  [0, 1, 4, 5],
  [0, 1, 2, 5],
  [0, 1, 3, 4],
  [1, 2, 4, 5],
  [0, 2, 3, 5],
  [0, 1, 2, 3, 4, 5],
] as const

/** 1.7159 · tanh(⅔ a): ±1 where a is ±1, so that units work where they are steep. */
const squash = (a: Tensor): Tensor =>
  a
    .mul(2 / 3)
    .tanh()
    .mul(1.7159)

/** Means of 2 × 2 elements, times a coefficient and plus a bias of each map, squashed. */
class Subsampling extends Module {
  coefficient: Tensor
  bias: Tensor

  constructor(maps: number) {
    super()
    this.coefficient = parameter(uniform([maps, 1, 1], 0.5, 1.5))
    this.bias = parameter(zeros([maps, 1, 1]))
  }

  forward(x: Tensor): Tensor {
    return squash(avgPool2d(x, 2).mul(this.coefficient).add(this.bias))
  }
}

/** A convolution whose filters see some of the maps each. */
class PartialConv2d extends Conv2d {
  /** 1 where a filter sees a map: [filters, maps, 1, 1]. */
  readonly mask: Tensor

  constructor(maps: number, table: readonly (readonly number[])[]) {
    super(maps, table.length, 5)
    const rows = table.map((seen) =>
      Array.from({ length: maps }, (_, i) => Number(seen.includes(i))),
    )
    this.mask = variable(tensor(rows).reshape([table.length, maps, 1, 1]))
  }

  override forward(x: Tensor): Tensor {
    return conv2d(x, this.weight.mul(this.mask), this.bias)
  }
}

/** Parts of a digit on a seven-segment display, clockwise from the top, the middle one last. */
const segments = [
  'abcdef',
  'bc',
  'abged',
  'abgcd',
  'fgbc',
  'afgcd',
  'afgedc',
  'abc',
  'abcdefg',
  'abcdfg',
]
const strokes: Readonly<Record<string, (row: number, column: number) => boolean>> = {
  a: (row) => row < 2,
  b: (row, column) => column > 4 && row < 7,
  c: (row, column) => column > 4 && row > 4,
  d: (row) => row > 9,
  e: (row, column) => column < 2 && row > 4,
  f: (row, column) => column < 2 && row < 7,
  g: (row) => row === 5 || row === 6,
}

/** A picture of 12 rows of 7 for each digit, ±1. */
function pictures(classes: number): number[][] {
  return segments.slice(0, classes).map((parts) =>
    Array.from({ length: 84 }, (_, i) => {
      const [row, column] = [Math.floor(i / 7), i % 7]
      return [...parts].some((part) => strokes[part]!(row, column)) ? 1 : -1
    }),
  )
}

/** y = −‖x − picture‖² of each class. */
class Distances extends Module {
  /** Not trained: [classes, 84]. */
  readonly codes: Tensor

  constructor(classes: number) {
    super()
    if (classes > segments.length) {
      throw new BrickError({
        kind: 'argument',
        where: 'LeNet5',
        got: `output 'rbf' for ${classes} classes`,
        wanted: `at most ${segments.length}, the digits that there are pictures of`,
        remedy: "Use output: 'linear'.",
      })
    }
    this.codes = variable(tensor(pictures(classes)))
  }

  forward(x: Tensor): Tensor {
    return x.unsqueeze(1).sub(this.codes).square().sum(2).neg()
  }
}

/**
 * LeNet-5 of 1998: convolutions of 5 × 5 and trained subsampling, the second convolution's filters
 * seeing some maps each, squashed by 1.7159 tanh(⅔ a); x [N, C, 32, 32], or 28 × 28 with a margin of 2
 * → scores [N, classes].
 *
 * Source: LeCun, Bottou, Bengio, Haffner, “Gradient-based learning applied to document recognition”,
 * 1998. The pictures for `output: 'rbf'` are a seven-segment display's, not the paper's.
 *
 * @throws BrickError `shape` for other images, `argument` for `rbf` and more than ten classes.
 */
export class LeNet5 extends Module {
  readonly c1: Conv2d
  readonly s2 = new Subsampling(6)
  readonly c3 = new PartialConv2d(6, connections)
  readonly s4 = new Subsampling(16)
  readonly c5 = new Conv2d(16, 120, 5)
  readonly f6 = new Linear(120, 84)
  readonly output: Linear | Distances

  constructor({ inputShape, classes }: ModelSizes, { output = 'linear' }: LeNet5Options = {}) {
    super()
    const channels = channelsOf('LeNet5', inputShape, 28)
    const [, height, width] = inputShape
    const size = height === width && (height === 28 || height === 32) ? height : undefined
    if (size === undefined) {
      throw new BrickError({
        kind: 'shape',
        where: 'LeNet5',
        got: `images of ${height} × ${width}`,
        wanted: '32 × 32, or 28 × 28, which get a margin',
      })
    }
    this.c1 = new Conv2d(channels, 6, 5, { padding: (32 - size) / 2 })
    this.output = output === 'rbf' ? new Distances(classes) : new Linear(84, classes)
  }

  forward(x: Tensor): Tensor {
    const maps = this.s2.forward(squash(this.c1.forward(x)))
    const more = this.s4.forward(squash(this.c3.forward(maps)))
    const features = squash(this.c5.forward(more)).flatten(1)
    return this.output.forward(squash(this.f6.forward(features)))
  }
}
