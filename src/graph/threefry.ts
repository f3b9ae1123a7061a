/** Arithmetic that Threefry needs: of numbers in the interpreter, of expressions in the compiler. */
export interface WordAlgebra<W> {
  constant(value: number): W
  add(a: W, b: W): W
  xor(a: W, b: W): W
  /** Rotate left by 1 … 31 bits. */
  rotate(a: W, bits: number): W
}

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const
const PARITY = 0x1bd11bda

/**
 * Threefry-2x32, 20 rounds: two random words from a key and a counter (Salmon et al., “Parallel
 * random numbers: as easy as 1, 2, 3”, 2011). The same numbers on every backend and thread count.
 */
export function threefry<W>(
  { constant, add, xor, rotate }: WordAlgebra<W>,
  key: readonly [W, W],
  counter: readonly [W, W],
): [W, W] {
  const keys = [key[0], key[1], xor(xor(key[0], key[1]), constant(PARITY))]
  let a = add(counter[0], keys[0]!)
  let b = add(counter[1], keys[1]!)
  for (let round = 0; round < 20; round++) {
    a = add(a, b)
    b = xor(rotate(b, ROTATIONS[round % 8]!), a)
    if (round % 4 === 3) {
      const injection = (round + 1) / 4
      a = add(a, keys[injection % 3]!)
      b = add(add(b, keys[(injection + 1) % 3]!), constant(injection))
    }
  }
  return [a, b]
}

/** Threefry over 32-bit integers. */
export const words: WordAlgebra<number> = {
  constant: (value) => value | 0,
  add: (a, b) => (a + b) | 0,
  xor: (a, b) => a ^ b,
  rotate: (a, bits) => (a << bits) | (a >>> (32 - bits)),
}
