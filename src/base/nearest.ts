/**
 * The name that is most like another, if any is alike at all: at most half of its letters differ.
 *
 * @example
 * ```ts
 * nearest('lenett', ['alexnet', 'lenet']) // 'lenet'
 * ```
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const scored = candidates.map((candidate) => ({ candidate, d: distance(name, candidate) }))
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (a, b) => (a && a.d <= b.d ? a : b),
    undefined,
  )
  return best && best.d <= Math.max(name.length, best.candidate.length) / 2
    ? best.candidate
    : undefined
}

/** Letters to insert, delete or replace (Levenshtein, 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + Number(a[i - 1] !== b[j - 1])
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
