/**
 * How often each property is tried (`BRICK_PROPERTY_RUNS` multiplies it), and with which seed
 * (`BRICK_PROPERTY_SEED`; a failure prints the one it used).
 */
export function runs(usual: number): { numRuns: number; seed?: number } {
  const { BRICK_PROPERTY_RUNS, BRICK_PROPERTY_SEED } = process.env
  const numRuns = Math.max(1, Math.round(usual * Number(BRICK_PROPERTY_RUNS ?? 1)))
  return BRICK_PROPERTY_SEED ? { numRuns, seed: Number(BRICK_PROPERTY_SEED) } : { numRuns }
}
