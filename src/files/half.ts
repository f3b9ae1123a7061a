/**
 * Half-precision numbers (IEEE 754 binary16) and bfloat16, from bits and to bits. Both ways round to
 * the nearest, ties to even, as processors do.
 */

/** All 65,536 half-precision numbers by their bits: looking one up is faster than computing it. */
let halves: Float32Array | undefined

/** A half-precision number from its 16 bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Numbers from half-precision bits. */
export function decodeHalf(bits: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => halfToNumber(half))
  const numbers = new Float32Array(bits.length)
  for (let i = 0; i < bits.length; i++) numbers[i] = halves[bits[i]!]!
  return numbers
}

/** Numbers from bfloat16 bits, which are the upper half of a float's. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < words.length; i++) words[i] = bits[i]! << 16
  return new Float32Array(words.buffer)
}

/**
 * The nearest half-precision numbers' bits; from 65520 on they are infinite.
 *
 * @example
 * ```ts
 * encodeHalf(Float32Array.of(1, -2, 65520)) // Uint16Array [0x3c00, 0xc000, 0x7c00]
 * ```
 */
export function encodeHalf(numbers: Float32Array): Uint16Array {
  const words = wordsOf(numbers)
  const bits = new Uint16Array(words.length)
  for (let i = 0; i < bits.length; i++) {
    const word = words[i]!
    const magnitude = word & 0x7fffffff
    bits[i] = ((word >>> 16) & 0x8000) | halfMagnitude(magnitude, numbers[i]!)
  }
  return bits
}

/** The bits of |number|, whose own bits are `word`. */
function halfMagnitude(word: number, number: number): number {
  if (word > 0x7f800000) return 0x7e00
  if (word >= 0x477ff000) return 0x7c00
  // Below 2⁻¹⁴ they are multiples of 2⁻²⁴; adding 2⁵² leaves no bits after the point.
  if (word < 0x38800000) return Math.abs(number) * 2 ** 24 + 2 ** 52 - 2 ** 52
  return (word - 0x38000000 + 0xfff + ((word >>> 13) & 1)) >>> 13
}

/**
 * The nearest bfloat16 numbers' bits.
 *
 * @example
 * ```ts
 * encodeBfloat16(Float32Array.of(1, -2)) // Uint16Array [0x3f80, 0xc000]
 * ```
 */
export function encodeBfloat16(numbers: Float32Array): Uint16Array {
  const words = wordsOf(numbers)
  const bits = new Uint16Array(words.length)
  for (let i = 0; i < bits.length; i++) {
    const word = words[i]!
    const isNan = (word & 0x7fffffff) > 0x7f800000
    // Rounding up may carry into the exponent, which is what it should do.
    bits[i] = isNan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return bits
}

function wordsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length)
}
