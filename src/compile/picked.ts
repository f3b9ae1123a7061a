import { shuffle } from '../loop/build.ts'
import type { Expr } from '../loop/ir.ts'

/**
 * Elements at fixed offsets: the few whole vectors that hold them, and lanes picked from those.
 * Undefined if so many vectors would cost more than the elements. Memory may be read up to a
 * vector past the last offset.
 */
export function picked(
  offsets: readonly number[],
  /** The vector from an offset on, named. */
  read: (offset: number) => Expr,
): Expr | undefined {
  const lanes = offsets.length
  const starts: number[] = []
  for (const offset of [...offsets].sort((a, b) => a - b)) {
    if (starts.length === 0 || offset >= starts.at(-1)! + lanes) starts.push(offset)
  }
  if (starts.length > Math.max(2, lanes / 2)) return undefined
  const vectors = starts.map(read)
  const holder = offsets.map((offset) => starts.findLastIndex((start) => start <= offset))
  const within = offsets.map((offset, lane) => offset - starts[holder[lane]!]!)
  const [first, second = first!] = vectors as [Expr, Expr?]
  const both = within.map((at, lane) => (holder[lane] === 1 ? lanes + at : at))
  return vectors.slice(2).reduce(
    (picks, vector, i) => {
      const pick = within.map((at, lane) => (holder[lane] === i + 2 ? lanes + at : lane))
      return shuffle(picks, vector, pick)
    },
    shuffle(first, second, both),
  )
}

/** Vectors whose lanes take turns: lane 0 of each, then lane 1 of each, …, as vectors in that order. */
export function interleaved(vectors: readonly Expr[], name: (value: Expr) => Expr): Expr[] {
  const [first] = vectors as [Expr]
  const { lanes } = first
  const count = vectors.length
  if (count === 1) return [first]
  if (count % 2 === 0) {
    const half = (odd: number) => vectors.filter((_, i) => i % 2 === odd)
    const [even, odd] = [interleaved(half(0), name), interleaved(half(1), name)]
    const zip = (from: number) =>
      Array.from({ length: lanes }, (_, i) => from + (i >> 1) + (i & 1 ? lanes : 0))
    return even.flatMap((x, i) => {
      const [a, b] = [name(x), name(odd[i]!)]
      return [shuffle(a, b, zip(0)), shuffle(a, b, zip(lanes / 2))]
    })
  }
  const all = vectors.map(name)
  return all.map((_, k) => {
    const from = (lane: number) => (k * lanes + lane) % count
    const at = (lane: number) => Math.floor((k * lanes + lane) / count)
    const step = (held: Expr, vector: Expr, which: number) =>
      shuffle(
        held,
        vector,
        Array.from({ length: lanes }, (_, i) => {
          if (from(i) === which) return lanes + at(i)
          return which === 1 && from(i) === 0 ? at(i) : i
        }),
      )
    return all.slice(1).reduce((held, vector, i) => step(held, vector, i + 1), all[0]!)
  })
}
