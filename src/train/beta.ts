/** Draws of one random source: each call the next number in [0, 1). */
export type Draw = () => number

/** N(0, 1), by Box and Muller. */
const normal = (draw: Draw): number =>
  Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw())

/**
 * A draw from the gamma distribution of a shape (and scale 1).
 *
 * Source: Marsaglia and Tsang, “A simple method for generating gamma variables”, 2000.
 */
function gamma(shape: number, draw: Draw): number {
  if (shape < 1) return gamma(shape + 1, draw) * (1 - draw()) ** (1 / shape)
  const d = shape - 1 / 3
  for (;;) {
    const x = normal(draw)
    const v = (1 + x / Math.sqrt(9 * d)) ** 3
    if (v > 0 && Math.log(1 - draw()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v
  }
}

/** A draw from the beta distribution with both parameters α. */
export function beta(alpha: number, draw: Draw): number {
  const [a, b] = [gamma(alpha, draw), gamma(alpha, draw)]
  // Very small α make both 0: then either end, as the distribution has it.
  return a + b > 0 ? a / (a + b) : Math.round(draw())
}
