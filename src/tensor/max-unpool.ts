import { BrickError } from '../base/errors.ts'
import { sameShape, showShape, sizeOf, stridesOf } from '../base/shape.ts'
import { maxPoolChoice, type Pair, type PoolOptions, spatial } from './compose/contraction.ts'
import { iota } from './compose/movement.ts'
import { ones, zeros } from './create.ts'
import { maxPool1d, maxPool2d, maxPool3d } from './functions.ts'
import { Tensor } from './tensor.ts'

type Dims = 1 | 2 | 3
const pools = { 1: maxPool1d, 2: maxPool2d, 3: maxPool3d } as const

/** Max pooling, and where each maximum lay: its row-major position in the spatial dims (i32). */
const withIndices =
  (d: Dims) =>
  (x: Tensor, kernel: Pair, options: PoolOptions = {}): [values: Tensor, indices: Tensor] => [
    pools[d](x, kernel, options),
    maxPositions(d, x, kernel, options),
  ]

function maxPositions(d: Dims, x: Tensor, size: Pair, options: PoolOptions): Tensor {
  const { choice, kernel } = maxPoolChoice(d, x.node, size, options)
  const where = `maxPool${d}d`
  const stride = spatial(options.stride ?? kernel, d, where, 'stride')
  const padding = spatial(options.padding ?? 0, d, where, 'padding')
  const dilation = spatial(options.dilation ?? 1, d, where, 'dilation')
  const steps = stridesOf(x.shape.slice(2))
  // How far each element of a window lies behind the window's first, and that one's position.
  const within = Int32Array.from({ length: sizeOf(kernel) }, (_, place) =>
    stridesOf(kernel).reduce((sum, step, i) => {
      const r = Math.floor(place / step) % kernel[i]!
      return sum + r * dilation[i]! * steps[i]!
    }, 0),
  )
  const start = steps
    .map((step, i) =>
      new Tensor(iota(choice.shape, i + 2)).mul(stride[i]! * step).sub(padding[i]! * step),
    )
    .reduce((sum, term) => sum.add(term))
  const offsets = Tensor.of(within, [within.length], 'i32')
  const chosen = offsets.indexSelect(0, new Tensor(choice).flatten()).reshape(choice.shape)
  return start.add(chosen)
}

/**
 * {@link maxPool1d} of x [N, C, L], and the position of each maximum in L (i32; the first of equal
 * ones), like `torch.nn.functional.max_pool1d_with_indices`.
 */
export const maxPool1dWithIndices = withIndices(1)
/**
 * {@link maxPool2d} of x [N, C, H, W], and the position of each maximum in the H · W elements of
 * its plane (i32; the first of equal ones), for {@link maxUnpool2d}.
 */
export const maxPool2dWithIndices = withIndices(2)
/** {@link maxPool3d} of x [N, C, D, H, W], and the position of each maximum in D · H · W (i32). */
export const maxPool3dWithIndices = withIndices(3)

export interface UnpoolOptions extends Pick<PoolOptions, 'stride' | 'padding'> {
  /** Spatial sizes of the result, where several inputs pool to one size. */
  readonly outputSize?: readonly number[]
}

/** Values put back where pooling found them, zeros elsewhere. */
const unpool =
  (d: Dims) =>
  (x: Tensor, indices: Tensor, kernel: Pair, options: UnpoolOptions = {}): Tensor => {
    const where = `maxUnpool${d}d`
    if (x.rank !== d + 2 || !sameShape(x.shape, indices.shape)) {
      const got = `${showShape(x.shape)} and indices ${showShape(indices.shape)}`
      throw new BrickError({ kind: 'shape', where, got, wanted: `equal shapes of ${d + 2} dims` })
    }
    const size = spatial(kernel, d, where, 'kernel')
    const stride = spatial(options.stride ?? kernel, d, where, 'stride')
    const padding = spatial(options.padding ?? 0, d, where, 'padding')
    const usual = size.map((k, i) => (x.shape[i + 2]! - 1) * stride[i]! - 2 * padding[i]! + k)
    const out = spatial(options.outputSize ?? usual, d, where, 'outputSize')
    const overlapping = size.some((k, i) => k > stride[i]!)
    const plane = scatter(x.flatten(2), indices.flatten(2), sizeOf(out), overlapping)
    return plane.reshape([...x.shape.slice(0, 2), ...out])
  }

/** Windows that overlap may choose one element together: it is then put back once. */
function scatter(x: Tensor, indices: Tensor, size: number, overlapping: boolean): Tensor {
  const empty = zeros([...x.shape.slice(0, 2), size])
  const sum = empty.scatterAdd(2, indices, x)
  if (!overlapping) return sum
  return sum.div(empty.scatterAdd(2, indices, ones(x.shape)).maximum(1))
}

/** The inverse of {@link maxPool1dWithIndices}. See {@link maxUnpool2d}. */
export const maxUnpool1d = unpool(1)
/**
 * Puts the values that max pooling kept back to where they were, with zeros elsewhere: x and
 * indices [N, C, O, P] → [N, C, H, W] with H = (O − 1)·stride − 2·padding + kernel, unless
 * `outputSize` says otherwise. An element that several windows chose gets the mean of its values.
 * Positions out of range are left out.
 *
 * Source: Zeiler and Fergus, “Visualizing and understanding convolutional networks”, 2014.
 *
 * Throws a BrickError of kind `shape` for indices of another shape.
 *
 * @example
 * ```ts
 * const [y, at] = maxPool2dWithIndices(tensor([[[[1, 5], [7, 3]]]]), 2)
 * maxUnpool2d(y, at, 2) // [[[[0, 0], [7, 0]]]]
 * ```
 */
export const maxUnpool2d = unpool(2)
/** The inverse of {@link maxPool3dWithIndices}. See {@link maxUnpool2d}. */
export const maxUnpool3d = unpool(3)
