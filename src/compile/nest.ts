import type { Node } from '../graph/node.ts'
import type { Atom, Loop, Position } from './position.ts'
import { partsOf, positionsOf, type Value } from './value.ts'

/** A value that is folded over a stage's inner loop into a register. */
export interface Fold {
  readonly register: string
  readonly fold: 'add' | 'mul' | 'max' | 'argmax'
  readonly identity: number
  readonly value: Value
}

/** A value that is written to a stored node. */
export interface Write {
  readonly to: Node
  readonly at: Position
  readonly value: Value
  /** Only where this holds. */
  readonly when?: Value
  /** Added to what is there. */
  readonly accumulate?: boolean
}

/**
 * One pass over an inner loop (or over nothing): folds go on through the loop, writes happen in
 * each round. A fold's register can be read by later stages; by the writes of its own stage it is
 * read as it stands in that round (`running`).
 */
export interface Stage {
  readonly inner?: Loop
  readonly folds: readonly Fold[]
  readonly writes: readonly Write[]
  /** Rounds must follow one another: a running fold, or accumulation at positions that are data. */
  readonly serial?: boolean
}

/** A loop nest: for each position of `outer`, all stages in order. What one round writes no other reads. */
export interface Nest {
  readonly outer: Loop
  readonly stages: readonly Stage[]
  readonly origin: string
  /** Written nodes of which only the row at hand is kept, in memory of the chunk's own: they are read in that row alone. */
  readonly rows?: ReadonlySet<Node>
}

/** All values of a stage, each once. */
export function valuesOf(stages: readonly Stage[]): Value[] {
  const seen = new Set<Value>()
  const visit = (value: Value) => {
    if (seen.has(value)) return
    seen.add(value)
    for (const part of partsOf(value)) visit(part)
    for (const position of positionsOf(value)) visitPosition(position)
  }
  const visitPosition = (position: Position): void => {
    for (const { atom } of position.terms) {
      if (atom.kind === 'data') visit(atom.value as Value)
      else if (atom.kind !== 'digit') visitPosition(atom.of)
    }
  }
  for (const { folds, writes } of stages) {
    for (const { value } of folds) visit(value)
    for (const { value, at, when } of writes) {
      visit(value)
      if (when) visit(when)
      visitPosition(at)
    }
  }
  return [...seen]
}

/** What a value depends on, whatever it is computed from. */
export interface Dependencies {
  readonly digits: readonly Digit[]
  readonly registers: readonly string[]
}

const known = new WeakMap<Value, Dependencies>()

/** The digits and registers that a value depends on. */
export function dependencies(value: Value): Dependencies {
  const found = known.get(value)
  if (found) return found
  const digits = new Map<string, Digit>()
  const registers = new Set<string>()
  const visit = ({ terms }: Position): void => {
    for (const { atom } of terms) {
      if (atom.kind === 'digit') digits.set(`${atom.loop.name} ${atom.low} ${atom.high}`, atom)
      else if (atom.kind !== 'data') visit(atom.of)
    }
  }
  positionsOf(value).forEach(visit)
  if (value.kind === 'register') registers.add(value.name)
  for (const part of partsOf(value)) {
    const inner = dependencies(part)
    for (const digit of inner.digits)
      digits.set(`${digit.loop.name} ${digit.low} ${digit.high}`, digit)
    for (const register of inner.registers) registers.add(register)
  }
  const all = { digits: [...digits.values()], registers: [...registers] }
  known.set(value, all)
  return all
}

/** All positions that values and writes use. */
export function positionsIn(stages: readonly Stage[], values: readonly Value[]): Position[] {
  const writes = stages.flatMap((stage) => stage.writes.map((write) => write.at))
  return [...values.flatMap(positionsOf), ...writes]
}

export type Digit = Extract<Atom, { kind: 'digit' }>

/** The digits of one loop that a position depends on. */
function digitsOf(position: Position, loop: Loop): Digit[] {
  return position.terms.flatMap(({ atom }) => {
    if (atom.kind === 'digit') return atom.loop === loop ? [atom] : []
    return atom.kind === 'data' ? [] : digitsOf(atom.of, loop)
  })
}

export interface Span {
  readonly low: number
  readonly high: number
}

export const countOf = ({ low, high }: Span): number => high / low

/**
 * The nested loops that a flat loop is split into, outermost first, so that each digit in use is a
 * run of them. If the digits don't nest (or don't divide the extent), one loop that is decoded.
 */
export function spansOf(loop: Loop, positions: readonly Position[]): Span[] {
  const cuts = new Set([1, loop.extent])
  for (const position of positions) {
    for (const { low, high } of digitsOf(position, loop)) cuts.add(low).add(high)
  }
  const sorted = [...cuts].sort((a, b) => a - b)
  const nested = sorted.every((cut, i) => i === 0 || cut % sorted[i - 1]! === 0)
  if (!nested || loop.extent === 1) return [{ low: 1, high: loop.extent }]
  return sorted
    .slice(1)
    .map((high, i) => ({ low: sorted[i]!, high }))
    .reverse()
}

/** How the addresses of a position change from lane to lane of a span: its stride, or undefined if it is not affine. */
export function strideIn(position: Position, loop: Loop, span: Span): number | undefined {
  let stride = 0
  for (const { factor, atom } of position.terms) {
    if (atom.kind === 'digit') {
      if (atom.loop !== loop || atom.low > span.low || atom.high <= span.low) continue
      if (atom.high < span.high) return undefined
      stride += factor * (span.low / atom.low)
    } else if (atom.kind !== 'data' && (dependsOn(atom.of, loop, span) || readsData(atom.of))) {
      return undefined
    }
  }
  return stride
}

/** Whether a position is calculated from data, which may differ from lane to lane. */
export function readsData(position: Position): boolean {
  return position.terms.some(({ atom }) => {
    if (atom.kind === 'digit') return false
    return atom.kind === 'data' || readsData(atom.of)
  })
}

function dependsOn(position: Position, loop: Loop, span: Span): boolean {
  return digitsOf(position, loop).some(({ low, high }) => low < span.high && high > span.low)
}
