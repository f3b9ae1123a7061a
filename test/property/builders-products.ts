import type { Builders } from './builder.ts'
import type { Dice } from './dice.ts'
import type { Garden } from './garden.ts'

/** Second factor's labels: some of the first's, in any order, and new ones. */
function labelled(garden: Garden, dice: Dice) {
  const x = garden.operand(dice, 'f32')
  const a = x.shape.map((_, axis) => axis)
  const shared = dice.some(a)
  const fresh = Array.from({ length: dice.below(3) }, (_, i) => a.length + i)
  const b = dice.shuffle([...shared, ...fresh])
  const shape = b.map((label) => x.shape[label] ?? dice.pick([2, 3, 1, 4, 5]))
  return { x, a, b, y: garden.operand(dice, 'f32', shape) }
}

export const contractions: Builders<'contract' | 'convolution'> = {
  contract: (garden, dice) => {
    const { x, y, a, b } = labelled(garden, dice)
    const all = [...new Set([...a, ...b])]
    const sizes = all.map((label) =>
      a.includes(label) ? x.shape[label]! : y.shape[b.indexOf(label)]!,
    )
    let room = 200
    const out = dice.some(all).filter((label) => {
      const extent = sizes[all.indexOf(label)]!
      if (extent > room) return false
      room /= Math.max(1, extent)
      return true
    })
    return garden.make('contract', [x, y], { a, b, out })
  },
  convolution: (garden, dice) => {
    const d = dice.pick([2, 1, 2, 3] as const)
    const groups = dice.pick([1, 1, 2, 3])
    const [channels, kernels] = [dice.pick([1, 2, 3]), dice.pick([2, 1, 3])]
    const most = [6, 5, 3][d - 1]!
    const kernel = Array.from({ length: d }, () => dice.below(Math.min(3, most)) + 1)
    const dilation = kernel.map(() => (dice.below(3) === 2 ? 2 : 1))
    const stride = kernel.map(() => dice.below(3) + 1)
    const spatial = kernel.map((size, i) => dilation[i]! * (size - 1) + 1 + dice.below(most))
    const shape = [dice.pick([1, 2]), channels * groups, ...spatial]
    const x = garden.operand(dice, 'f32', shape)
    const weight = garden.operand(dice, 'f32', [kernels * groups, channels, ...kernel])
    return garden.make('convolution', [x, weight], { stride, dilation, groups })
  },
}

export const transforms: Builders<'convolutionWeight' | 'transform' | 'overlapAdd'> = {
  convolutionWeight: (garden, dice) => {
    const d = dice.pick([2, 1, 3] as const)
    const groups = dice.pick([1, 1, 2])
    const [channels, kernels] = [dice.pick([1, 2, 3]), dice.pick([2, 1, 3])]
    const kernel = Array.from({ length: d }, () => dice.below(3) + 1)
    const dilation = kernel.map(() => (dice.below(3) === 2 ? 2 : 1))
    const stride = kernel.map(() => dice.below(3) + 1)
    const positions = kernel.map(() => dice.below(3) + 1)
    const spatial = kernel.map(
      (size, i) =>
        dilation[i]! * (size - 1) + 1 + (positions[i]! - 1) * stride[i]! + dice.below(stride[i]!),
    )
    const n = dice.pick([1, 2])
    const x = garden.operand(dice, 'f32', [n, channels * groups, ...spatial])
    const g = garden.operand(dice, 'f32', [n, kernels * groups, ...positions])
    return garden.make('convolutionWeight', [x, g], { kernel, stride, dilation, groups })
  },
  overlapAdd: (garden, dice) => {
    const d = dice.pick([1, 2])
    const each = Array.from({ length: d }, () => {
      const [size, stride, dilation] = [dice.below(3) + 1, dice.below(3) + 1, dice.below(2) + 1]
      const windows = dice.pick([1, 2, 5, 9])
      const reach = (windows - 1) * stride + (size - 1) * dilation + 1
      return { size, stride, dilation, windows, extent: reach + dice.below(3) }
    })
    const leading = Array.from({ length: dice.below(2) }, () => dice.below(3) + 1)
    const axes = dice.shuffle(each.map((_, i) => leading.length + i))
    const ordered = axes.map((axis) => each[axis - leading.length]!)
    const shape = [...leading, ...each.map((e) => e.windows), ...ordered.map((e) => e.size)]
    const x = garden.operand(dice, dice.pick(['f32', 'f32', 'i32'] as const), shape)
    const list = (key: 'size' | 'stride' | 'dilation' | 'extent') => ordered.map((e) => e[key])
    return garden.make('overlapAdd', [x], {
      axes,
      size: list('size'),
      stride: list('stride'),
      dilation: list('dilation'),
      extent: list('extent'),
    })
  },
  transform: (garden, dice) => {
    const columns = dice.pick([3, 2, 4, 6])
    const rows = dice.pick([2, 3, 4, 6])
    const matrix = Array.from({ length: rows }, () =>
      Array.from({ length: columns }, () => dice.pick([0, 1, -1, 2, 0.5, -4])),
    )
    const rest = Array.from({ length: dice.below(3) }, () => dice.pick([2, 1, 5, 17]))
    const twice = dice.pick([true, false])
    const shape = dice.shuffle(twice ? [columns, columns, ...rest] : [columns, ...rest])
    const found = shape.flatMap((extent, axis) => (extent === columns ? [axis] : []))
    const axes = dice.shuffle(found).slice(0, twice ? 2 : 1)
    const x = garden.operand(dice, 'f32', shape)
    return garden.make('transform', [x], { axes, matrix })
  },
}

/** Positions along an axis of this size; out of range now and then. */
function positions(garden: Garden, dice: Dice, shape: readonly number[], extent: number) {
  const stray = dice.below(6) === 5 ? 1 : 0
  const high = Math.max(1, extent + stray)
  let next = dice.below(1000)
  return garden.plant(shape, 'i32', () => {
    next = (next * 31 + 17) % 9973
    return (next % high) - (stray && next % 7 === 0 ? 1 : 0)
  })
}

export const indexing: Builders<'gather' | 'scatterAdd'> = {
  gather: (garden, dice) => {
    const x = garden.ranked(dice, dice.pick(['f32', 'f32', 'i32', 'u8', 'bool'] as const))
    const axis = dice.below(x.shape.length)
    const shape = x.shape.with(axis, dice.pick([2, 1, 3, 5, 0]))
    const index = positions(garden, dice, shape, x.shape[axis]!)
    return garden.make('gather', [x, index], { axis })
  },
  scatterAdd: (garden, dice) => {
    const base = garden.ranked(dice, dice.pick(['f32', 'f32', 'i32'] as const))
    const axis = dice.below(base.shape.length)
    const shape = base.shape.with(axis, dice.pick([2, 1, 4, 6, 0]))
    const index = positions(garden, dice, shape, base.shape[axis]!)
    const source = garden.operand(dice, base.dtype, shape)
    return garden.make('scatterAdd', [base, index, source], { axis })
  },
}
