import type { IndexAlgebra } from '../graph/record.ts'

/**
 * Symbolic positions. A loop counts 0 … extent − 1 in one flat variable; a digit of it is
 * ⌊v / low⌋ mod (high / low), one place of v in a mixed-radix system. A position is a sum of
 * digits times factors plus a constant. Splitting and joining digits folds chains of reshapes,
 * permutations, expansions and windows into plain strides, and what digits remain tell where a
 * loop must be split.
 */
export interface Loop {
  readonly name: string
  readonly extent: number
}

export type Atom =
  | { readonly kind: 'digit'; readonly loop: Loop; readonly low: number; readonly high: number }
  /** What has no closed form: floor division, remainder or limits of another position. */
  | { readonly kind: 'div' | 'mod'; readonly of: Position; readonly by: number }
  | { readonly kind: 'clamp'; readonly of: Position; readonly limit: number }
  /** An integer that is read from memory: 0 … limit − 1 after clamping. */
  | { readonly kind: 'data'; readonly value: Datum; readonly limit: number }

/** What a position needs to know of a value that it depends on. */
export interface Datum {
  readonly id: number
}

export interface Term {
  readonly factor: number
  readonly atom: Atom
}

export interface Position {
  readonly terms: readonly Term[]
  readonly constant: number
}

export const fixed = (constant: number): Position => ({ terms: [], constant })

/** The whole of a loop's variable. */
export function loopPosition(loop: Loop): Position {
  if (loop.extent === 1) return fixed(0)
  return {
    terms: [{ factor: 1, atom: { kind: 'digit', loop, low: 1, high: loop.extent } }],
    constant: 0,
  }
}

export const atomPosition = (atom: Atom): Position => ({
  terms: [{ factor: 1, atom }],
  constant: 0,
})

/** A text that is equal for equal positions. */
export function keyOf(position: Position): string {
  return `${position.terms.map(({ factor, atom }) => `${factor}*${atomKey(atom)}`).join('+')}+${position.constant}`
}

function atomKey(atom: Atom): string {
  switch (atom.kind) {
    case 'digit':
      return `${atom.loop.name}[${atom.low},${atom.high}]`
    case 'clamp':
      return `clamp(${keyOf(atom.of)},${atom.limit})`
    case 'data':
      return `data(${atom.value.id})`
    default:
      return `${atom.kind}(${keyOf(atom.of)},${atom.by})`
  }
}

/** How many values a digit takes. The highest digit of a loop may be cut short. */
function radix({ low, high }: { readonly low: number; readonly high: number }): number {
  return Math.ceil(high / low)
}

/** Smallest and largest value. */
export function rangeOf({ terms, constant }: Position): { min: number; max: number } {
  let [min, max] = [constant, constant]
  for (const { factor, atom } of terms) {
    const top = atomMax(atom) * factor
    if (top < 0) min += top
    else max += top
  }
  return { min, max }
}

function atomMax(atom: Atom): number {
  switch (atom.kind) {
    case 'digit':
      return radix(atom) - 1
    case 'mod':
      return atom.by - 1
    case 'div':
      return Math.floor(rangeOf(atom.of).max / atom.by)
    case 'clamp':
    case 'data':
      return atom.limit - 1
  }
}

