import { channelsOf, checkPositive, type Signal, together } from './signal.ts'

export interface ResampleOptions {
  /** Zero crossings of the filter on each side. Default 6. */
  readonly lowpassFilterWidth?: number
  /** Where the filter begins to let less through, as a share of half the lower rate. Default 0.99. */
  readonly rolloff?: number
}

/**
 * Samples [length] or [channels, length] at another rate, through a low pass that is a sinc within
 * a Hann window: y[m] = Σₙ x[n] · h(m / to − n / from). As torchaudio's `resample`.
 *
 * Source: Smith, “Digital audio resampling”, CCRMA.
 *
 * @param from The samples' rate; whole, as is `to`.
 * @throws BrickError `argument` for a rate that is no whole number above 0, `shape` for no samples.
 * @example
 * ```ts
 * const x = { dtype: 'f32', shape: [8000], data: new Float32Array(8000) }
 * data.audio.resample(x, 8000, 16000).shape // [16000]
 * ```
 */
export function resample(
  signal: Signal,
  from: number,
  to: number,
  options: ResampleOptions = {},
): Signal {
  checkPositive('resample', 'from', from, true)
  checkPositive('resample', 'to', to, true)
  const { channels, length, lead } = channelsOf('resample', signal)
  if (from === to) return signal
  const divisor = gcd(from, to)
  const [old, fresh] = [from / divisor, to / divisor]
  const { kernels, width } = kernelsOf(old, fresh, options)
  const outLength = Math.ceil((fresh * length) / old)
  const parts = channels.map((channel) => {
    const result = new Float32Array(outLength)
    for (let m = 0; m < outLength; m++) {
      const kernel = kernels[m % fresh]!
      const start = Math.floor(m / fresh) * old - width
      const first = Math.max(0, -start)
      const last = Math.min(kernel.length, length - start)
      let sum = 0
      for (let k = first; k < last; k++) sum += kernel[k]! * channel[start + k]!
      result[m] = sum
    }
    return result
  })
  return together(lead, [outLength], parts)
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/** The filter as each of the `fresh` phases of an output sample sees it. */
function kernelsOf(
  old: number,
  fresh: number,
  { lowpassFilterWidth = 6, rolloff = 0.99 }: ResampleOptions,
): { kernels: Float64Array[]; width: number } {
  checkPositive('resample', 'lowpassFilterWidth', lowpassFilterWidth)
  checkPositive('resample', 'rolloff', rolloff)
  const base = Math.min(old, fresh) * rolloff
  const width = Math.ceil((lowpassFilterWidth * old) / base)
  const kernels = Array.from({ length: fresh }, (_, phase) =>
    Float64Array.from({ length: 2 * width + old }, (__, k) => {
      const limit = lowpassFilterWidth
      const t = Math.min(Math.max((-phase / fresh + (k - width) / old) * base, -limit), limit)
      const window = Math.cos((t * Math.PI) / limit / 2) ** 2
      const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t)
      return (sinc * window * base) / old
    }),
  )
  return { kernels, width }
}
