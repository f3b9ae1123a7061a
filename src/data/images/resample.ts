import type { Images } from './images.ts'

/** How pixels between pixels are found. */
export type Filter = 'bilinear' | 'bicubic' | 'nearest'

/** For each output position the first input position, and the weights from there on. */
interface Weights {
  readonly first: Int32Array
  readonly weights: readonly Float64Array[]
}

/** A part of an image that becomes a whole one. */
export interface Box {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/**
 * Resizes a part of one image, an axis after the other. When it becomes smaller, the filter
 * widens, so that no pixel is left out (antialiasing, as in Pillow and torchvision).
 *
 * @param start Where the image begins in `data`.
 * @param at Where the result begins in `target`.
 */
export function resample(
  { channels, height, width, data }: Images,
  start: number,
  box: Box,
  target: Float32Array,
  at: number,
  outHeight: number,
  outWidth: number,
  filter: Filter,
): void {
  const columns = weightsOf(box.width, outWidth, filter)
  const rows = weightsOf(box.height, outHeight, filter)
  const between = new Float32Array(box.height * outWidth)
  for (let c = 0; c < channels; c++) {
    const from = start + c * height * width + box.top * width + box.left
    for (let y = 0; y < box.height; y++) {
      for (let x = 0; x < outWidth; x++) {
        const own = columns.weights[x]!
        const first = from + y * width + columns.first[x]!
        let sum = 0
        for (let k = 0; k < own.length; k++) sum += own[k]! * data[first + k]!
        between[y * outWidth + x] = sum
      }
    }
    const to = at + c * outHeight * outWidth
    for (let y = 0; y < outHeight; y++) {
      const own = rows.weights[y]!
      const first = rows.first[y]!
      for (let x = 0; x < outWidth; x++) {
        let sum = 0
        for (let k = 0; k < own.length; k++) sum += own[k]! * between[(first + k) * outWidth + x]!
        target[to + y * outWidth + x] = sum
      }
    }
  }
}

const known = new Map<string, Weights>()

function weightsOf(from: number, to: number, filter: Filter): Weights {
  const key = `${from} ${to} ${filter}`
  let weights = known.get(key)
  if (!weights) {
    // Random crops ask for many sizes: what was kept is forgotten now and then.
    if (known.size > 500) known.clear()
    weights = filter === 'nearest' ? nearest(from, to) : filtered(from, to, filter)
    known.set(key, weights)
  }
  return weights
}

function nearest(from: number, to: number): Weights {
  const first = Int32Array.from({ length: to }, (_, i) => Math.floor((i * from) / to))
  return { first, weights: Array.from(first, () => Float64Array.of(1)) }
}

function filtered(from: number, to: number, filter: 'bilinear' | 'bicubic'): Weights {
  const { reach, weight } = filters[filter]
  const scale = from / to
  const wide = Math.max(scale, 1)
  const first = new Int32Array(to)
  const weights: Float64Array[] = []
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - reach * wide + 0.5))
    const high = Math.min(from, Math.trunc(centre + reach * wide + 0.5))
    const own = Float64Array.from({ length: high - low }, (_, k) =>
      weight((low + k - centre + 0.5) / wide),
    )
    const sum = own.reduce((a, b) => a + b, 0)
    first[i] = low
    weights.push(own.map((value) => value / sum))
  }
  return { first, weights }
}

const filters = {
  bilinear: { reach: 1, weight: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  /** Keys's kernel with a = −½. */
  bicubic: {
    reach: 2,
    weight: (x: number) => {
      const t = Math.abs(x)
      if (t < 1) return (1.5 * t - 2.5) * t * t + 1
      return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
    },
  },
}
