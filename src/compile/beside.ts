import { i32 } from '../loop/build.ts'
import type { Emitter } from './emitter.ts'
import { isPlainFold } from './folds.ts'
import { exactly } from './known.ts'
import type { Layout, Layouts } from './layout.ts'
import { countOf, type Nest, type Span, type Stage, strideIn, valuesOf } from './nest.ts'
import type { Loop, Position } from './position.ts'

/** Rounds of one span that are written side by side, at most, and of two spans together. */
const MOST = 4
const MOST_OF_ALL = 8
/** Spans shorter than this are left whole: there would be too few rounds to share out. */
const LONG = 64

/**
 * The layouts with rounds of the outer loop side by side, if they read something in common along
 * the folds' loop: it is fetched once for all of them. Each has sums of its own.
 */
export function sideBySide({ stages, rows }: Nest, layouts: Layouts): Layouts {
  const { outer, inner } = layouts
  const [stage, ...later] = stages as [Stage, ...Stage[]]
  if (rows || outer.comb > 1 || !isPlainFold(stage)) return layouts
  if (later.some((other) => other.inner)) return layouts
  const along = inner.get(stage)!
  const vectors = outer.lanes > 1 ? outer : along
  const runs = runsAlong(stage, vectors)
  const free = outer.lanes > 1 ? outer.spans.slice(0, -1) : outer.spans
  const short = free.findLast(
    (span) => countOf(span) > 1 && countOf(span) <= MOST && isShared(runs, outer.loop, span),
  )
  const others = short && outer.spans.length > 1 ? without(outer.spans, short) : outer.spans
  const beside = others === outer.spans ? [] : [short!]
  const last = others.at(-1)!
  const width = short ? MOST_OF_ALL / countOf(short) : MOST
  const cut = [4, 2].find((n) => n <= width && countOf(last) % n === 0)
  const long = outer.lanes === 1 && along.lanes > 1 && countOf(last) >= LONG
  if (!cut || !long || !isShared(runs, outer.loop, last))
    return { outer: { ...outer, spans: others, beside }, inner }
  const seam = last.low * cut
  const spans = [...others.slice(0, -1), { low: seam, high: last.high }]
  return { outer: { ...outer, spans, beside: [...beside, { low: last.low, high: seam }] }, inner }
}

/** How many rounds are written side by side. */
export const copiesOf = ({ beside = [] }: Layout): number =>
  beside.reduce((product, span) => product * countOf(span), 1)

/** Binds the places of one of them. */
export function bindCopy(emitter: Emitter, { loop, beside = [] }: Layout, copy: number): void {
  let rest = copy
  for (const span of beside) {
    const i = rest % countOf(span)
    rest = (rest - i) / countOf(span)
    const place = { loop, ...span, value: i32(i), vector: false, known: exactly(i) }
    emitter.bind({ ...place, version: String(i) }, 0)
  }
}

const without = (spans: readonly Span[], span: Span): Span[] => spans.filter((s) => s !== span)

/** Where a stage reads runs of memory by vectors. */
function runsAlong(stage: Stage, { loop, spans }: Layout): Position[] {
  return valuesOf([stage]).flatMap((value) =>
    value.kind === 'load' && strideIn(value.at, loop, spans.at(-1)!) === 1 ? [value.at] : [],
  )
}

/** Whether some runs are the same in all rounds of a span. */
const isShared = (runs: readonly Position[], loop: Loop, span: Span): boolean =>
  runs.some((at) => strideIn(at, loop, span) === 0)
