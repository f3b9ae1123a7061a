import type { Target } from '../loop/target.ts'
import {
  countOf,
  type Nest,
  positionsIn,
  readsData,
  type Span,
  type Stage,
  spansOf,
  strideIn,
  valuesOf,
} from './nest.ts'
import type { Loop, Position } from './position.ts'
import type { Value } from './value.ts'

/** How a flat loop is written: the loops that it is split into, and the vector lanes of the last. */
export interface Layout {
  readonly loop: Loop
  readonly spans: readonly Span[]
  /** Lanes of the last span; 1: scalar. */
  readonly lanes: number
  /** The lower part of the last span, which lanes run through again and again: the 2 of a pooling window. */
  readonly short?: Span
}

/** An inner loop, its spans, and how well vectors run along it (undefined: they can't). */
interface Inner {
  readonly stage: Stage
  readonly loop: Loop
  readonly spans: readonly Span[]
  readonly along: number | undefined
}

/**
 * Where a nest's vectors run: across the outer loop where that reads memory as well as along the
 * inner loops does; else along each inner loop that allows it.
 */
export function layoutOf(
  { outer, stages, rows }: Nest,
  target: Target,
): { outer: Layout; inner: ReadonlyMap<Stage, Layout> } {
  const spans = spansOf(outer, positionsIn(stages, valuesOf(stages)))
  const inners = stages.flatMap((stage) => (stage.inner ? [innerOf(stage, stage.inner)] : []))
  const across = wide(spans.at(-1)!) && !rows ? score(stages, outer, spans.at(-1)!) : undefined
  const worst = Math.min(Number.POSITIVE_INFINITY, ...inners.flatMap(({ along }) => along ?? []))
  const useOuter = across !== undefined && (across >= worst || worst === Number.POSITIVE_INFINITY)
  const lanes = useOuter ? lanesFor(countOf(spans.at(-1)!), target) : 1
  const inner = inners.map(({ stage, loop, spans: own, along }): [Stage, Layout] => {
    const vector = lanes === 1 && along !== undefined
    return [stage, { loop, spans: own, lanes: vector ? lanesFor(countOf(own.at(-1)!), target) : 1 }]
  })
  const joined =
    lanes === 1 && inner.every(([, layout]) => layout.lanes === 1)
      ? joinShort(outer, spans, stages, target)
      : undefined
  return { outer: joined ?? { loop: outer, spans, lanes }, inner: new Map(inner) }
}

/**
 * Where the last span is too short for vectors: vectors along it and the one above it, if whole
 * vectors fill both and what is written is contiguous.
 */
function joinShort(
  loop: Loop,
  spans: readonly Span[],
  stages: readonly Stage[],
  target: Target,
): Layout | undefined {
  const [upper, short] = spans.slice(-2)
  if (!upper || !short || countOf(short) > target.lanes / 2) return undefined
  const last = { low: short.low, high: upper.high }
  let lanes = target.lanes
  while (lanes >= 4 && (countOf(last) % lanes !== 0 || lanes % countOf(short) !== 0)) lanes /= 2
  if (lanes < 4 || !runsThrough(stages, loop, upper, short)) return undefined
  return { loop, spans: [...spans.slice(0, -2), last], lanes, short }
}

/** Whether all addresses step evenly along both spans, and writes go on from one to the next. */
function runsThrough(stages: readonly Stage[], loop: Loop, upper: Span, short: Span): boolean {
  const values = valuesOf(stages)
  const along = (position: Position) => [
    strideIn(position, loop, upper),
    strideIn(position, loop, short),
  ]
  const writes = stages.flatMap((stage) => stage.writes)
  const contiguous = writes.every(({ at, accumulate }) => {
    const [up, down] = along(at)
    return !accumulate && down === 1 && up === countOf(short)
  })
  return (
    contiguous &&
    !values.some((value) => value.kind === 'guard' || value.kind === 'inside') &&
    positionsIn(stages, values).every(
      (position) => !along(position).includes(undefined) && !readsData(position),
    )
  )
}

function innerOf(stage: Stage, loop: Loop): Inner {
  const spans = spansOf(loop, positionsIn([stage], valuesOf([stage])))
  const last = spans.at(-1)!
  // A running fold has an order; a maximum's position is kept one by one.
  const ordered =
    (stage.serial && stage.folds.length > 0) || stage.folds.some((fold) => fold.fold === 'argmax')
  return {
    stage,
    loop,
    spans,
    along: ordered || !wide(last) ? undefined : score([stage], loop, last),
  }
}

const wide = (span: Span): boolean => countOf(span) >= 4

/** Vector lanes for a loop of `count` rounds: what divides it, else full vectors and a remainder. */
function lanesFor(count: number, { lanes }: Target): number {
  for (let width = lanes; width >= 4; width /= 2) {
    if (count % width === 0 || count >= 4 * width) return width
  }
  return count >= 4 ? 4 : 1
}

/**
 * How well a span serves as vector lanes: the share of reads and writes that are contiguous or
 * shared by all lanes. Undefined: it can't.
 */
function score(stages: readonly Stage[], loop: Loop, span: Span): number | undefined {
  let good = 0
  let all = 0
  for (const { writes, serial } of stages) {
    for (const { at, accumulate } of writes) {
      const stride = strideIn(at, loop, span)
      if (!stride) return undefined
      if (
        (accumulate || serial) &&
        at.terms.some(({ atom }) => atom.kind === 'data' && varies(atom.value as Value, loop, span))
      ) {
        return undefined
      }
    }
  }
  for (const value of valuesOf(stages)) {
    if (value.kind === 'guard') {
      for (const { index, every } of value.guards) {
        const stride = strideIn(index, loop, span)
        if (stride === undefined || (every > 1 && stride !== 0)) return undefined
      }
    }
    if (value.kind !== 'load' && value.kind !== 'position' && value.kind !== 'random') continue
    const stride = strideIn(value.at, loop, span)
    if (stride === undefined) return undefined
    if (value.kind !== 'load') continue
    all++
    const scattered = value.at.terms.some(
      ({ atom }) => atom.kind === 'data' && varies(atom.value as Value, loop, span),
    )
    if ((stride === 0 || stride === 1) && !scattered) good++
  }
  return all === 0 ? 1 : good / all
}

/** Whether a value differs from lane to lane. */
function varies(value: Value, loop: Loop, span: Span): boolean {
  return valuesOf([
    { folds: [], writes: [{ to: undefined as never, at: { terms: [], constant: 0 }, value }] },
  ]).some(
    (part) =>
      (part.kind === 'load' || part.kind === 'position' || part.kind === 'random') &&
      strideIn(part.at, loop, span) !== 0,
  )
}
