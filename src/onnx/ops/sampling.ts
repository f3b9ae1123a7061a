import { sizeOf, stridesOf } from '../../base/shape.ts'
import { ones } from '../../tensor/create.ts'
import { stack } from '../../tensor/functions.ts'
import { Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import * as maths from './maths.ts'
import type { OpTable } from './op.ts'
import { part } from './positions.ts'

/** Where samples outside the image are taken: a coordinate, and whether it counts. */
type Border = (x: Tensor, extent: number) => { readonly place: Tensor; readonly counts?: Tensor }

/** Coordinates turned back at both ends. */
function reflected(x: Tensor, extent: number, corners: boolean): Tensor {
  const [low, high] = corners ? [0, extent - 1] : [-0.5, extent - 0.5]
  const span = high - low
  if (span <= 0) return x.mul(0)
  const from = x.sub(low).abs()
  const turns = from.div(span).floor()
  const rest = from.sub(turns.mul(span))
  const odd = turns.sub(turns.mul(0.5).floor().mul(2))
  return where(odd.gt(0), rest.neg().add(span), rest).add(low)
}

/** Values of x [N, C, …S] at whole coordinates, each [N, P] → [N, C, P]. */
function lookUp(x: Tensor, coordinates: readonly Tensor[], counts: Tensor | undefined): Tensor {
  const [n, c, ...extents] = x.shape as [number, number, ...number[]]
  const strides = stridesOf(extents)
  const place = coordinates
    .map((t, i) =>
      t
        .clamp(0, extents[i]! - 1)
        .to('i32')
        .mul(strides[i]!),
    )
    .reduce((sum, term) => sum.add(term))
  const points = place.shape[1]!
  const index = place.unsqueeze(1).expand([n, c, points])
  const found = x.reshape([n, c, sizeOf(extents)]).gather(2, index)
  return counts ? where(counts.unsqueeze(1), found, 0) : found
}

const inside = (x: Tensor, extent: number): Tensor => x.ge(0).logicalAnd(x.le(extent - 1))

interface Sampling {
  readonly border: string
  readonly corners: boolean
}

/** A whole coordinate after the rule for the border. */
function settle(x: Tensor, extent: number, { border, corners }: Sampling): ReturnType<Border> {
  if (border === 'border') return { place: x.clamp(0, extent - 1) }
  if (border === 'reflection') {
    return { place: maths.round(reflected(x, extent, corners)).clamp(0, extent - 1) }
  }
  return { place: x, counts: inside(x, extent) }
}

function at(x: Tensor, coordinates: readonly Tensor[], sampling: Sampling): Tensor {
  const settled = coordinates.map((t, i) => settle(t, x.shape[i + 2]!, sampling))
  const counts = settled.flatMap((s) => (s.counts ? [s.counts] : []))
  const all = counts.length > 0 ? counts.reduce((a, b) => a.logicalAnd(b)) : undefined
  return lookUp(
    x,
    settled.map(({ place }) => place),
    all,
  )
}

/** Offsets from the whole coordinate below, and their weights along one axis. */
function kernel(mode: string, rest: Tensor): readonly (readonly [offset: number, Tensor])[] {
  if (mode !== 'cubic')
    return [
      [0, rest.neg().add(1)],
      [1, rest],
    ]
  const A = -0.75
  const near = (d: Tensor) =>
    d
      .mul(A + 2)
      .sub(A + 3)
      .mul(d)
      .mul(d)
      .add(1)
  const far = (d: Tensor) =>
    d
      .mul(A)
      .sub(5 * A)
      .mul(d)
      .add(8 * A)
      .mul(d)
      .sub(4 * A)
  const back = rest.neg().add(1)
  return [
    [-1, far(rest.add(1))],
    [0, near(rest)],
    [1, near(back)],
    [2, far(back.add(1))],
  ]
}

/** x at the grid's points: sums over corners (or 4 × 4 points) of the cells that they lie in. */
function gridSample(call: NodeCall): Value {
  const x = call.tensor(0)
  const grid = call.tensor(1)
  const [n, c, ...extents] = x.shape as [number, number, ...number[]]
  const d = extents.length
  const outer = grid.shape.slice(1, -1)
  const corners = call.int('align_corners', 0) === 1
  const border = call.text('padding_mode', 'zeros')
  const given = call.text('mode', 'linear')
  const mode = given === 'bicubic' ? 'cubic' : given
  // The grid has x before y before z; images have it the other way round.
  const coordinates = extents.map((extent, i) => {
    const last = d - 1 - i
    const flat = part(grid, grid.rank - 1, last, last + 1).reshape([n, -1])
    return corners ? flat.add(1).mul((extent - 1) / 2) : flat.add(1).mul(extent).sub(1).mul(0.5)
  })
  const out = sample(x, coordinates, mode, { border, corners })
  return call.like(0, out.reshape([n, c, ...outer]))
}

function sample(x: Tensor, given: readonly Tensor[], mode: string, sampling: Sampling): Tensor {
  if (mode === 'nearest') return at(x, given.map(maths.round), sampling)
  const bounded = given.map((t, i) => bounds(t, x.shape[i + 2]!, mode, sampling))
  const below = bounded.map((t) => t.floor())
  const kernels = bounded.map((t, i) => kernel(mode, t.sub(below[i]!)))
  const combine = (axis: number, places: readonly Tensor[], weight?: Tensor): Tensor => {
    const here = kernels[axis]
    if (!here) return at(x, places, sampling).mul(weight!.unsqueeze(1))
    return here
      .map(([offset, w]) =>
        combine(axis + 1, [...places, below[axis]!.add(offset)], weight ? weight.mul(w) : w),
      )
      .reduce((a, b) => a.add(b))
  }
  return combine(0, [])
}

/** Linear sampling moves the point itself into the image; cubic the points around it. */
function bounds(x: Tensor, extent: number, mode: string, { border, corners }: Sampling): Tensor {
  if (mode === 'cubic' || border === 'zeros') return x
  const turned = border === 'reflection' ? reflected(x, extent, corners) : x
  return turned.clamp(0, extent - 1)
}

/** Points of an affine map for GridSample: theta [N, d, d + 1] → [N, …S, d]. */
function affineGrid(call: NodeCall): Value {
  const theta = call.tensor(0)
  const [n, , ...extents] = call.known(1) as [number, number, ...number[]]
  const corners = call.int('align_corners', 0) === 1
  const axes = extents.map((extent, i) => {
    call.limited(extent, 'points')
    const line = Float32Array.from({ length: extent }, (_, o) =>
      corners ? (extent === 1 ? 0 : (2 * o) / (extent - 1) - 1) : (2 * o + 1) / extent - 1,
    )
    const wide = Tensor.of(line, [extent], 'f32').reshape(extents.map((e, k) => (k === i ? e : 1)))
    return wide.expand(extents).reshape([-1])
  })
  const points = stack([...axes.toReversed(), ones([sizeOf(extents)])], 1)
  const mapped = points.matmul(theta.transpose())
  return call.like(0, mapped.reshape([n, ...extents, extents.length]))
}

export const sampling: OpTable = {
  GridSample: { since: 16, run: gridSample },
  AffineGrid: { since: 20, host: [1], run: affineGrid },
}
