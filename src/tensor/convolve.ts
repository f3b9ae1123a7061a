import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import { type Pair, spatial } from './compose/contraction.ts'
import { conv1d, conv2d, conv3d } from './functions.ts'
import type { Tensor } from './tensor.ts'

export interface ConvolveOptions {
  /**
   * How far the kernel may reach over the edge, where there are zeros: not at all (`valid`,
   * default), so far that the size stays (`same`), or as long as it touches the input (`full`).
   */
  readonly mode?: 'valid' | 'same' | 'full'
  readonly stride?: Pair
  readonly dilation?: Pair
  readonly groups?: number
}

const functions = { 1: conv1d, 2: conv2d, 3: conv3d } as const

/**
 * True convolution, as mathematics and signal processing have it: the kernel is flipped, unlike in
 * `conv1d`, `conv2d` and `conv3d`, which cross-correlate. y[o] = Σ_r x[o − r] · w[r], with
 * x [N, C, …S] and weight [K, C/groups, …R] of one to three spatial dims.
 *
 * Throws a BrickError of kind `shape` for a weight of other than 3 to 5 dims, or one that x does
 * not match.
 *
 * @example
 * ```ts
 * const x = tensor([[[1, 2, 3]]])
 * convolve(x, tensor([[[0, 1, 10]]]), { mode: 'full' }) // [[[0, 1, 12, 23, 30]]]
 * ```
 */
export function convolve(x: Tensor, weight: Tensor, options: ConvolveOptions = {}): Tensor {
  const d = weight.rank - 2
  if ((d !== 1 && d !== 2 && d !== 3) || x.rank !== weight.rank) {
    const got = `${showShape(x.shape)} and weight ${showShape(weight.shape)}`
    const wanted = '[N, C, …S] and [K, C/groups, …R] of 1 to 3 spatial dims'
    throw new BrickError({ kind: 'shape', where: 'convolve', got, wanted })
  }
  const { stride = 1, groups = 1, mode = 'valid' } = options
  const dilation = spatial(options.dilation ?? 1, d, 'convolve', 'dilation')
  const around = weight.shape.slice(2).map((size, i) => reach(mode, dilation[i]! * (size - 1)))
  const flipped = weight.flip(around.map((_, i) => i + 2))
  const padded = x.pad([[0, 0], [0, 0], ...around])
  return functions[d](padded, flipped, undefined, { stride, dilation, groups })
}

/** Zeros before and after for a kernel that reaches `span` elements beyond its first. */
function reach(mode: 'valid' | 'same' | 'full', span: number): [before: number, after: number] {
  if (mode === 'valid') return [0, 0]
  if (mode === 'full') return [span, span]
  if (mode === 'same') return [Math.ceil(span / 2), Math.floor(span / 2)]
  throw new BrickError({
    kind: 'argument',
    where: 'convolve',
    got: `mode = '${mode}'`,
    wanted: 'valid, same, full',
  })
}
