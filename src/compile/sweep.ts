import type { Layouts } from './layout.ts'
import { countOf, type Nest, type Span, type Stage, strideIn, valuesOf } from './nest.ts'
import type { Loop, Position } from './position.ts'

/** Folds of fewer elements are written out, in registers. */
const FEW_ELEMENTS = 16
/** Columns of fewer vectors keep their sums in registers. */
const FEW_VECTORS = 4
/** Rows of memory that are read side by side: a stream each for the processor to fetch ahead. */
const STREAMS = 8
/** Rows of at most so many elements that lie right behind one another are one stream. */
const SHORT_ROW = 512
/** Columns of a chunk, at least, unless there would be fewer chunks than this. */
const COLUMNS = 512
const CHUNKS = 8
/** Sums of as many columns at a time stay in the fastest cache. */
const WIDEST = 4096
/** Rows of the result that are computed together are at most so many. */
const MOST_BESIDE = 4

/**
 * How a nest whose folds run down the columns of what lies in memory row by row is written: along
 * the rows. Each round of the fold's loop goes over all columns, whose sums stay in the chunk's own
 * memory; down one column after the other, each row would be fetched in bits too short to be
 * fetched ahead.
 */
export interface Sweep {
  readonly stage: Stage
  /** Rows in each pass over the columns. Their sum is added to the column's, so long sums are in blocks. */
  readonly streams: number
  /** Columns whose sums are kept at a time. */
  readonly width: number
  /** Chunks that the columns are best shared out over. */
  readonly parts: number
  /** The span above the columns, if its rounds read the same rows: all are done while these are at hand. */
  readonly beside?: Span
}

/** The sweep of a nest with vectors along its outer loop, if it folds columns alone. */
export function sweepOf({ stages, rows }: Nest, { outer, inner }: Layouts): Sweep | undefined {
  const [stage, ...others] = stages as [Stage, ...Stage[]]
  const across = outer.lanes > 1 && outer.comb === 1 && !rows
  if (!across || !isPlainFold(stage) || others.some((other) => other.inner)) return undefined
  const last = outer.spans.at(-1)!
  const loads = loadsAlong(stage, outer.loop, last)
  const columns = countOf(last)
  if (!loads || columns <= FEW_VECTORS * outer.lanes) return undefined
  const beside = besideOf(loads, outer.loop, outer.spans.at(-2))
  const copies = beside ? countOf(beside) : 1
  const above = outer.loop.extent / columns / copies
  const parts = above >= CHUNKS ? 1 : Math.max(CHUNKS / above, columns / COLUMNS)
  const along = inner.get(stage)!
  const follow = loads.every((at) => strideIn(at, along.loop, along.spans.at(-1)!) === columns)
  const single = follow && parts === 1 && columns <= SHORT_ROW
  const sums = stage.folds.length * copies
  return {
    stage,
    streams: single ? 1 : STREAMS,
    width: Math.max(1, Math.floor(WIDEST / sums / outer.lanes)) * outer.lanes,
    parts: Math.ceil(parts),
    ...(beside && { beside }),
  }
}

/** Folds of many elements that need no order, without conditions. */
function isPlainFold(stage: Stage): boolean {
  const { inner, folds, writes, serial } = stage
  if (!inner || serial || inner.extent <= FEW_ELEMENTS || writes.length > 0) return false
  const free = valuesOf([stage]).every(({ kind }) => kind !== 'guard' && kind !== 'inside')
  return free && folds.length > 0 && folds.every(({ fold }) => fold !== 'argmax')
}

/** Where a stage reads runs along a span, if all that it reads there are runs. */
function loadsAlong(stage: Stage, loop: Loop, span: Span): Position[] | undefined {
  const loads = valuesOf([stage]).flatMap((value) => (value.kind === 'load' ? [value.at] : []))
  const runs = loads.filter((at) => strideIn(at, loop, span) === 1)
  const even = loads.every((at) => runs.includes(at) || strideIn(at, loop, span) === 0)
  return even && runs.length > 0 ? runs : undefined
}

/** A short span in all of whose rounds the same runs are read. */
function besideOf(runs: readonly Position[], loop: Loop, span?: Span): Span | undefined {
  if (!span || countOf(span) > MOST_BESIDE) return undefined
  return runs.every((at) => strideIn(at, loop, span) === 0) ? span : undefined
}
