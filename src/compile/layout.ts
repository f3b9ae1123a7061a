import type { Target } from '../loop/target.ts'
import {
  countOf,
  type Nest,
  positionsIn,
  type Span,
  type Stage,
  spansOf,
  strideIn,
  valuesOf,
} from './nest.ts'
import type { Loop, Position } from './position.ts'

/** How a flat loop is written: the loops that it is split into, and the vectors along the last. */
export interface Layout {
  readonly loop: Loop
  readonly spans: readonly Span[]
  /** Lanes of the last span; 1: scalar. */
  readonly lanes: number
  /** Lanes are this many positions apart; as many vectors, one position apart, fill a run. */
  readonly comb: number
  /** Short spans, none of `spans`, whose rounds are written side by side inside all others. */
  readonly beside?: readonly Span[]
  /** A span, none of `spans`, whose rounds are inside the vectors. */
  readonly within?: Span
}

/** Layouts of all loops of a nest. */
export interface Layouts {
  readonly outer: Layout
  readonly inner: ReadonlyMap<Stage, Layout>
}

/** Combs are at most this wide. */
const WIDEST_COMB = 8

/** The ways to write a nest that may be the best: vectors along the outer loop, along the inner ones, or none. */
export function layoutsOf({ outer, stages, rows }: Nest, target: Target): Layouts[] {
  const spans = spansOf(outer, positionsIn(stages, valuesOf(stages)))
  const inners = stages.flatMap((stage) => {
    if (!stage.inner) return []
    const own = spansOf(stage.inner, positionsIn([stage], valuesOf([stage])))
    return [{ stage, layout: scalar(stage.inner, own) }]
  })
  const plain = new Map(inners.map(({ stage, layout }) => [stage, layout]))
  // Rows that are kept one at a time are walked one at a time.
  const across = rows ? [] : alongLast(stages, outer, spans, target)
  const along = new Map(
    inners.map(({ stage, layout: { loop, spans: own } }) => {
      const [best] = isOrdered(stage) ? [] : alongLast([stage], loop, own, target)
      return [stage, best?.comb === 1 ? best : scalar(loop, own)]
    }),
  )
  return [
    ...across.map((layout) => ({ outer: layout, inner: plain })),
    ...(inners.length > 0 ? [{ outer: scalar(outer, spans), inner: along }] : []),
    { outer: scalar(outer, spans), inner: plain },
  ]
}

const scalar = (loop: Loop, spans: readonly Span[]): Layout => ({ loop, spans, lanes: 1, comb: 1 })

/** A running fold has an order; a maximum's position is kept one by one. */
export const isOrdered = (stage: Stage): boolean =>
  (stage.serial === true && stage.folds.length > 0) ||
  stage.folds.some((fold) => fold.fold === 'argmax')

/** Vectors along the last span, lane by lane or in combs; or through the last two, if the last is short. */
function alongLast(
  stages: readonly Stage[],
  loop: Loop,
  spans: readonly Span[],
  target: Target,
): Layout[] {
  const last = spans.at(-1)!
  const upper = spans.at(-2)
  const ways = [{ spans, comb: 1 }]
  if (isEven(stages, loop, last)) {
    for (const comb of steps(stages, loop, last)) ways.push({ spans, comb })
    if (upper && countOf(last) <= WIDEST_COMB && goesOn(stages, loop, upper, countOf(last))) {
      const joined = { low: last.low, high: upper.high }
      ways.push({ spans: [...spans.slice(0, -2), joined], comb: countOf(last) })
    }
  }
  return ways.flatMap((way) => {
    const lanes = lanesFor(Math.ceil(countOf(way.spans.at(-1)!)), way.comb, target)
    return lanes > 1 ? [{ loop, ...way, lanes }] : []
  })
}

/** Whether all writes come after the folds, and go on from position to position: vectors of a comb can be interleaved. */
const isEven = (stages: readonly Stage[], loop: Loop, span: Span): boolean =>
  stages.every(({ inner, writes }) =>
    writes.every(
      ({ at, accumulate, when }) =>
        !inner && !accumulate && !when && strideIn(at, loop, span) === 1,
    ),
  )

/** Whether what is written in one round of a span lies right behind what the round before wrote. */
const goesOn = (stages: readonly Stage[], loop: Loop, span: Span, length: number): boolean =>
  stages.every(({ writes }) => writes.every(({ at }) => strideIn(at, loop, span) === length))

/** Steps of positions along a span that are divided, or of which only every so many count. */
function steps(stages: readonly Stage[], loop: Loop, span: Span): number[] {
  const found = new Set<number>()
  const here = (position: Position) =>
    digitsIn(position).some(
      (digit) => digit.loop === loop && digit.low < span.high && span.low < digit.high,
    )
  const visit = ({ terms }: Position): void => {
    for (const { atom } of terms) {
      if (atom.kind === 'digit' || atom.kind === 'data') continue
      if (atom.kind !== 'clamp' && here(atom.of)) found.add(atom.by)
      visit(atom.of)
    }
  }
  const values = valuesOf(stages)
  positionsIn(stages, values).forEach(visit)
  for (const value of values) {
    if (value.kind !== 'guard') continue
    for (const { index, every } of value.guards) if (every > 1 && here(index)) found.add(every)
  }
  return [...found].filter((step) => step <= WIDEST_COMB)
}

function digitsIn({ terms }: Position): { loop: Loop; low: number; high: number }[] {
  return terms.flatMap(({ atom }) => {
    if (atom.kind === 'digit') return [atom]
    return atom.kind === 'data' ? [] : digitsIn(atom.of)
  })
}

/** Lanes for `count` positions: few vectors, and few lanes that do twice what is done already. */
function lanesFor(count: number, comb: number, { lanes }: Target): number {
  let best = 1
  let least = Number.POSITIVE_INFINITY
  for (let width = lanes; width >= 4; width /= 2) {
    if (count < width * comb) continue
    const price = Math.ceil(count / (width * comb)) * (width + 4)
    if (price < least) [best, least] = [width, price]
  }
  return best
}
