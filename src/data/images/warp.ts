import type { Images } from './images.ts'

/**
 * Where an output pixel (x, y) lies in the input: ((a x + b y + c) / w, (d x + e y + f) / w) with
 * w = g x + h y + 1, positions being those of pixel centres.
 */
export type Projection = readonly [
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  g: number,
  h: number,
]

export type Interpolation = 'bilinear' | 'nearest'

/**
 * Draws one image as the projection says. Outside of the input is `fill`; at its border, bilinear
 * pixels mix with it, as PyTorch's grid_sample does with zeros.
 */
export function warp(
  { channels, height, width, data }: Images,
  start: number,
  target: Float32Array,
  projection: Projection,
  interpolation: Interpolation,
  fill: number,
): void {
  const [a, b, c, d, e, f, g, h] = projection
  const plane = height * width
  const draw = interpolation === 'nearest' ? nearest : bilinear
  const isAffine = g === 0 && h === 0
  for (let y = 0, at = start; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const w = isAffine ? 1 : 1 / (g * x + h * y + 1)
      const sx = (a * x + b * y + c) * w
      const sy = (d * x + e * y + f) * w
      // The usual case by hand: inside, bilinear.
      const x0 = Math.floor(sx)
      const y0 = Math.floor(sy)
      if (draw === bilinear && x0 >= 0 && y0 >= 0 && x0 < width - 1 && y0 < height - 1) {
        const u = sx - x0
        const v = sy - y0
        for (
          let k = 0, p = start + y0 * width + x0, q = at;
          k < channels;
          k++, p += plane, q += plane
        ) {
          const top = data[p]! + u * (data[p + 1]! - data[p]!)
          const bottom = data[p + width]! + u * (data[p + width + 1]! - data[p + width]!)
          target[q] = top + v * (bottom - top)
        }
        continue
      }
      for (let k = 0; k < channels; k++) {
        target[at + k * plane] = draw(data, start + k * plane, width, height, sx, sy, fill)
      }
    }
  }
}

type Draw = (
  data: Float32Array,
  start: number,
  width: number,
  height: number,
  x: number,
  y: number,
  fill: number,
) => number

const bilinear: Draw = (data, start, width, height, x, y, fill) => {
  // Also for NaN, behind the horizon of a perspective.
  if (!(x > -1 && y > -1 && x < width && y < height)) return fill
  const x0 = Math.floor(x)
  const y0 = Math.floor(y)
  const pixel = (px: number, py: number) =>
    px < 0 || py < 0 || px >= width || py >= height ? fill : data[start + py * width + px]!
  const u = x - x0
  const top = (1 - u) * pixel(x0, y0) + u * pixel(x0 + 1, y0)
  const bottom = (1 - u) * pixel(x0, y0 + 1) + u * pixel(x0 + 1, y0 + 1)
  return top + (y - y0) * (bottom - top)
}

const nearest: Draw = (data, start, width, height, x, y, fill) => {
  const px = Math.round(x)
  const py = Math.round(y)
  const isInside = px >= 0 && py >= 0 && px < width && py < height
  return isInside ? data[start + py * width + px]! : fill
}

export interface Affine {
  /** Degrees, clockwise. */
  readonly angle: number
  /** Pixels to the right and down. */
  readonly translate: readonly [x: number, y: number]
  readonly scale: number
  /** Degrees along x and y. */
  readonly shear: readonly [x: number, y: number]
}

/**
 * The projection of rotation, scaling, shear about the image's centre, then a translation.
 *
 * Source: torchvision's `_get_inverse_affine_matrix`.
 */
export function affineProjection(
  { angle, translate, scale, shear }: Affine,
  height: number,
  width: number,
): Projection {
  const [rotation, sx, sy] = [angle, ...shear].map((degrees) => (degrees * Math.PI) / 180) as [
    number,
    number,
    number,
  ]
  const a = Math.cos(rotation - sy) / Math.cos(sy)
  const b = (-Math.cos(rotation - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(rotation)
  const c = Math.sin(rotation - sy) / Math.cos(sy)
  const d = (-Math.sin(rotation - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(rotation)
  const m = [d / scale, -b / scale, -c / scale, a / scale] as const
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2]
  const [dx, dy] = [cx + translate[0], cy + translate[1]]
  return [m[0], m[1], cx - m[0] * dx - m[1] * dy, m[2], m[3], cy - m[2] * dx - m[3] * dy, 0, 0]
}

type Corner = readonly [x: number, y: number]

/**
 * The projection that brings corners of the input (`from`) to those of the output (`to`).
 *
 * @returns Undefined if three corners lie on a line.
 */
export function perspectiveProjection(
  from: readonly Corner[],
  to: readonly Corner[],
): Projection | undefined {
  const rows = to.flatMap(([x, y], i) => {
    const [u, v] = from[i]!
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
      [0, 0, 0, x, y, 1, -v * x, -v * y, v],
    ]
  })
  return solve(rows) as Projection | undefined
}

/** Gauss elimination with pivots, of rows with their right-hand side. */
function solve(rows: number[][]): number[] | undefined {
  const n = rows.length
  for (let i = 0; i < n; i++) {
    const pivot = rows
      .slice(i)
      .reduce((best, row) => (Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best))
    if (Math.abs(pivot[i]!) < 1e-9) return undefined
    rows[rows.indexOf(pivot)] = rows[i]!
    rows[i] = pivot
    for (let j = 0; j < n; j++) {
      if (j === i) continue
      const factor = rows[j]![i]! / pivot[i]!
      for (let k = i; k <= n; k++) rows[j]![k]! -= factor * pivot[k]!
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!)
}
