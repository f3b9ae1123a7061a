import { describe, expect, test } from 'vitest'
import { Fft } from '../../src/data/audio/fft.ts'
import { audio } from '../../src/data/index.ts'

/** The sound of the reference values. */
const sound = {
  dtype: 'f32' as const,
  shape: [64],
  data: Float32Array.from(
    { length: 64 },
    (_, i) => Math.sin(0.3 * i) + 0.5 * Math.cos(0.05 * i * i),
  ),
}

const close = (got: ArrayLike<number>, wanted: readonly number[], digits = 5) => {
  expect(got.length).toBe(wanted.length)
  for (const [i, value] of wanted.entries())
    expect(got[i], `element ${i}`).toBeCloseTo(value, digits)
}

describe('Fft', () => {
  test.each([1, 2, 8, 3, 12, 25, 400, 512])('length %i is the sum of its definition', (n) => {
    const x = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i + 1))
    const y = Float64Array.from({ length: n }, (_, i) => Math.cos(3 * i) / 2)
    const [re, im] = [x.slice(), y.slice()]
    new Fft(n).transform(re, im)
    for (let k = 0; k < n; k += Math.max(1, n >> 4)) {
      let [a, b] = [0, 0]
      for (let i = 0; i < n; i++) {
        const t = (2 * Math.PI * ((i * k) % n)) / n
        a += x[i]! * Math.cos(t) + y[i]! * Math.sin(t)
        b += y[i]! * Math.cos(t) - x[i]! * Math.sin(t)
      }
      expect(re[k]).toBeCloseTo(a, 9)
      expect(im[k]).toBeCloseTo(b, 9)
    }
  })
})

describe('stft (values of torch.stft)', () => {
  test('centred, Hann', () => {
    const { shape, data } = audio.stft(sound, { nFft: 16, hopLength: 8 })
    expect(shape).toEqual([9, 9, 2])
    const at = (bin: number, frame: number) => [
      ...data.subarray((bin * 9 + frame) * 2, (bin * 9 + frame) * 2 + 2),
    ]
    close(
      [0, 1, 2].flatMap((bin) => at(bin, 2)),
      [-5.34592, 0, 4.178329, 0.3224483, -1.08865, -0.4382751],
    )
  })

  test('not centred, a shorter Hamming window, a length that is no power of two', () => {
    const { shape, data } = audio.stft(sound, {
      nFft: 20,
      hopLength: 7,
      winLength: 12,
      center: false,
      window: 'hamming',
    })
    expect(shape).toEqual([11, 7, 2])
    const at = (bin: number, frame: number) => [
      ...data.subarray((bin * 7 + frame) * 2, (bin * 7 + frame) * 2 + 2),
    ]
    close(
      [0, 3, 10].flatMap((bin) => at(bin, 4)),
      [-4.565347, 0, 0.7435112, 0.331619, -0.9862655, 0],
    )
  })

  test('spectrograms are its magnitude and power, channel by channel', () => {
    const two = { ...sound, shape: [2, 32] }
    const options = { nFft: 16, hopLength: 8 }
    const complex = audio.stft(two, options)
    const magnitude = audio.spectrogram(two, { ...options, power: 1 })
    const power = audio.spectrogram(two, options)
    expect(power.shape).toEqual([2, 9, 5])
    magnitude.data.forEach((value, i) => {
      const size = Math.hypot(complex.data[2 * i]!, complex.data[2 * i + 1]!)
      expect(value).toBeCloseTo(size, 5)
      expect(power.data[i]).toBeCloseTo(size ** 2, 4)
    })
  })
})

describe('resample (values of torchaudio’s formula)', () => {
  test('up and down', () => {
    const up = audio.resample(sound, 8000, 16000)
    expect(up.shape).toEqual([128])
    close(
      up.data.subarray(20, 28),
      [0.2829917, 0.3510623, 0.3285217, 0.1684755, -0.138281, -0.5512094, -0.9680258, -1.262272],
    )
    const down = audio.resample({ ...sound, shape: [1, 64] }, 44100, 16000)
    expect(down.shape).toEqual([1, 24])
    close(
      down.data.subarray(0, 6),
      [0.4044643, 1.253589, 0.9526721, 0.2544871, 0.09302934, -0.9664542],
    )
    close(down.data.subarray(22), [-1.004158, -0.2230512])
    expect(audio.resample(sound, 8000, 8000)).toBe(sound)
  })

  test('a tone stays a tone of its frequency', () => {
    const tone = (rate: number, n: number) =>
      Float32Array.from({ length: n }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / rate))
    const { data } = audio.resample(
      { dtype: 'f32', shape: [4000], data: tone(8000, 4000) },
      8000,
      12000,
    )
    const wanted = tone(12000, 6000)
    for (let i = 100; i < 5900; i++) expect(Math.abs(data[i]! - wanted[i]!)).toBeLessThan(2e-3)
  })
})