const order = (a: Term, b: Term): number => {
  if (a.atom.kind === 'digit' && b.atom.kind === 'digit') {
    if (a.atom.loop.name !== b.atom.loop.name) return a.atom.loop.name < b.atom.loop.name ? -1 : 1
    return b.atom.low - a.atom.low || b.atom.high - a.atom.high
  }
  const [x, y] = [atomKey(a.atom), atomKey(b.atom)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** Sorted, equal atoms added up, neighbouring digits joined: f·d[l,m] + f·(m/l)·d[m,h] = f·d[l,h]. */
function normal(terms: readonly Term[], constant: number): Position {
  const sums = new Map<string, Term>()
  for (const term of terms) {
    const key = atomKey(term.atom)
    const factor = term.factor + (sums.get(key)?.factor ?? 0)
    sums.set(key, { factor, atom: term.atom })
  }
  const sorted = [...sums.values()].filter((t) => t.factor !== 0).sort(order)
  for (let i = 0; i + 1 < sorted.length; ) {
    const joined = join(sorted[i]!, sorted[i + 1]!)
    if (joined) {
      sorted.splice(i, 2, joined)
      i = Math.max(0, i - 1)
    } else i++
  }
  return { terms: sorted, constant }
}

function join(upper: Term, lower: Term): Term | undefined {
  const [a, b] = [upper.atom, lower.atom]
  if (a.kind !== 'digit' || b.kind !== 'digit' || a.loop !== b.loop || a.low !== b.high)
    return undefined
  if (upper.factor * b.low !== lower.factor * b.high) return undefined
  return { factor: lower.factor, atom: { kind: 'digit', loop: a.loop, low: b.low, high: a.high } }
}

export function addPositions(a: Position, b: Position): Position {
  return normal([...a.terms, ...b.terms], a.constant + b.constant)
}

export function scalePosition(a: Position, factor: number): Position {
  if (factor === 1) return a
  return normal(
    a.terms.map((term) => ({ factor: term.factor * factor, atom: term.atom })),
    a.constant * factor,
  )
}

/** The position but for what a loop adds to it. */
export function withoutLoop({ terms, constant }: Position, loop: Loop): Position {
  return {
    terms: terms.filter(({ atom }) => atom.kind !== 'digit' || atom.loop !== loop),
    constant,
  }
}

/** Splits f·digit into a part below `by` and a part that is a multiple of it, where radices allow. */
function splitTerm({ factor, atom }: Term, by: number): readonly Term[] {
  if (atom.kind !== 'digit' || factor <= 0 || by % factor !== 0) return [{ factor, atom }]
  const middle = atom.low * (by / factor)
  if (middle <= atom.low || middle >= atom.high) return [{ factor, atom }]
  if (atom.high % middle !== 0 && atom.high !== atom.loop.extent) return [{ factor, atom }]
  const digit = (low: number, high: number): Atom => ({ kind: 'digit', loop: atom.loop, low, high })
  return [
    { factor, atom: digit(atom.low, middle) },
    { factor: by, atom: digit(middle, atom.high) },
  ]
}

/** ⌊position / by⌋ and the remainder, for positions ≥ 0. */
export function divide(
  position: Position,
  by: number,
): { quotient: Position; remainder: Position } {
  if (by === 1) return { quotient: position, remainder: fixed(0) }
  const { min, max } = rangeOf(position)
  if (min >= 0 && max < by) return { quotient: fixed(0), remainder: position }
  const parts = position.terms.flatMap((term) => splitTerm(term, by))
  const whole = parts.filter((t) => t.factor % by === 0)
  const rest = parts.filter((t) => t.factor % by !== 0)
  const constant = Math.floor(position.constant / by)
  const even = normal(
    whole.map((t) => ({ factor: t.factor / by, atom: t.atom })),
    constant,
  )
  const remainder = normal(rest, position.constant - constant * by)
  const range = rangeOf(remainder)
  if (range.min >= 0 && range.max < by) return { quotient: even, remainder }
  // Multiples of the divisor go out of what has no closed form.
  if (range.min < 0) return opaque(position, by)
  const { quotient: over, remainder: under } = opaque(remainder, by)
  return { quotient: addPositions(even, over), remainder: under }
}

function opaque(of: Position, by: number): { quotient: Position; remainder: Position } {
  const [first] = of.terms
  const alone = of.terms.length === 1 && of.constant === 0 && first!.factor === 1
  return {
    quotient:
      alone && first!.atom.kind === 'div'
        ? atomPosition({ ...first!.atom, by: first!.atom.by * by })
        : atomPosition({ kind: 'div', of, by }),
    remainder: atomPosition({ kind: 'mod', of, by }),
  }
}

/** The position limited to 0 … limit − 1. */
export function clampPosition(position: Position, limit: number): Position {
  const { min, max } = rangeOf(position)
  if (min >= 0 && max < limit) return position
  if (limit === 1) return fixed(0)
  return atomPosition({ kind: 'clamp', of: position, limit })
}

/** What movement ops calculate with in the compiler. */
export const symbolic: IndexAlgebra<Position> = {
  constant: fixed,
  add: addPositions,
  scale: scalePosition,
  mod: (a, by) => divide(a, by).remainder,
  div: (a, by) => divide(a, by).quotient,
}
