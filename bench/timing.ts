import { settle } from '../src/index.ts'

/** Milliseconds of one call: as many calls as fill `least` milliseconds, waited for at the end. */
export async function timeCalls(call: () => unknown, least: number): Promise<number> {
  let calls = 0
  const start = performance.now()
  let elapsed = 0
  do {
    // Calls that take long are waited for one by one, so that results need not all be kept.
    const batch = elapsed > 0.5 * calls ? 1 : Math.max(1, Math.min(100, calls))
    for (let i = 0; i < batch; i++) call()
    await settle()
    calls += batch
    elapsed = performance.now() - start
  } while (elapsed < least)
  return elapsed / calls
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
