import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import { type Pair, spatial } from './compose/contraction.ts'
import { resample } from './resample.ts'
import { Tensor } from './tensor.ts'

export interface InterpolateOptions {
  /** The new sizes of the spatial dims; or `scaleFactor`. */
  readonly size?: Pair
  /** How many times larger. */
  readonly scaleFactor?: Pair
  /** `linear`, `bilinear` and `trilinear` are the same thing for 1, 2 and 3 spatial dims. */
  readonly mode?: 'nearest' | 'linear' | 'bilinear' | 'trilinear'
  /** Linear modes: whether the corners' centres coincide, rather than the corners. */
  readonly alignCorners?: boolean
}

/**
 * Resizes the spatial dims of x [N, C, …S] to `size`, or by `scaleFactor`, like
 * `torch.nn.functional.interpolate`. Output position o reads input position
 * s = (o + ½)·(in/out) − ½ (with `alignCorners`: o·(in − 1)/(out − 1)), between its two
 * neighbours; `nearest` reads ⌊o·in/out⌋.
 *
 * Throws a BrickError of kind `argument` unless exactly one of `size` and `scaleFactor` is given.
 *
 * @example
 * ```ts
 * interpolate(tensor([1, 2]).reshape([1, 1, 2]), { scaleFactor: 2 }) // [[[1, 1, 2, 2]]]
 * ```
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const d = x.rank - 2
  const { mode = 'nearest', alignCorners = false } = options
  checkRank(d, mode, x)
  const sizes = targets(x, options, d)
  return sizes.reduce(
    (view, { size, step }, i) =>
      mode === 'nearest'
        ? nearest(view, i + 2, size, step)
        : linearly(view, i + 2, size, step, alignCorners),
    x,
  )
}

const ranks = { linear: 1, bilinear: 2, trilinear: 3 }

function checkRank(d: number, mode: NonNullable<InterpolateOptions['mode']>, x: Tensor): void {
  if (d >= 1 && (mode === 'nearest' || ranks[mode] === d)) return
  throw new BrickError({
    kind: 'shape',
    where: `interpolate (${mode})`,
    got: showShape(x.shape),
    wanted:
      mode === 'nearest' ? '[N, C, …] with at least one spatial dim' : `${ranks[mode] + 2} dims`,
  })
}

interface Target {
  readonly size: number
  /** Input positions for each output position. */
  readonly step: number
}

function targets(x: Tensor, { size, scaleFactor }: InterpolateOptions, d: number): Target[] {
  const extents = x.shape.slice(2)
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new BrickError({
      kind: 'argument',
      where: 'interpolate',
      got: size === undefined ? 'neither size nor scaleFactor' : 'size and scaleFactor',
      wanted: 'one of them',
    })
  }
  if (size !== undefined) {
    const sizes = spatial(size, d, 'interpolate', 'size')
    return sizes.map((n, i) => ({ size: n, step: extents[i]! / n }))
  }
  const factors = typeof scaleFactor === 'number' ? extents.map(() => scaleFactor) : scaleFactor!
  if (factors.length !== d || factors.some((f) => !(f > 0))) {
    throw new BrickError({
      kind: 'argument',
      where: 'interpolate',
      got: `scaleFactor = ${JSON.stringify(scaleFactor)}`,
      wanted: `a number > 0, or ${d} of them`,
    })
  }
  return factors.map((f, i) => ({ size: Math.floor(extents[i]! * f), step: 1 / f }))
}

function nearest(x: Tensor, dim: number, size: number, step: number): Tensor {
  const extent = x.shape[dim]!
  // A whole number of copies of each element: no positions to look up.
  if (size % extent === 0 && Math.fround(1 / step) === size / extent) {
    const wide = [...x.shape.slice(0, dim + 1), size / extent, ...x.shape.slice(dim + 1)]
    return x
      .unsqueeze(dim + 1)
      .expand(wide)
      .reshape(x.shape.with(dim, size))
  }
  const positions = Int32Array.from({ length: size }, (_, o) =>
    // In single precision, as the reference does it: a tie falls to the same side.
    Math.min(extent - 1, Math.floor(Math.fround(o * Math.fround(step)))),
  )
  return x.indexSelect(dim, Tensor.of(positions, [size], 'i32'))
}

function linearly(
  x: Tensor,
  dim: number,
  size: number,
  step: number,
  alignCorners: boolean,
): Tensor {
  const extent = x.shape[dim]!
  const pitch = size > 1 ? (extent - 1) / (size - 1) : 0
  return resample(x, dim, size, (o) => {
    const s = alignCorners ? o * pitch : Math.max(0, (o + 0.5) * step - 0.5)
    const left = Math.min(Math.floor(s), extent - 1)
    const right = Math.min(left + 1, extent - 1)
    const share = Math.min(1, s - left)
    return [
      [left, 1 - share],
      [right, share],
    ]
  })
}
