import { BrickError } from '../../base/errors.ts'
import { checkPositive, type Signal, together } from './signal.ts'
import { type SpectrogramOptions, spectrogram } from './spectrum.ts'

/** 'htk': 2595 log₁₀(1 + f / 700). 'slaney': linear up to 1 kHz, logarithmic above. */
export type MelScale = 'htk' | 'slaney'

export interface MelOptions {
  /** Filters. Default 128. */
  readonly nMels?: number
  /** Hz. Default 0. */
  readonly fMin?: number
  /** Hz. Default half the sample rate. */
  readonly fMax?: number
  /** Default 'htk', as torchaudio; librosa's is 'slaney'. */
  readonly melScale?: MelScale
  /** 'slaney': each filter's area is 1. Default none. */
  readonly norm?: 'slaney'
}

const STEP = 200 / 3
const KNEE = 1000
const LOG_STEP = Math.log(6.4) / 27

/** Hz to mel. */
export function hzToMel(hz: number, scale: MelScale = 'htk'): number {
  if (scale === 'htk') return 2595 * Math.log10(1 + hz / 700)
  return hz < KNEE ? hz / STEP : KNEE / STEP + Math.log(hz / KNEE) / LOG_STEP
}

/** Mel to Hz. */
export function melToHz(mel: number, scale: MelScale = 'htk'): number {
  if (scale === 'htk') return 700 * (10 ** (mel / 2595) - 1)
  return mel < KNEE / STEP ? mel * STEP : KNEE * Math.exp(LOG_STEP * (mel - KNEE / STEP))
}

/**
 * Triangular filters evenly spaced on the mel scale: f32 [bins, nMels], as torchaudio's
 * `melscale_fbanks`.
 *
 * Source: Slaney, “Auditory toolbox”, 1998; Young et al., “The HTK book”.
 *
 * @param bins Frequencies of the spectrum, from 0 to half the sample rate.
 * @throws BrickError `argument` for an impossible range.
 * @example
 * ```ts
 * data.audio.melFilterbank(201, 16000, { nMels: 40 }).shape // [201, 40]
 * ```
 */
export function melFilterbank(bins: number, sampleRate: number, options: MelOptions = {}): Signal {
  const { nMels = 128, fMin = 0, fMax = sampleRate / 2, melScale = 'htk', norm } = options
  checkPositive('melFilterbank', 'nMels', nMels, true)
  checkPositive('melFilterbank', 'sampleRate', sampleRate)
  if (!(fMin >= 0 && fMax > fMin && fMax <= sampleRate / 2)) {
    throw new BrickError({
      kind: 'argument',
      where: 'melFilterbank',
      wanted: `0 ≤ fMin < fMax ≤ ${sampleRate / 2} (half the sample rate)`,
      got: `${fMin} and ${fMax}`,
    })
  }
  const [low, high] = [hzToMel(fMin, melScale), hzToMel(fMax, melScale)]
  const edges = Array.from({ length: nMels + 2 }, (_, i) =>
    melToHz(low + ((high - low) * i) / (nMels + 1), melScale),
  )
  const data = new Float32Array(bins * nMels)
  for (let m = 0; m < nMels; m++) {
    const [left, middle, right] = edges.slice(m, m + 3) as [number, number, number]
    const area = norm === 'slaney' ? 2 / (right - left) : 1
    for (let k = 0; k < bins; k++) {
      const hz = ((sampleRate / 2) * k) / (bins - 1)
      const rise = (hz - left) / (middle - left)
      const fall = (right - hz) / (right - middle)
      data[k * nMels + m] = area * Math.max(0, Math.min(rise, fall))
    }
  }
  return { dtype: 'f32', shape: [bins, nMels], data }
}

export interface MelSpectrogramOptions extends SpectrogramOptions, MelOptions {
  /** Samples a second. */
  readonly sampleRate: number
}

/**
 * The {@link spectrogram} through mel filters: […, nMels, frames], as torchaudio's
 * `MelSpectrogram`.
 *
 * @throws BrickError as `stft` and {@link melFilterbank}.
 * @example
 * ```ts
 * const x = { dtype: 'f32', shape: [8000], data: new Float32Array(8000) }
 * data.audio.melSpectrogram(x, { sampleRate: 8000, nFft: 256, nMels: 40 }).shape // [40, 63]
 * ```
 */
