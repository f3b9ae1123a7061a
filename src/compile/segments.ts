import { between, exactly, type Known } from './known.ts'
import { type Digit, type Span, type Stage, valuesOf } from './nest.ts'
import { type Loop, type Position, rangeOf } from './position.ts'
import { positionsOf } from './value.ts'

/** A condition on a loop's position that fails for all positions below `from` and holds for all from `to` on. */
export interface Flip {
  readonly from: number
  readonly to: number
}

/** Part of a loop: rounds that look the same, or a single one at a known place. */
export interface Segment {
  readonly from: number
  readonly to: number
  readonly step: number
  /** One round, at `from`. */
  readonly once: boolean
  /** So many positions of it were done before. */
  readonly done: number
  /** What is known of the position in its rounds. */
  readonly known: Known
}

/** Single rounds on one side of a segment; more are left in a loop. */
const MOST_SINGLE = 3

/**
 * A loop of `count` positions, `width` in each round, cut where conditions turn: in each segment of
 * several rounds every condition always holds or never. What whole rounds leave over is done by a
 * last one that reaches back over positions done before.
 */
export function segmentsOf(count: number, width: number, flips: readonly Flip[]): Segment[] {
  const whole = Math.floor(count / width) * width
  const dirty = (at: number) => flips.some(({ from, to }) => from - width < at && at < to)
  const round = (at: number) => Math.max(0, Math.min(whole, Math.ceil(at / width) * width))
  const seams = flips.flatMap(({ from, to }) => [round(from - width + 1), round(to)])
  const cuts = [...new Set([0, ...seams, whole])].sort((a, b) => a - b)
  const found: Segment[] = []
  for (let i = 0; i + 1 < cuts.length; i++) {
    const at = cuts[i]!
    // Rounds with something to decide are one segment, wherever it turns.
    while (dirty(at) && i + 2 < cuts.length && dirty(cuts[i + 1]!)) i++
    found.push(...rounds(at, cuts[i + 1]!, width, dirty(at)))
  }
  if (whole < count && whole > 0) {
    const from = count - width
    const done = whole - from
    found.push({ from, to: count, step: width, once: true, done, known: exactly(from) })
  }
  return found
}

function rounds(from: number, to: number, step: number, dirty: boolean): Segment[] {
  const count = (to - from) / step
  if (count > (dirty ? MOST_SINGLE : 1)) {
    return [{ from, to, step, once: false, done: 0, known: between(from, to - step, step) }]
  }
  return Array.from({ length: count }, (_, i) => {
    const at = from + i * step
    return { from: at, to: at + step, step, once: true, done: 0, known: exactly(at) }
  })
}

/** Where the guards and limits of stages turn along a span. */
export function flipsOf(stages: readonly Stage[], loop: Loop, span: Span): Flip[] {
  const found = new Map<string, Flip>()
  const count = Math.ceil(span.high / span.low)
  const add = (flip: Flip | undefined): void => {
    // What turns anywhere, or nowhere, is no place to cut.
    if (!flip || flip.to <= 0 || flip.from >= count) return
    if (flip.from <= 0 && flip.to >= count) return
    found.set(`${flip.from} ${flip.to}`, flip)
  }
  const limits = (index: Position, low: number, high: number) => {
    add(flipAt(index, low, loop, span))
    add(flipAt(index, high, loop, span))
  }
  const visit = ({ terms }: Position): void => {
    for (const { atom } of terms) {
      if (atom.kind === 'clamp') limits(atom.of, 0, atom.limit)
      if (atom.kind !== 'digit' && atom.kind !== 'data') visit(atom.of)
    }
  }
  for (const value of valuesOf(stages)) {
    if (value.kind === 'guard')
      for (const { index, low, high } of value.guards) limits(index, low, high)
    positionsOf(value).forEach(visit)
  }
  return [...found.values()]
}

/** Where index ≥ least begins to hold along a span. */
function flipAt(index: Position, least: number, loop: Loop, span: Span): Flip | undefined {
  const [first] = index.terms
  if (index.terms.length === 1 && first!.factor === 1 && first!.atom.kind === 'div') {
    const { of, by } = first!.atom
    return flipAt(of, (least - index.constant) * by, loop, span)
  }
  const along = slopeOf(index, loop, span)
  if (!along) return undefined
  const { slope, each, rest } = along
  const at = (other: number) =>
    slope > 0
      ? each * Math.ceil((least - other) / slope)
      : each * (Math.floor((other - least) / -slope) + 1)
  const [from, to] = [at(slope > 0 ? rest.max : rest.min), at(slope > 0 ? rest.min : rest.max)]
  return { from, to }
}

/** index = slope · ⌊position / each⌋ + rest, where a position of the span goes into it evenly. */
function slopeOf(
  index: Position,
  loop: Loop,
  span: Span,
): { slope: number; each: number; rest: { min: number; max: number } } | undefined {
  let [slope, each] = [0, 1]
  let rest = rangeOf({ terms: [], constant: index.constant })
  const grow = (by: Position) => {
    const { min, max } = rangeOf(by)
    rest = { min: rest.min + min, max: rest.max + max }
  }
  for (const { factor, atom } of index.terms) {
    if (atom.kind !== 'digit') {
      if (atom.kind !== 'data' && dependsOn(atom.of, loop, span)) return undefined
      grow({ terms: [{ factor, atom }], constant: 0 })
      continue
    }
    if (atom.loop !== loop || atom.high <= span.low || span.high <= atom.low) {
      grow({ terms: [{ factor, atom }], constant: 0 })
      continue
    }
    if (slope !== 0 || atom.high < span.high) return undefined
    each = Math.max(1, atom.low / span.low)
    slope = factor * Math.max(1, span.low / atom.low)
    if (atom.low < span.low) grow(partOf(atom, atom.low, span.low, factor))
    if (span.high < atom.high)
      grow(partOf(atom, span.high, atom.high, factor * (span.high / atom.low)))
  }
  return slope === 0 ? undefined : { slope, each, rest }
}

/** What the places from low to high of a digit add to it. */
const partOf = ({ loop }: Digit, low: number, high: number, factor: number): Position => ({
  terms: [{ factor, atom: { kind: 'digit', loop, low, high } }],
  constant: 0,
})

function dependsOn({ terms }: Position, loop: Loop, span: Span): boolean {
  return terms.some(({ atom }) => {
    if (atom.kind === 'digit')
      return atom.loop === loop && atom.low < span.high && span.low < atom.high
    return atom.kind === 'data' || dependsOn(atom.of, loop, span)
  })
}
