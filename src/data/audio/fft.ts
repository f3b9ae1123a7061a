/** exp(−iπn²/length), and the transform of its conjugate. */
interface Chirp {
  readonly re: Float64Array
  readonly im: Float64Array
  readonly fre: Float64Array
  readonly fim: Float64Array
}

/** The discrete Fourier transform of one length, with its tables made once. */
export class Fft {
  readonly length: number
  readonly #size: number
  readonly #cos: Float64Array
  readonly #sin: Float64Array
  readonly #reversed: Int32Array
  /** For lengths that are no power of two. */
  readonly #chirp: Chirp | undefined
  readonly #re: Float64Array
  readonly #im: Float64Array

  constructor(length: number) {
    this.length = length
    const isPower = (length & (length - 1)) === 0
    const size = isPower ? length : 2 ** Math.ceil(Math.log2(2 * length - 1))
    const bits = Math.log2(size)
    this.#size = size
    this.#cos = Float64Array.from({ length: size / 2 }, (_, i) =>
      Math.cos((2 * Math.PI * i) / size),
    )
    this.#sin = Float64Array.from({ length: size / 2 }, (_, i) =>
      Math.sin((2 * Math.PI * i) / size),
    )
    this.#reversed = Int32Array.from({ length: size }, (_, i) => {
      let reversed = 0
      for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit)
      return reversed
    })
    this.#re = new Float64Array(size)
    this.#im = new Float64Array(size)
    this.#chirp = isPower ? undefined : this.#chirpOf(length, size)
  }

  /** Replaces re + i·im by Σₙ xₙ exp(−2πi k n / length), k = 0 … length − 1. */
  transform(re: Float64Array, im: Float64Array): void {
    if (this.#chirp) this.#bluestein(re, im, this.#chirp)
    else this.#radix2(re, im)
  }

  /** Cooley and Tukey, “An algorithm for the machine calculation of complex Fourier series”, 1965. */
  #radix2(re: Float64Array, im: Float64Array): void {
    const n = this.#size
    for (let i = 0; i < n; i++) {
      const j = this.#reversed[i]!
      if (j <= i) continue
      const [a, b] = [re[i]!, im[i]!]
      re[i] = re[j]!
      im[i] = im[j]!
      re[j] = a
      im[j] = b
    }
    for (let half = 1; half < n; half *= 2) {
      const step = n / (2 * half)
      for (let start = 0; start < n; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [c, s] = [this.#cos[k * step]!, this.#sin[k * step]!]
          const [i, j] = [start + k, start + k + half]
          const x = re[j]! * c + im[j]! * s
          const y = im[j]! * c - re[j]! * s
          re[j] = re[i]! - x
          im[j] = im[i]! - y
          re[i]! += x
          im[i]! += y
        }
      }
    }
  }

  #chirpOf(length: number, size: number): Chirp {
    const re = new Float64Array(length)
    const im = new Float64Array(length)
    const fre = new Float64Array(size)
    const fim = new Float64Array(size)
    for (let n = 0; n < length; n++) {
      // n² is taken modulo 2 · length, or large ones lose their fraction of a turn.
      const angle = (Math.PI * ((n * n) % (2 * length))) / length
      re[n] = Math.cos(angle)
      im[n] = -Math.sin(angle)
      for (const at of [n, (size - n) % size]) {
        fre[at] = Math.cos(angle)
        fim[at] = Math.sin(angle)
      }
    }
    this.#radix2(fre, fim)
    return { re, im, fre, fim }
  }

  /** Bluestein, “A linear filtering approach to the computation of discrete Fourier transform”, 1970. */
  #bluestein(re: Float64Array, im: Float64Array, chirp: Chirp): void {
    const [a, b] = [this.#re.fill(0), this.#im.fill(0)]
    for (let n = 0; n < this.length; n++) {
      a[n] = re[n]! * chirp.re[n]! - im[n]! * chirp.im[n]!
      b[n] = re[n]! * chirp.im[n]! + im[n]! * chirp.re[n]!
    }
    this.#radix2(a, b)
    // The inverse transform is that of the conjugate, conjugated.
    for (let k = 0; k < this.#size; k++) {
      const x = a[k]! * chirp.fre[k]! - b[k]! * chirp.fim[k]!
      b[k] = -(a[k]! * chirp.fim[k]! + b[k]! * chirp.fre[k]!)
      a[k] = x
    }
    this.#radix2(a, b)
    for (let k = 0; k < this.length; k++) {
      const [x, y] = [a[k]! / this.#size, -b[k]! / this.#size]
      re[k] = x * chirp.re[k]! - y * chirp.im[k]!
      im[k] = x * chirp.im[k]! + y * chirp.re[k]!
    }
  }
}