describe('mel (values of torchaudio’s formulas)', () => {
  test('filters, HTK and Slaney', () => {
    close(
      audio.melFilterbank(9, 8000, { nMels: 3 }).data,
      [
        0, 0, 0, 0.8934592, 0.1065408, 0, 0.1656918, 0.8343082, 0, 0, 0.6508237, 0.3491763, 0,
        0.1987153, 0.8012847, 0, 0, 0.8425854, 0, 0, 0.5617236, 0, 0, 0.2808618, 0, 0, 0,
      ],
    )
    const slaney = audio.melFilterbank(9, 8000, {
      nMels: 3,
      fMin: 50,
      fMax: 3800,
      melScale: 'slaney',
      norm: 'slaney',
    })
    close(
      slaney.data,
      [
        0, 0, 0, 0.00140153, 0, 0, 0.0005824753, 0.0008776518, 0, 0, 0.0008866113, 0.0002506036, 0,
        0.0001834281, 0.0006606226, 0, 0, 0.0005976684, 0, 0, 0.0003677958, 0, 0, 0.0001379232, 0,
        0, 0,
      ],
      9,
    )
    for (const scale of ['htk', 'slaney'] as const) {
      for (const hz of [0, 440, 1000, 5000])
        expect(audio.melToHz(audio.hzToMel(hz, scale), scale)).toBeCloseTo(hz, 8)
    }
    // The HTK book's own example: 1 kHz is 1,000 mel.
    expect(audio.hzToMel(1000)).toBeCloseTo(1000, 1)
  })

  const options = { sampleRate: 8000, nFft: 16, hopLength: 8, nMels: 6 }
  const column = ({ shape, data }: audio.Signal, frame: number) =>
    Array.from({ length: shape[0]! }, (_, m) => data[m * shape[1]! + frame]!)

  test('mel spectrogram', () => {
    close(
      column(audio.melSpectrogram(sound, options), 3),
      [0.3266516, 15.05321, 1.311953, 0.4185334, 0.5633232, 3.951962],
      4,
    )
  })

  test('MFCC, of decibels and of logarithms', () => {
    close(
      column(audio.mfcc(sound, { ...options, nMfcc: 4 }), 3),
      [3.17998, 0.5284986, 1.856246, -12.27108],
      4,
    )
    close(
      column(audio.mfcc(sound, { ...options, nMfcc: 4, logMels: true }), 3),
      [0.7322208, 0.1216919, 0.4274164, -2.825518],
      4,
    )
  })
})

describe('bad input', () => {
  const short = { dtype: 'f32' as const, shape: [8], data: new Float32Array(8) }
  test.each([
    [
      'images',
      () => audio.stft({ ...sound, shape: [4, 4, 4] }),
      /stft: expected samples \[length\] or \[channels, length\], got \[4, 4, 4\]/,
    ],
    [
      'too few samples',
      () => audio.stft(short, { nFft: 16 }),
      /at least 9 samples for nFft 16, got 8/,
    ],
    [
      'too few for a frame',
      () => audio.stft(short, { nFft: 16, center: false }),
      /at least 16 samples/,
    ],
    [
      'a window wider than a frame',
      () => audio.stft(sound, { nFft: 16, winLength: 20 }),
      /winLength of at most nFft \(16\), got 20/,
    ],
    [
      'a hop of 0',
      () => audio.stft(sound, { nFft: 16, hopLength: 0 }),
      /hopLength to be a whole number above 0/,
    ],
    [
      'a rate that is not whole',
      () => audio.resample(sound, 44100.5, 8000),
      /from to be a whole number above 0, got 44100\.5/,
    ],
    [
      'frequencies above half the rate',
      () => audio.melFilterbank(9, 8000, { fMax: 5000 }),
      /0 ≤ fMin < fMax ≤ 4000/,
    ],
    [
      'more coefficients than filters',
      () => audio.mfcc(sound, { sampleRate: 8000, nFft: 16, nMels: 8, nMfcc: 13 }),
      /nMfcc of at most nMels \(8\), got 13/,
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(message)
  })
})
