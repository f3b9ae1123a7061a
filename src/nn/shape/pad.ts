import type { Pair } from '../../tensor/compose/contraction.ts'
import type { PadMode } from '../../tensor/compose/movement.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseInput, refuseOption } from '../module/check.ts'
import { Module } from '../module/module.ts'

export interface PadOptions {
  /** What is added: a value (`constant`, default), or the input reflected, repeated, wrapped. */
  readonly mode?: PadMode
  /** The value of `constant` (default 0). */
  readonly value?: number
}

/**
 * Elements added around the last dims of x, like `torch.nn.functional.pad`: `amounts` has two
 * numbers a dim, before and after, the last dim first: [left, right, top, bottom]. Negative
 * amounts cut off. `reflect` leaves the edge out, `replicate` repeats it, `circular` wraps.
 *
 * @throws BrickError `argument` for an odd number of amounts or too many, `shape` for more than
 * the input has to reflect or wrap.
 *
 * @example
 * ```ts
 * nn.pad(tensor([[1, 2, 3]]), [1, 2], { mode: 'reflect' }) // [[2, 1, 2, 3, 2, 1]]
 * ```
 */
export function pad(
  x: Tensor,
  amounts: readonly number[],
  { mode = 'constant', value = 0 }: PadOptions = {},
): Tensor {
  if (amounts.length % 2 || amounts.length > 2 * x.rank || !amounts.every(Number.isInteger)) {
    throw refuseOption(
      'pad',
      `[${amounts.join(', ')}]`,
      `whole numbers, two for each of ≤ ${x.rank} dims`,
    )
  }
  const pairs = x.shape.map((_, dim): [number, number] => {
    const at = 2 * (x.rank - 1 - dim)
    return [amounts[at] ?? 0, amounts[at + 1] ?? 0]
  })
  const cut = x.slice(
    ...pairs.map(([a, b], i) => [Math.max(0, -a), x.shape[i]! - Math.max(0, -b)] as const),
  )
  const kept = amounts.some((n) => n < 0) ? cut : x
  return kept.pad(
    pairs.map(([a, b]) => [Math.max(0, a), Math.max(0, b)]),
    mode,
    value,
  )
}

const layouts = { 1: '[N, C, L]', 2: '[N, C, H, W]', 3: '[N, C, D, H, W]' } as const

/** {@link pad} of the spatial dims of x [N, C, …]: one amount for all sides, or two for each dim. */
abstract class Padding extends Module {
  /** [left, right, top, bottom, …], as {@link pad} takes them. */
  readonly padding: readonly number[]
  readonly mode: PadMode
  readonly value: number
  private readonly dims: 1 | 2 | 3

  constructor(dims: 1 | 2 | 3, padding: Pair, mode: PadMode, value = 0) {
    super()
    const all = typeof padding === 'number' ? new Array<number>(2 * dims).fill(padding) : padding
    if (all.length !== 2 * dims || !all.every(Number.isInteger)) {
      const wanted = `a whole number, or ${2 * dims} of them`
      throw refuseOption(new.target.name, `padding = ${JSON.stringify(padding)}`, wanted)
    }
    this.dims = dims
    this.padding = all
    this.mode = mode
    this.value = value
  }
  forward(x: Tensor): Tensor {
    if (x.rank !== this.dims + 2) throw refuseInput(x.shape, layouts[this.dims])
    return pad(x, this.padding, { mode: this.mode, value: this.value })
  }
  protected override describe(): string {
    return `(${this.padding.join(', ')})${this.value ? `, value=${this.value}` : ''}`
  }
}

/** A value around x [N, C, L]. */
export class ConstantPad1d extends Padding {
  constructor(padding: Pair, value: number) {
    super(1, padding, 'constant', value)
  }
}

/** A value around x [N, C, H, W]. */
export class ConstantPad2d extends Padding {
  constructor(padding: Pair, value: number) {
    super(2, padding, 'constant', value)
  }
}

/** A value around x [N, C, D, H, W]. */
export class ConstantPad3d extends Padding {
  constructor(padding: Pair, value: number) {
    super(3, padding, 'constant', value)
  }
}

/** Zeros around x [N, C, L]. */
export class ZeroPad1d extends Padding {
  constructor(padding: Pair) {
    super(1, padding, 'constant')
  }
}

/**
 * Zeros around x [N, C, H, W].
 *
 * @example
 * ```ts
 * new nn.ZeroPad2d([1, 2, 0, 0]).forward(zeros([1, 1, 5, 5])).shape // [1, 1, 5, 8]
 * ```
 */
export class ZeroPad2d extends Padding {
  constructor(padding: Pair) {
    super(2, padding, 'constant')
  }
}

/** Zeros around x [N, C, D, H, W]. */
export class ZeroPad3d extends Padding {
  constructor(padding: Pair) {
    super(3, padding, 'constant')
  }
}

/** x mirrored at its edges, which are not repeated: [N, C, L]. */
export class ReflectionPad1d extends Padding {
  constructor(padding: Pair) {
    super(1, padding, 'reflect')
  }
}

/** x mirrored at its edges, which are not repeated: [N, C, H, W]. */
export class ReflectionPad2d extends Padding {
  constructor(padding: Pair) {
    super(2, padding, 'reflect')
  }
}

/** x mirrored at its edges, which are not repeated: [N, C, D, H, W]. */
export class ReflectionPad3d extends Padding {
  constructor(padding: Pair) {
    super(3, padding, 'reflect')
  }
}

/** The edges of x repeated: [N, C, L]. */
export class ReplicationPad1d extends Padding {
  constructor(padding: Pair) {
    super(1, padding, 'replicate')
  }
}

/** The edges of x repeated: [N, C, H, W]. */
export class ReplicationPad2d extends Padding {
  constructor(padding: Pair) {
    super(2, padding, 'replicate')
  }
}

/** The edges of x repeated: [N, C, D, H, W]. */
export class ReplicationPad3d extends Padding {
  constructor(padding: Pair) {
    super(3, padding, 'replicate')
  }
}

/** x continued from its other end: [N, C, L]. */
export class CircularPad1d extends Padding {
  constructor(padding: Pair) {
    super(1, padding, 'circular')
  }
}

/** x continued from its other end: [N, C, H, W]. */
export class CircularPad2d extends Padding {
  constructor(padding: Pair) {
    super(2, padding, 'circular')
  }
}

/** x continued from its other end: [N, C, D, H, W]. */
export class CircularPad3d extends Padding {
  constructor(padding: Pair) {
    super(3, padding, 'circular')
  }
}