export function melSpectrogram(signal: Signal, options: MelSpectrogramOptions): Signal {
  const spectrum = spectrogram(signal, options)
  const [bins, frames] = spectrum.shape.slice(-2) as [number, number]
  const filters = melFilterbank(bins, options.sampleRate, options)
  const nMels = filters.shape[1]!
  return perChannel(spectrum, [bins, frames], [nMels, frames], (from, to) =>
    mix(from, to, bins, frames, nMels, (k, m) => filters.data[k * nMels + m]!),
  )
}

/** to[m, t] = Σₖ weight(k, m) · from[k, t]. */
function mix(
  from: Float32Array,
  to: Float32Array,
  rows: number,
  frames: number,
  outRows: number,
  weight: (k: number, m: number) => number,
): void {
  const sums = new Float64Array(frames)
  for (let m = 0; m < outRows; m++) {
    sums.fill(0)
    for (let k = 0; k < rows; k++) {
      const w = weight(k, m)
      // Most filters are zero nearly everywhere.
      if (w !== 0) for (let t = 0; t < frames; t++) sums[t]! += w * from[k * frames + t]!
    }
    to.set(sums, m * frames)
  }
}

function perChannel(
  { shape, data }: Signal,
  own: readonly [number, number],
  next: readonly [number, number],
  change: (from: Float32Array, to: Float32Array) => void,
): Signal {
  const size = own[0] * own[1]
  const parts = Array.from({ length: data.length / size }, (_, c) => {
    const to = new Float32Array(next[0] * next[1])
    change(data.subarray(c * size, (c + 1) * size), to)
    return to
  })
  return together(shape.slice(0, -2), next, parts)
}

/**
 * Power as decibels: 10 log₁₀ max(x, 10⁻¹⁰), and nothing more than `topDb` below the loudest.
 *
 * @example
 * ```ts
 * const power = { dtype: 'f32', shape: [2], data: Float32Array.of(1, 100) }
 * data.audio.powerToDb(power).data // Float32Array [0, 20]
 * ```
 */
export function powerToDb({ dtype, shape, data }: Signal, topDb = 80): Signal {
  const decibels = data.map((x) => 10 * Math.log10(Math.max(x, 1e-10)))
  const floor = decibels.reduce((a, b) => Math.max(a, b), -Infinity) - topDb
  return { dtype, shape, data: decibels.map((x) => Math.max(x, floor)) }
}

export interface MfccOptions extends MelSpectrogramOptions {
  /** Coefficients. Default 40. */
  readonly nMfcc?: number
  /** log(x + 10⁻⁶) instead of decibels. Default false. */
  readonly logMels?: boolean
}

/**
 * Mel-frequency cepstral coefficients: the orthonormal cosine transform (DCT-II) of the logarithm
 * of the {@link melSpectrogram}, […, nMfcc, frames], as torchaudio's `MFCC`.
 *
 * Source: Davis and Mermelstein, “Comparison of parametric representations for monosyllabic word
 * recognition”, 1980.
 *
 * @throws BrickError `argument` for more coefficients than filters; as {@link melSpectrogram}.
 * @example
 * ```ts
 * const x = { dtype: 'f32', shape: [8000], data: new Float32Array(8000) }
 * data.audio.mfcc(x, { sampleRate: 8000, nMels: 40, nMfcc: 13 }).shape // [13, 41]
 * ```
 */
export function mfcc(signal: Signal, options: MfccOptions): Signal {
  const { nMfcc = 40, nMels = 128, logMels = false } = options
  checkPositive('mfcc', 'nMfcc', nMfcc, true)
  if (nMfcc > nMels) {
    throw new BrickError({
      kind: 'argument',
      where: 'mfcc',
      wanted: `nMfcc of at most nMels (${nMels})`,
      got: `${nMfcc}`,
    })
  }
  const mel = melSpectrogram(signal, options)
  const log = logMels ? { ...mel, data: mel.data.map((x) => Math.log(x + 1e-6)) } : powerToDb(mel)
  const frames = mel.shape.at(-1)!
  const cosine = (m: number, c: number) =>
    Math.cos((Math.PI / nMels) * (m + 0.5) * c) * Math.sqrt((c === 0 ? 1 : 2) / nMels)
  return perChannel(log, [nMels, frames], [nMfcc, frames], (from, to) =>
    mix(from, to, nMels, frames, nMfcc, cosine),
  )
}
