import { Tensor } from '../../tensor/tensor.ts'
import { refuseOption, requireSizes } from '../module/check.ts'

/** Kernels that are not learnt, [K, 1, R, S]: each one a filter for one channel. */

/** [K, 1, size, size] of a function of the distance from the centre, x to the right and y down. */
function kernels(size: number, functions: readonly ((x: number, y: number) => number)[]): Tensor {
  const middle = (size - 1) / 2
  const plane = size * size
  const data = Float32Array.from({ length: functions.length * plane }, (_, i) => {
    const place = i % plane
    const value = functions[Math.floor(i / plane)]!
    return value((place % size) - middle, Math.floor(place / size) - middle)
  })
  return Tensor.of(data, [functions.length, 1, size, size], 'f32')
}

function requirePositive(where: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value > 0)) throw refuseOption(where, `${name} = ${value}`, 'a number > 0')
  }
}

/**
 * A Gaussian e^(−(x² + y²) / 2σ²) whose elements sum to 1: [1, 1, size, size]. Blurs.
 *
 * @throws BrickError `argument` for a size that is no whole number ≥ 1, or sigma ≤ 0.
 */
export function gaussianFilter(size: number, sigma: number): Tensor {
  requireSizes('gaussianFilter', { size })
  requirePositive('gaussianFilter', { sigma })
  const bell = (x: number, y: number) => Math.exp(-(x * x + y * y) / (2 * sigma * sigma))
  const raw = kernels(size, [bell])
  return raw.div(raw.sum())
}

/**
 * Sobel's two filters, [2, 1, 3, 3]: under cross-correlation the first gives brightness that grows
 * to the right, the second that grows downwards.
 *
 * @example
 * ```ts
 * nn.sobelFilters().slice(0, 0) // [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
 * ```
 */
export function sobelFilters(): Tensor {
  const smooth = (t: number) => 2 - Math.abs(t)
  return kernels(3, [(x, y) => x * smooth(y), (x, y) => y * smooth(x)])
}

export interface GaborOptions {
  /** Number of orientations, equally spaced over half a turn (default 4), … */
  readonly orientations?: number
  /** … or the orientations themselves: angles of the wave's direction in radians. */
  readonly thetas?: readonly number[]
  /** Width of the Gaussian envelope in pixels (default size / 5). */
  readonly sigma?: number
  /** Length of the wave in pixels (default size / 2). */
  readonly wavelength?: number
  /** Phase of the wave at the centre in radians (default 0: bright lines on dark ground). */
  readonly phase?: number
  /** Width over length of the envelope (default 0.5). */
  readonly aspect?: number
}

/**
 * Gabor filters, [orientations, 1, size, size]: a wave under a Gaussian,
 * e^(−(u² + γ²v²) / 2σ²) · cos(2πu/λ + φ) with (u, v) the coordinates turned by θ. They find lines
 * and edges of an orientation, as the first layer of trained networks and of the eye does.
 *
 * Source: Daugman, “Uncertainty relation for resolution in space, spatial frequency, and
 * orientation”, 1985.
 *
 * @throws BrickError `argument` for sizes that are no whole numbers ≥ 1, or widths ≤ 0.
 *
 * @example
 * ```ts
 * nn.gaborFilters(7, { orientations: 8 }).shape // [8, 1, 7, 7]
 * ```
 */
export function gaborFilters(size: number, options: GaborOptions = {}): Tensor {
  const {
    orientations = 4,
    sigma = size / 5,
    wavelength = size / 2,
    phase = 0,
    aspect = 0.5,
  } = options
  requireSizes('gaborFilters', { size, orientations })
  requirePositive('gaborFilters', { sigma, wavelength, aspect })
  const { thetas = Array.from({ length: orientations }, (_, i) => (i * Math.PI) / orientations) } =
    options
  const gabor = (theta: number) => (x: number, y: number) => {
    const u = x * Math.cos(theta) + y * Math.sin(theta)
    const v = y * Math.cos(theta) - x * Math.sin(theta)
    const envelope = Math.exp(-(u * u + (aspect * v) ** 2) / (2 * sigma * sigma))
    return envelope * Math.cos((2 * Math.PI * u) / wavelength + phase)
  }
  return kernels(size, thetas.map(gabor))
}
