import { BrickError } from '../../base/errors.ts'
import { Fft } from './fft.ts'
import { channelsOf, checkPositive, type Signal, together } from './signal.ts'

export interface StftOptions {
  /** Samples of a frame's transform. Default 400. */
  readonly nFft?: number
  /** Samples from frame to frame. Default half of the window. */
  readonly hopLength?: number
  /** Samples of the window, which lies in the middle of a frame. Default nFft. */
  readonly winLength?: number
  /** Default 'hann' (periodic). */
  readonly window?: 'hann' | 'hamming' | 'rectangular'
  /** Whether frame t is centred on sample t · hopLength, with reflected ends. Default true. */
  readonly center?: boolean
}

/** What is known of a transform once its options are. */
interface Frames {
  readonly fft: Fft
  readonly window: Float64Array
  readonly hop: number
  readonly bins: number
}

const known = new Map<string, Frames>()

function framesOf(options: StftOptions): Frames {
  const { nFft = 400, winLength = nFft, window = 'hann' } = options
  const { hopLength = Math.floor(winLength / 2) } = options
  checkPositive('stft', 'nFft', nFft, true)
  checkPositive('stft', 'winLength', winLength, true)
  checkPositive('stft', 'hopLength', hopLength, true)
  if (winLength > nFft) {
    throw new BrickError({
      kind: 'argument',
      where: 'stft',
      wanted: `winLength of at most nFft (${nFft})`,
      got: `${winLength}`,
    })
  }
  const key = `${nFft} ${winLength} ${hopLength} ${window}`
  let frames = known.get(key)
  if (!frames) {
    const own = { fft: new Fft(nFft), window: windowOf(nFft, winLength, window) }
    frames = { ...own, hop: hopLength, bins: Math.floor(nFft / 2) + 1 }
    known.set(key, frames)
  }
  return frames
}

/** In the middle of nFft samples. */
function windowOf(nFft: number, length: number, kind: NonNullable<StftOptions['window']>) {
  const [a, b] = { hann: [0.5, 0.5], hamming: [0.54, 0.46], rectangular: [1, 0] }[kind] as [
    number,
    number,
  ]
  const window = new Float64Array(nFft)
  const start = Math.floor((nFft - length) / 2)
  for (let i = 0; i < length; i++) window[start + i] = a - b * Math.cos((2 * Math.PI * i) / length)
  return window
}

/** Calls `take` with each frame's transform. Returns the number of frames. */
function eachFrame(
  channel: Float32Array,
  { center = true }: StftOptions,
  { fft, window, hop }: Frames,
  take: (frame: number, re: Float64Array, im: Float64Array) => void,
): void {
  const n = fft.length
  const pad = center ? Math.floor(n / 2) : 0
  const [re, im] = [new Float64Array(n), new Float64Array(n)]
  const count = frameCount(channel.length, pad, n, hop)
  for (let frame = 0; frame < count; frame++) {
    for (let i = 0; i < n; i++) {
      let at = Math.abs(frame * hop + i - pad)
      if (at >= channel.length) at = 2 * (channel.length - 1) - at
      re[i] = window[i]! * channel[at]!
    }
    im.fill(0)
    fft.transform(re, im)
    take(frame, re, im)
  }
}

function frameCount(length: number, pad: number, nFft: number, hop: number): number {
  if (length > pad && length + 2 * pad >= nFft)
    return 1 + Math.floor((length + 2 * pad - nFft) / hop)
  throw new BrickError({
    kind: 'shape',
    where: 'stft',
    wanted: `at least ${pad > 0 ? pad + 1 : nFft} samples for nFft ${nFft}`,
    got: `${length}`,
    remedy: 'Pad the samples, or choose a smaller nFft.',
  })
}

/**
 * The short-time Fourier transform of samples [length] or [channels, length]: frames of windowed
 * samples, X[k, t] = Σₙ w[n] x[n + t·hop] exp(−2πi k n / nFft). As `torch.stft`, onesided.
 *
 * @returns […, nFft / 2 + 1, frames, 2]: real and imaginary parts.
 * @throws BrickError `argument` for an impossible option, `shape` for fewer samples than a frame.
 * @example
 * ```ts
 * const x = { dtype: 'f32', shape: [1600], data: new Float32Array(1600) }
 * data.audio.stft(x, { nFft: 256, hopLength: 128 }).shape // [129, 13, 2]
 * ```
 */
export function stft(signal: Signal, options: StftOptions = {}): Signal {
  return measured(signal, options, 2, (re, im, out, at) => {
    out[at] = re
    out[at + 1] = im
  })
}

export interface SpectrogramOptions extends StftOptions {
  /** 2 (default): |X|². 1: |X|. */
  readonly power?: 1 | 2
}

/**
 * Power or magnitude of the {@link stft}: […, nFft / 2 + 1, frames].
 *
 * @throws BrickError as {@link stft}.
 * @example
 * ```ts
 * const x = { dtype: 'f32', shape: [2, 1600], data: new Float32Array(3200) }
 * data.audio.spectrogram(x, { nFft: 256 }).shape // [2, 129, 13]
 * ```
 */
export function spectrogram(signal: Signal, options: SpectrogramOptions = {}): Signal {
  const isPower = (options.power ?? 2) === 2
  return measured(signal, options, 1, (re, im, out, at) => {
    const square = re * re + im * im
    out[at] = isPower ? square : Math.sqrt(square)
  })
}

function measured(
  signal: Signal,
  options: StftOptions,
  each: 1 | 2,
  put: (re: number, im: number, out: Float32Array, at: number) => void,
): Signal {
  const { channels, length, lead } = channelsOf('stft', signal)
  const frames = framesOf(options)
  const { bins, fft, hop } = frames
  const pad = (options.center ?? true) ? Math.floor(fft.length / 2) : 0
  const count = frameCount(length, pad, fft.length, hop)
  const parts = channels.map((channel) => {
    const out = new Float32Array(bins * count * each)
    eachFrame(channel, options, frames, (frame, re, im) => {
      for (let k = 0; k < bins; k++) put(re[k]!, im[k]!, out, (k * count + frame) * each)
    })
    return out
  })
  return together(lead, each === 2 ? [bins, count, 2] : [bins, count], parts)
}
