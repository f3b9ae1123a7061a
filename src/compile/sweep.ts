import { copiesOf } from './beside.ts'
import { isPlainFold } from './folds.ts'
import type { Layouts } from './layout.ts'
import { countOf, type Nest, type Span, type Stage, strideIn, valuesOf } from './nest.ts'
import type { Loop, Position } from './position.ts'

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
  const copies = copiesOf(outer)
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
  }
}

/** Where a stage reads runs along a span, if all that it reads there are runs. */
function loadsAlong(stage: Stage, loop: Loop, span: Span): Position[] | undefined {
  const loads = valuesOf([stage]).flatMap((value) => (value.kind === 'load' ? [value.at] : []))
  const runs = loads.filter((at) => strideIn(at, loop, span) === 1)
  const even = loads.every((at) => runs.includes(at) || strideIn(at, loop, span) === 0)
  return even && runs.length > 0 ? runs : undefined
}
