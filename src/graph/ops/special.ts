/**
 * erf(x) = 2/√π ∫₀ˣ e^(−t²) dt in double precision: the Maclaurin series below 3, a continued
 * fraction of erfc above (Abramowitz and Stegun 7.1.5 and 7.1.14).
 *
 * @example
 * ```ts
 * erf(0.5) // 0.5204998778130465
 * ```
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const size = Math.abs(x)
  return Math.sign(x) * (size < 3 ? series(size) : 1 - complement(size))
}

function series(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

function complement(x: number): number {
  if (x > 27) return 0
  let fraction = 0
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (x + fraction)
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction)
}
