/** How one axis is resized. */
export interface Grid {
  readonly extent: number
  readonly size: number
  readonly scale: number
  /** coordinate_transformation_mode. */
  readonly rule: string
  /** Where the region begins and ends, as parts of the axis. */
  readonly roi: readonly [start: number, end: number]
  /** nearest_mode. */
  readonly rounding: string
  readonly cubic: boolean
  /** The cubic's parameter. */
  readonly a: number
  readonly excludeOutside: boolean
  readonly antialias: boolean
}

/** Where in the input an output position lies. */
function source({ extent, size, scale, rule, roi }: Grid, o: number): number {
  const width = scale * extent
  const half = (o + 0.5) / scale - 0.5
  switch (rule) {
    case 'align_corners':
      return size === 1 ? 0 : (o * (extent - 1)) / (width - 1)
    case 'asymmetric':
      return o / scale
    case 'pytorch_half_pixel':
      return size === 1 ? -0.5 : half
    case 'half_pixel_symmetric':
      return (extent / 2) * (1 - Math.floor(width + 1e-9) / width) + half
    case 'tf_half_pixel_for_nn':
      return (o + 0.5) / scale
    case 'tf_crop_and_resize': {
      const [start, end] = roi
      const span = (end - start) * (extent - 1)
      return start * (extent - 1) + (size === 1 ? span / 2 : (o * span) / (size - 1))
    }
    default:
      return half
  }
}

/** Whether a position of a cropped region lies beside the image. */
export function outside(grid: Grid, o: number): boolean {
  const x = source(grid, o)
  return x < 0 || x > grid.extent - 1
}

const clamp = (grid: Grid, i: number): number => Math.min(grid.extent - 1, Math.max(0, i))

/** The one input position that an output position copies. */
export function nearestPosition(grid: Grid, o: number): number {
  const x = source(grid, o)
  const below = Math.floor(x)
  const rest = x - below
  const up: Record<string, boolean> = {
    round_prefer_floor: rest > 0.5,
    round_prefer_ceil: rest >= 0.5,
    floor: false,
    ceil: rest > 0,
  }
  return clamp(grid, below + Number(up[grid.rounding] ?? rest > 0.5))
}

/** Input positions and their weights for an output position. */
export function taps(grid: Grid, o: number): (readonly [from: number, weight: number])[] {
  const x = source(grid, o)
  const below = Math.floor(x)
  const ratio = x - below
  // Shrinking with antialias: the filter grows with what it stands for.
  const shrink = grid.antialias ? Math.min(1, grid.scale) : 1
  const reach = grid.cubic ? 2 : 1
  const first = Math.floor(-reach / shrink) + 1
  const last = reach - first
  const weights = Array.from({ length: last - first + 1 }, (_, i) => {
    const at = first + i
    const weight = filter(grid, (at - ratio) * shrink)
    const beside = below + at < 0 || below + at >= grid.extent
    return { at: below + at, weight: grid.excludeOutside && beside ? 0 : weight }
  })
  const total = weights.reduce((sum, { weight }) => sum + weight, 0)
  return weights.map(({ at, weight }) => [clamp(grid, at), weight / total] as const)
}

/** The triangle, or Keys' cubic (1981). */
function filter({ cubic, a }: Grid, distance: number): number {
  const d = Math.abs(distance)
  if (!cubic) return Math.max(0, 1 - d)
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
  return 0
}
