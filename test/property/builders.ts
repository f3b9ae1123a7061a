import type { DType } from '../../src/base/dtype.ts'
import { sizeOf } from '../../src/base/shape.ts'
import type { Attributes, OpName } from '../../src/graph/attributes.ts'
import { make as makeNode } from '../../src/graph/make.ts'
import type { Node } from '../../src/graph/node.ts'
import { type ElementwiseName, elementwiseNames, recordOf } from '../../src/graph/ops.ts'
import type { ElementwiseOp } from '../../src/graph/record.ts'
import type { Builder, Builders } from './builder.ts'
import { loop } from './builders-loops.ts'
import { movement } from './builders-movement.ts'
import { contractions, indexing, transforms } from './builders-products.ts'
import { Garden } from './garden.ts'

const allDTypes: readonly DType[] = ['f32', 'i32', 'u8', 'bool']

/** The dtypes that an op's record accepts for its inputs. */
function signatures(op: ElementwiseName, arity: number, attrs: Attributes[OpName]): DType[][] {
  const equal = allDTypes.map((dtype) => new Array<DType>(arity).fill(dtype))
  const chosen = allDTypes.map((dtype): DType[] => ['bool', dtype, dtype])
  const garden = new Garden()
  return (arity === 3 ? chosen : equal).filter((signature) => {
    const inputs = signature.map((dtype) => garden.plant([], dtype, () => 1))
    try {
      recordOf<OpName>(op).infer(inputs, attrs, op)
      return true
    } catch {
      return false
    }
  })
}

/** From the record alone: arity, dtypes, domain. */
function elementwise(op: ElementwiseName): Builder {
  const record = recordOf<OpName>(op) as ElementwiseOp<OpName>
  const exact = !record.heavy && record.domain[0] === -3 && record.domain[1] === 3
  return (garden, dice) => {
    const attrs = (op === 'cast' ? { to: dice.pick(allDTypes) } : {}) as Attributes[OpName]
    const [first, ...rest] = dice.pick(signatures(op, record.arity, attrs)) as [DType, ...DType[]]
    const x = garden.operand(dice, first)
    const others = rest.map((dtype) => garden.operand(dice, dtype, x.shape))
    // Additions and the like are defined everywhere.
    const inputs = [x, ...others].map((n) => (exact ? n : garden.fit(n, record.domain)))
    return garden.make<OpName>(op, inputs, attrs)
  }
}

const axesOf = (x: Node): number[] => x.shape.map((_, axis) => axis)

const reduction =
  (op: 'sum' | 'amax' | 'prod' | 'argmax'): Builder =>
  (garden, dice) => {
    const dtype = op === 'prod' ? 'f32' : dice.pick(['f32', 'f32', 'i32'] as const)
    let x = garden.operand(dice, dtype)
    // The largest of no elements is refused by the Tensor API.
    if ((op === 'amax' || op === 'argmax') && sizeOf(x.shape) === 0) x = garden.leaf(dice, [3, 2])
    if (op === 'prod') x = garden.fit(x, [-1.5, 1.5])
    const axes = dice.some(axesOf(x)).sort((a, b) => a - b)
    return garden.make(op, [x], { axes: axes.length > 0 ? axes : axesOf(x) })
  }

const others: Builders<Exclude<OpName, ElementwiseName>> = {
  ...movement,
  ...contractions,
  ...indexing,
  ...transforms,
  buffer: (garden, dice) => garden.leaf(dice, garden.shape(dice), dice.pick(allDTypes)),
  constant: (garden, dice) =>
    garden.make('constant', [], {
      value: dice.below(5) - 2,
      shape: garden.shape(dice),
      dtype: dice.pick(['f32', 'i32'] as const),
    }),
  iota: (garden, dice) => {
    const shape = [dice.below(5) + 1, ...garden.shape(dice, dice.below(3))]
    return garden.make('iota', [], { shape, axis: dice.below(shape.length) })
  },
  random: (garden, dice) => {
    const shape = garden.shape(dice)
    const key = garden.leaf(dice, [2], 'i32')
    const bits = garden.make('random', [key], { shape, stream: dice.below(3) })
    // The upper bits, as numbers that later ops can hold exactly.
    return garden.make('shr', [bits, garden.like(bits, 25)], {})
  },
  detach: (garden, dice) => garden.make('detach', [garden.any(dice)], {}),
  barrier: (garden, dice) => garden.make('barrier', [garden.any(dice), garden.any(dice)], {}),
  custom: (garden, dice) => {
    const x = garden.operand(dice, 'f32')
    const twice = (n: Node) => garden.make('mul', [n, garden.like(n, 2)], {})
    const value = garden.make('detach', [twice(x)], {})
    return garden.make('custom', [value, x], { backward: (g) => [doubled(g as Node)] })
  },
  sum: reduction('sum'),
  amax: reduction('amax'),
  prod: reduction('prod'),
  argmax: reduction('argmax'),
  cumsum: (garden, dice) => {
    const x = garden.ranked(dice, dice.pick(['f32', 'i32'] as const))
    return garden.make('cumsum', [x], { axis: dice.below(x.shape.length) })
  },
  // A scan has no value itself.
  scan: (garden, dice) => loop((op) => builders[op])(garden, dice),
  scanned: (garden, dice) => loop((op) => builders[op])(garden, dice),
}

/** The gradient of doubling, for `custom`. */
const doubled = (g: Node): Node => makeNode('add', [g, g], {})

/** A builder for every op; one that is left out does not compile. */
export const builders: Builders<OpName> = {
  ...Object.fromEntries(elementwiseNames.map((op) => [op, elementwise(op)])),
  ...others,
} as Builders<OpName>
