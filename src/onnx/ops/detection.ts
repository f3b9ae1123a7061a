import { arange } from '../../tensor/create.ts'
import { cat, stack } from '../../tensor/functions.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'

type Box = readonly [y0: number, x0: number, y1: number, x1: number]

function boxOf(numbers: readonly number[], centred: boolean): Box {
  const [a, b, c, d] = numbers as [number, number, number, number]
  if (centred) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2]
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]
}

/** What two boxes share, as a part of what they cover together. */
function overlap(a: Box, b: Box): number {
  const side = (i: 0 | 1) => Math.max(0, Math.min(a[i + 2]!, b[i + 2]!) - Math.max(a[i], b[i]))
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1])
  const both = side(0) * side(1)
  const all = area(a) + area(b) - both
  return all > 0 ? both / all : 0
}

/**
 * Of boxes that overlap, the one with the highest score, for each image and class: rows [image, class,
 * box]. How many there are depends on the numbers, so that they must be known.
 */
function nonMaxSuppression(call: NodeCall): Value {
  const [images, count] = call.value(0).shape as readonly [number, number, number]
  const classes = call.value(1).shape[1]!
  const [boxes, scores] = [call.known(0), call.known(1)]
  const most = call.knownOptional(2)?.[0] ?? 0
  const overlapping = call.knownOptional(3)?.[0] ?? 0
  const least = call.knownOptional(4)?.[0] ?? Number.NEGATIVE_INFINITY
  const centred = call.int('center_point_box', 0) === 1
  const rows: number[] = []
  for (let image = 0; image < images; image++) {
    const own = Array.from({ length: count }, (_, i) =>
      boxOf(boxes.slice((image * count + i) * 4, (image * count + i + 1) * 4), centred),
    )
    for (let k = 0; k < classes; k++) {
      const scoreOf = (i: number) => scores[(image * classes + k) * count + i]!
      const kept: number[] = []
      const order = own.map((_, i) => i).filter((i) => scoreOf(i) > least)
      for (const i of order.sort((a, b) => scoreOf(b) - scoreOf(a) || a - b)) {
        if (kept.length >= most) break
        if (kept.every((j) => overlap(own[i]!, own[j]!) <= overlapping)) kept.push(i)
      }
      rows.push(...kept.flatMap((i) => [image, k, i]))
    }
  }
  return Value.integers(rows, [rows.length / 3, 3])
}

type Join = (parts: readonly Tensor[]) => Tensor
const sum: Join = (parts) => parts.reduce((a, b) => a.add(b))
/** The operator's maximum is one of the four pixels around a point, each with its share. */
const largest: Join = (parts) => parts.reduce((a, b) => a.maximum(b))

/** Values of planes [P, H, W] between pixels, at points [P, N] each; 0 farther out than one pixel. */
function between(planes: Tensor, y: Tensor, x: Tensor, join: Join = sum): Tensor {
  const [, height, width] = planes.shape as readonly [number, number, number]
  const outside = y.lt(-1).logicalOr(y.gt(height)).logicalOr(x.lt(-1)).logicalOr(x.gt(width))
  const corner = (t: Tensor, extent: number) => {
    const inside = t.clamp(0, extent - 1)
    const low = inside.floor()
    return { low, high: low.add(1).minimum(extent - 1), rest: inside.sub(low) }
  }
  const [v, u] = [corner(y, height), corner(x, width)]
  const flat = planes.reshape([planes.shape[0]!, height * width])
  const at = (row: Tensor, column: Tensor) => flat.gather(1, row.mul(width).add(column).to('i32'))
  const share = (corner: { rest: Tensor }, high: boolean) =>
    high ? corner.rest : corner.rest.neg().add(1)
  const parts = [false, true].flatMap((down) =>
    [false, true].map((right) => {
      const [row, column] = [down ? v.high : v.low, right ? u.high : u.low]
      return at(row, column).mul(share(v, down)).mul(share(u, right))
    }),
  )
  return where(outside, 0, join(parts))
}

