import { resample } from '../../tensor/resample.ts'
import { Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'
import { type Grid, nearestPosition, outside, taps } from './resize-grid.ts'

/** How the sizes of a result are found: each axis's new size and factor. */
function plan(call: NodeCall, x: Tensor): { axis: number; size: number; scale: number }[] {
  const { shape, rank } = x
  const old = call.opset < 11
  const scales = nonEmpty(call.knownOptional(old ? 1 : 2)) ?? call.floats('scales')
  const sizes = old ? undefined : nonEmpty(call.knownOptional(3))
  const axes = call.ints('axes')?.map((a) => call.axis(a, rank)) ?? shape.map((_, i) => i)
  if (!sizes) {
    if (scales?.length !== axes.length) {
      throw call.refuse(`${scales?.length ?? 'no'} scales`, `${axes.length}, or sizes`, 'file')
    }
    return axes.map((axis, i) => ({
      axis,
      size: Math.floor(shape[axis]! * scales[i]! + 1e-9),
      scale: scales[i]!,
    }))
  }
  const policy = call.text('keep_aspect_ratio_policy', 'stretch')
  const factors = axes.map((axis, i) => sizes[i]! / shape[axis]!)
  if (policy === 'stretch') {
    return axes.map((axis, i) => ({ axis, size: sizes[i]!, scale: factors[i]! }))
  }
  const scale = policy === 'not_larger' ? Math.min(...factors) : Math.max(...factors)
  return axes.map((axis) => ({ axis, size: Math.floor(scale * shape[axis]! + 0.5), scale }))
}

const nonEmpty = (list: number[] | undefined) => (list && list.length > 0 ? list : undefined)

/** Images of another size, axis by axis. */
function resize(call: NodeCall): Value {
  const x = call.tensor(0)
  const steps = plan(call, x)
  const old = call.opset < 11
  const mode = call.text('mode', 'nearest')
  const roi = old ? undefined : nonEmpty(call.knownOptional(1))
  const rule = call.text('coordinate_transformation_mode', old ? 'asymmetric' : 'half_pixel')
  const grids = steps.map(({ axis, size, scale }, i): Grid & { axis: number } => ({
    axis,
    extent: x.shape[axis]!,
    size,
    scale,
    rule,
    roi: roi ? [roi[i]!, roi[i + steps.length]!] : [0, 1],
    rounding: call.text('nearest_mode', old ? 'floor' : 'round_prefer_floor'),
    cubic: mode === 'cubic',
    a: call.float('cubic_coeff_a', -0.75),
    excludeOutside: call.int('exclude_outside', 0) === 1,
    antialias: call.int('antialias', 0) === 1,
  }))
  for (const { size, extent } of grids) {
    call.limited(mode === 'nearest' ? size : size * extent, 'weights')
  }
  const real = mode === 'nearest' ? x : x.to('f32')
  const out = grids.reduce((view, grid) => {
    if (grid.size === grid.extent && grid.scale === 1 && rule !== 'tf_crop_and_resize') return view
    return mode === 'nearest'
      ? nearest(view, grid.axis, grid)
      : resample(view, grid.axis, grid.size, (o) => taps(grid, o))
  }, real)
  return call.like(0, rule === 'tf_crop_and_resize' ? extrapolated(call, out, grids) : out)
}

function nearest(x: Tensor, axis: number, grid: Grid): Tensor {
  const { size, extent } = grid
  const positions = Int32Array.from({ length: size }, (_, o) => nearestPosition(grid, o))
  const times = size / extent
  // A whole number of copies of each element: no positions to look up.
  if (Number.isInteger(times) && positions.every((p, o) => p === Math.floor(o / times))) {
    const wide = x.shape.toSpliced(axis + 1, 0, times)
    return x
      .unsqueeze(axis + 1)
      .expand(wide)
      .reshape(x.shape.with(axis, size))
  }
  return x.indexSelect(axis, Tensor.of(positions, [size], 'i32'))
}

/** A value of the node's where the region lies outside the image. */
function extrapolated(
  call: NodeCall,
  x: Tensor,
  grids: readonly (Grid & { axis: number })[],
): Tensor {
  const value = call.float('extrapolation_value', 0)
  return grids.reduce((view, grid) => {
    const out = Uint8Array.from({ length: grid.size }, (_, o) => Number(outside(grid, o)))
    const mask = Tensor.of(out, [grid.size], 'bool').reshape(
      view.shape.map((n, i) => (i === grid.axis ? n : 1)),
    )
    return where(mask, value, view)
  }, x)
}

export const resizing: OpTable = {
  Resize: { since: 10, host: [1, 2, 3], run: resize },
  Upsample: { since: 7, until: 9, host: [1], run: resize },
}
