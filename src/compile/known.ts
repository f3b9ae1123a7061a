/**
 * What is known of an integer before the program runs: it lies between min and max, and is
 * ≡ residue (mod modulus); modulus 0: it is the residue itself.
 */
export interface Known {
  readonly min: number
  readonly max: number
  readonly modulus: number
  readonly residue: number
}

export const exactly = (value: number): Known => ({
  min: value,
  max: value,
  modulus: 0,
  residue: value,
})

/** An integer of a range, and a multiple of `modulus` from `min` on. */
export function between(min: number, max: number, modulus = 1): Known {
  if (min === max) return exactly(min)
  return { min, max, modulus, residue: modulo(min, modulus) }
}

/** The remainder that is never negative. */
export const modulo = (value: number, by: number): number => ((value % by) + by) % by

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b))

function normal(min: number, max: number, modulus: number, residue: number): Known {
  if (min === max || modulus === 0) return exactly(modulus === 0 ? residue : min)
  return { min, max, modulus, residue: modulo(residue, modulus) }
}

export const plus = (a: Known, b: Known): Known =>
  normal(a.min + b.min, a.max + b.max, gcd(a.modulus, b.modulus), a.residue + b.residue)

export function times({ min, max, modulus, residue }: Known, factor: number): Known {
  const [low, high] = factor < 0 ? [max, min] : [min, max]
  return normal(low * factor, high * factor, Math.abs(modulus * factor), residue * factor)
}

/** The remainder by a divisor, where it is always the same. */
export const residueOf = ({ modulus, residue }: Known, by: number): number | undefined =>
  modulus % by === 0 ? modulo(residue, by) : undefined

/** What is known of ⌊x / by⌋. */
export function quotient(known: Known, by: number): Known {
  const { min, max, modulus, residue } = known
  const exact = modulus > 0 && modulus % by === 0
  return normal(
    Math.floor(min / by),
    Math.floor(max / by),
    modulus === 0 ? 0 : exact ? modulus / by : 1,
    modulus === 0 || exact ? Math.floor(residue / by) : 0,
  )
}
