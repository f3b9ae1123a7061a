import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import { type Pair, spatial } from './compose/contraction.ts'
import { avgPool1d, avgPool2d, avgPool3d, maxPool1d, maxPool2d, maxPool3d } from './functions.ts'
import { resample } from './resample.ts'
import { Tensor } from './tensor.ts'

const plain = { 1: avgPool1d, 2: avgPool2d, 3: avgPool3d }

/**
 * Means of windows that are laid out so that the output has the size asked for: along each
 * spatial dim, output o averages the inputs from ⌊o·in/out⌋ up to ⌈(o + 1)·in/out⌉ − 1.
 */
const adaptive =
  (d: 1 | 2 | 3) =>
  (x: Tensor, size: Pair): Tensor => {
    const where = `adaptiveAvgPool${d}d`
    if (x.rank !== d + 2) {
      const got = showShape(x.shape)
      throw new BrickError({ kind: 'shape', where, got, wanted: `${d + 2} dims` })
    }
    const sizes = spatial(size, d, where, 'size')
    const extents = x.shape.slice(2)
    if (sizes.every((n, i) => n > 0 && extents[i]! % n === 0)) {
      return plain[d](
        x,
        sizes.map((n, i) => extents[i]! / n),
      )
    }
    return sizes.reduce((view, n, i) => averages(view, i + 2, n), x)
  }

function averages(x: Tensor, dim: number, size: number): Tensor {
  const extent = x.shape[dim]!
  return resample(x, dim, size, (o) => {
    const from = Math.floor((o * extent) / size)
    const to = Math.ceil(((o + 1) * extent) / size)
    return Array.from({ length: to - from }, (_, i) => [from + i, 1 / (to - from)] as const)
  })
}

/** Means of `size` windows: x [N, C, L] → [N, C, size], like torch's adaptive_avg_pool1d. */
export const adaptiveAvgPool1d = adaptive(1)
/** Means of windows: x [N, C, H, W] → [N, C, …size]; size 1 is the mean of the whole plane. */
export const adaptiveAvgPool2d = adaptive(2)
/** Means of windows: x [N, C, D, H, W] → [N, C, …size]. */
export const adaptiveAvgPool3d = adaptive(3)

const plainMax = { 1: maxPool1d, 2: maxPool2d, 3: maxPool3d }

/** Maxima of windows laid out as {@link adaptive}'s. Of equal ones the first has the gradient. */
const adaptiveMax =
  (d: 1 | 2 | 3) =>
  (x: Tensor, size: Pair): Tensor => {
    const where = `adaptiveMaxPool${d}d`
    if (x.rank !== d + 2) {
      const got = showShape(x.shape)
      throw new BrickError({ kind: 'shape', where, got, wanted: `${d + 2} dims` })
    }
    const sizes = requirePositive(spatial(size, d, where, 'size'), where)
    const extents = x.shape.slice(2)
    if (sizes.every((n, i) => extents[i]! % n === 0)) {
      return plainMax[d](
        x,
        sizes.map((n, i) => extents[i]! / n),
      )
    }
    // The last dim first, so that the first maximum is first in row-major order, too.
    return sizes.reduceRight((view, n, i) => maxima(view, i + 2, n), x)
  }

function requirePositive(sizes: readonly number[], where: string): readonly number[] {
  if (!sizes.includes(0)) return sizes
  throw new BrickError({ kind: 'argument', where, got: `size = ${sizes}`, wanted: 'sizes ≥ 1' })
}

/** All windows are as wide as the widest; what that adds is an element once more. */
function maxima(x: Tensor, dim: number, size: number): Tensor {
  const extent = x.shape[dim]!
  const from = Array.from({ length: size }, (_, o) => Math.floor((o * extent) / size))
  const last = Array.from({ length: size }, (_, o) => Math.ceil(((o + 1) * extent) / size) - 1)
  const width = Math.max(...from.map((start, o) => last[o]! - start + 1))
  const positions = Int32Array.from({ length: size * width }, (_, i) => {
    const o = Math.floor(i / width)
    return Math.min(from[o]! + (i % width), last[o]!)
  })
  const index = Tensor.of(positions, [size * width], 'i32')
  const windows = [...x.shape.slice(0, dim), size, width, ...x.shape.slice(dim + 1)]
  return x
    .indexSelect(dim, index)
    .reshape(windows)
    .max(dim + 1)
}

/** Maxima of `size` windows: x [N, C, L] → [N, C, size], like torch's adaptive_max_pool1d. */
export const adaptiveMaxPool1d = adaptiveMax(1)
/** Maxima of windows: x [N, C, H, W] → [N, C, …size]. */
export const adaptiveMaxPool2d = adaptiveMax(2)
/** Maxima of windows: x [N, C, D, H, W] → [N, C, …size]. */
export const adaptiveMaxPool3d = adaptiveMax(3)
