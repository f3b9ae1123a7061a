import type { Layout, Layouts } from './layout.ts'
import { countOf, dependencies, type Nest, readsData, type Span, valuesOf } from './nest.ts'
import type { Value } from './value.ts'

/** Rounds worth turning loops round for. */
const FEW = 4
/** Loops outside the vectors that are left to share out over threads, or vectors. */
const SHARES = 16

/**
 * The layouts with the last loop but one inside the vectors, where these look up positions that it does
 * not change: they are looked up once for all its rounds.
 */
export function lookedUpOnce({ stages, rows }: Nest, layouts: Layouts): Layouts {
  const { outer } = layouts
  const { spans, lanes, comb, beside } = outer
  const [upper, last] = [spans.at(-2), spans.at(-1)!]
  if (rows || lanes === 1 || comb > 1 || !upper || (beside?.length ?? 0) > 0) return layouts
  if (stages.some(({ inner }) => inner) || countOf(upper) < FEW) return layouts
  const others = spans.slice(0, -2)
  const shares = others.reduce((product, span) => product * countOf(span), 1)
  if (shares < SHARES && countOf(last) < SHARES * lanes) return layouts
  const positions = valuesOf(stages).flatMap((value) => (value.kind === 'load' ? [value.at] : []))
  const found = positions
    .filter(readsData)
    .flatMap(({ terms }) =>
      terms.flatMap(({ atom }) => (atom.kind === 'data' ? [atom.value as Value] : [])),
    )
  const fits =
    found.length > 0 &&
    found.every((value) => changes(value, outer, last) && !changes(value, outer, upper))
  return fits
    ? { ...layouts, outer: { ...outer, spans: [...others, last], within: upper } }
    : layouts
}

/** Whether a value differs from round to round of a span. */
function changes(value: Value, { loop }: Layout, { low, high }: Span): boolean {
  return dependencies(value).digits.some(
    (digit) => digit.loop === loop && digit.low < high && low < digit.high,
  )
}