/** Regions of interest as grids of equal size, each bin the mean (or maximum) of samples in it. */
function roiAlign(call: NodeCall): Value {
  const x = call.tensor(0)
  const regions = call.known(1)
  const images = call.known(2)
  const [, channels, h, w] = x.shape as readonly [number, number, number, number]
  const [rows, columns] = [call.int('output_height', 1), call.int('output_width', 1)]
  const mode = call.opset < 16 ? 'output_half_pixel' : 'half_pixel'
  const aligned = call.text('coordinate_transformation_mode', mode) === 'half_pixel'
  const scale = call.float('spatial_scale', 1)
  const shift = aligned ? 0.5 : 0
  const made = images.map((image, r) => {
    const [x0, y0, x1, y1] = regions.slice(4 * r, 4 * r + 4).map((c) => c * scale - shift) as [
      number,
      number,
      number,
      number,
    ]
    const least = aligned ? Number.NEGATIVE_INFINITY : 1
    const vertical = samples(call, y0, Math.max(least, y1 - y0), rows)
    const horizontal = samples(call, x0, Math.max(least, x1 - x0), columns)
    const [p, q] = [vertical.at.shape[0]!, horizontal.at.shape[0]!]
    const points = [channels, p * q]
    const y = vertical.at
      .unsqueeze(1)
      .expand([p, q])
      .reshape([1, p * q])
      .expand(points)
    const u = horizontal.at
      .unsqueeze(0)
      .expand([p, q])
      .reshape([1, p * q])
      .expand(points)
    const planes = x.slice(image).reshape([channels, h, w])
    const max = call.text('mode', 'avg') === 'max'
    const found = between(planes, y, u, max ? largest : sum)
    const bins = found.reshape([channels, rows, vertical.each, columns, horizontal.each])
    return max ? bins.max([2, 4]) : bins.mean([2, 4])
  })
  return call.like(0, stack(made))
}

/** Equally spaced points, some in each of so many bins. */
function samples(call: NodeCall, start: number, extent: number, bins: number) {
  const bin = extent / bins
  const ratio = call.int('sampling_ratio', 0)
  const each = Math.max(1, ratio > 0 ? ratio : Math.ceil(bin))
  call.limited(bins * each, 'samples')
  return {
    at: arange(bins * each)
      .to('f32')
      .add(0.5)
      .mul(bin / each)
      .add(start),
    each,
  }
}

/** Convolution whose taps are moved by offsets [N, G · k · 2, …O], and weighted by a mask. */
function deformConv(call: NodeCall): Value {
  const [x, weight, offset] = [call.tensor(0), call.tensor(1), call.tensor(2)]
  const [n, c, h, w] = x.shape as readonly [number, number, number, number]
  const [k, each, kh, kw] = weight.shape as readonly [number, number, number, number]
  if (weight.rank !== 4) throw call.refuse(`a weight of ${weight.rank} dims`, '4 dims', 'shape')
  const pads = call.ints('pads') ?? [0, 0, 0, 0]
  const stride = call.ints('strides') ?? [1, 1]
  const dilation = call.ints('dilations') ?? [1, 1]
  const [groups, sets] = [call.int('group', 1), call.int('offset_group', 1)]
  const [p, q] = offset.shape.slice(2) as [number, number]
  const taps = kh * kw
  const moves = offset.reshape([n, sets, taps, 2, p * q])
  const line = (count: number, step: number, from: number) =>
    arange(count).to('f32').mul(step).add(from)
  const along = (i: 0 | 1, first: Tensor, tap: Tensor) => {
    const base = i === 0 ? first.unsqueeze(1).expand([p, q]) : first.unsqueeze(0).expand([p, q])
    const own = i === 0 ? tap.unsqueeze(1).expand([kh, kw]) : tap.unsqueeze(0).expand([kh, kw])
    const still = own.reshape([taps, 1]).add(base.reshape([1, p * q]))
    return moves.slice([], [], [], i).add(still)
  }
  const y = along(0, line(p, stride[0]!, -pads[0]!), line(kh, dilation[0]!, 0))
  const u = along(1, line(q, stride[1]!, -pads[1]!), line(kw, dilation[1]!, 0))
  // Each set of offsets moves the taps of c / sets channels.
  const spread = (t: Tensor) =>
    t
      .unsqueeze(2)
      .expand([n, sets, c / sets, taps, p * q])
      .reshape([n * c, taps * p * q])
  const padded = x.reshape([n * c, h, w]).pad([
    [0, 0],
    [1, 1],
    [1, 1],
  ])
  const found = between(padded, spread(y).add(1), spread(u).add(1))
  const mask = call.optional(4)?.tensor.reshape([n, sets, taps, p * q])
  const weighted = mask ? found.mul(spread(mask)) : found
  const columns = weighted.reshape([n, groups, each * taps, p * q])
  const parts = Array.from({ length: groups }, (_, g) =>
    weight
      .slice([(g * k) / groups, ((g + 1) * k) / groups])
      .reshape([k / groups, each * taps])
      .matmul(columns.slice([], g)),
  )
  const out = cat(parts, 1).reshape([n, k, p, q])
  const bias = call.optional(3)?.tensor
  return call.like(0, bias ? out.add(bias.reshape([-1, 1, 1])) : out)
}

export const detection: OpTable = {
  NonMaxSuppression: { since: 10, host: [0, 1, 2, 3, 4], run: nonMaxSuppression },
  RoiAlign: { since: 10, host: [1, 2], run: roiAlign },
  DeformConv: { since: 19, run: deformConv },
}
