import type { Node } from '../../src/graph/node.ts'
import type { Builders } from './builder.ts'
import type { Dice } from './dice.ts'

const axesOf = (x: Node): number[] => x.shape.map((_, axis) => axis)

/** A way to write a size as a product. */
function factors(size: number, dice: Dice): number[] {
  if (size === 0) return dice.pick([[0], [0, 3], [2, 0, 1]])
  const shape: number[] = []
  let rest = size
  while (rest > 1) {
    const divisors = Array.from({ length: rest - 1 }, (_, i) => rest - i).filter(
      (n) => rest % n === 0,
    )
    const factor = dice.pick(divisors)
    shape.push(factor)
    rest /= factor
    if (dice.below(5) === 4) shape.push(1)
  }
  return shape
}

export const movement: Builders<
  'reshape' | 'permute' | 'expand' | 'pad' | 'slice' | 'flip' | 'concat' | 'window'
> = {
  reshape: (garden, dice) => {
    const x = garden.any(dice)
    const size = x.shape.reduce((a, b) => a * b, 1)
    return garden.make('reshape', [x], { shape: factors(size, dice) })
  },
  permute: (garden, dice) => {
    const x = garden.any(dice)
    return garden.make('permute', [x], { order: dice.shuffle(axesOf(x)) })
  },
  expand: (garden, dice) => {
    const x = garden.any(dice)
    // A new axis of size 1, and those that are there already, may stretch.
    const thin = x.shape.toSpliced(dice.below(x.shape.length + 1), 0, 1)
    let room =
      200 /
      Math.max(
        1,
        x.shape.reduce((a, b) => a * b, 1),
      )
    const shape = thin.map((extent) => {
      const wide = extent === 1 ? Math.min(dice.pick([3, 1, 2, 4, 0]), Math.floor(room)) : extent
      room /= extent === 1 ? Math.max(1, wide) : 1
      return wide
    })
    return garden.make('expand', [garden.make('reshape', [x], { shape: thin })], { shape })
  },
  pad: (garden, dice) => {
    const x = garden.any(dice)
    const few = () => x.shape.map(() => dice.pick([0, 1, 2, 0]))
    return garden.make('pad', [x], {
      low: few(),
      high: few(),
      interior: x.shape.map(() => dice.pick([0, 0, 1, 0, 2])),
      value: dice.pick(x.dtype === 'bool' ? [0, 1] : [0, 1, 0, 2]),
    })
  },
  slice: (garden, dice) => {
    const x = garden.any(dice)
    const start = x.shape.map((extent) => dice.below(extent + 1) % Math.max(1, extent))
    const stop = x.shape.map((extent, i) => extent - dice.below(extent - start[i]! + 1))
    return garden.make('slice', [x], { start, stop, step: x.shape.map(() => dice.below(3) + 1) })
  },
  flip: (garden, dice) => {
    const x = garden.any(dice)
    return garden.make('flip', [x], { axes: dice.some(axesOf(x)) })
  },
  concat: (garden, dice) => {
    const x = garden.ranked(dice, dice.pick(['f32', 'f32', 'i32', 'u8', 'bool'] as const))
    const axis = dice.below(x.shape.length)
    const parts = Array.from({ length: dice.below(3) + 1 }, () => {
      if (dice.below(3) === 2) return x
      return garden.operand(dice, x.dtype, x.shape.with(axis, dice.pick([1, 2, 3, 0])))
    })
    return garden.make('concat', dice.shuffle([x, ...parts]), { axis })
  },
  window: (garden, dice) => {
    let x = garden.ranked(dice, dice.pick(['f32', 'f32', 'i32', 'u8'] as const))
    const axis = dice.below(x.shape.length)
    if (x.shape[axis] === 0) x = garden.leaf(dice, x.shape.with(axis, 4), x.dtype)
    const extent = x.shape[axis]!
    const size = dice.below(extent) + 1
    const most = size === 1 ? 3 : Math.floor((extent - 1) / (size - 1))
    const stride = dice.below(4) === 3 ? size : dice.below(3) + 1
    return garden.make('window', [x], { axis, size, stride, dilation: dice.below(most) + 1 })
  },
}
