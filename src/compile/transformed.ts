import { sizeOf, stridesOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import { flatten } from '../graph/ops/movement.ts'
import { countOf, type Nest, type Span, strideIn } from './nest.ts'
import {
  type Atom,
  addPositions,
  atomPosition,
  fixed,
  type Loop,
  loopPosition,
  type Position,
  scalePosition,
  symbolic,
} from './position.ts'
import { coordinates, loadOf, Reader } from './value.ts'

type Digit = Extract<Atom, { kind: 'digit' }>

/** Places of a flat position: those that are written out, and those that loops run over. */
interface Places {
  readonly written: readonly Span[]
  readonly looped: readonly Span[]
}

/** Coordinates at which elements of the transform are needed for the element of a node at `loop`. */
function met(exit: Node, transform: Node<'transform'>, loop: Loop): readonly Position[][] {
  const found: Position[][] = []
  const known = new Map<Node, boolean>([[transform, true]])
  const leads = (node: Node): boolean => {
    const before = known.get(node)
    if (before !== undefined) return before
    const answer = node.id > transform.id && node.inputs.some(leads)
    known.set(node, answer)
    return answer
  }
  const reader = new Reader((node, coords) => {
    if (node === transform) found.push([...coords])
    else if (leads(node)) return undefined
    return { kind: 'constant', value: 0, dtype: node.dtype }
  })
  reader.read(exit, coordinates(loopPosition(loop), exit.shape))
  return found
}

const wholeDigit = ({ terms, constant }: Position): Digit | undefined => {
  const [term] = terms
  if (terms.length !== 1 || constant !== 0 || term!.factor !== 1) return undefined
  return term!.atom.kind === 'digit' ? term!.atom : undefined
}

/**
 * How the positions of a node split into places, so that the transform's rows are known: undefined
 * if they don't, for then the transform must be stored by itself.
 */
export function placesOf(exit: Node, transform: Node<'transform'>): Places | undefined {
  const loop: Loop = { name: 'o', extent: sizeOf(exit.shape) }
  // The seams of the node's own shape are cuts, too, so that no place has to be divided.
  const cuts = new Set([1, loop.extent, ...stridesOf(exit.shape)])
  const written: Span[] = []
  for (const coords of met(exit, transform, loop)) {
    for (const [axis, position] of coords.entries()) {
      if (position.terms.length === 0) continue
      const digit = wholeDigit(position)
      if (!digit) return undefined
      cuts.add(digit.low).add(digit.high)
      const known = written.some(({ low, high }) => low === digit.low && high === digit.high)
      if (transform.attrs.axes.includes(axis) && !known) written.push(digit)
    }
  }
  const sorted = [...cuts].sort((a, b) => a - b)
  if (!sorted.every((cut, i) => i === 0 || cut % sorted[i - 1]! === 0)) return undefined
  const spans = sorted
    .slice(1)
    .map((high, i) => ({ low: sorted[i]!, high }))
    .reverse()
  const isWritten = (span: Span) =>
    written.some(({ low, high }) => low <= span.low && span.high <= high)
  return { written: spans.filter(isWritten), looped: spans.filter((span) => !isWritten(span)) }
}

/**
 * The nest of a transform: one round computes all its rows, so that what they share is computed
 * once. Rounds follow one another as what they read lies in memory, else as what they write does.
 */
export function transformNest(
  exit: Node,
  transform: Node<'transform'>,
  inMemory: (node: Node) => boolean,
  origin: string,
): { nest: Nest; reads: ReadonlySet<Node> } {
  const { written, looped } = placesOf(exit, transform)!
  const reads = new Set<Node>()
  const reader = new Reader((node, coords) => {
    if (node === exit || !inMemory(node)) return undefined
    reads.add(node)
    return loadOf(node, coords)
  })
  const order = innermostLast(exit, transform, looped, inMemory)
  const outer: Loop = { name: 'o', extent: order.reduce((n, span) => n * countOf(span), 1) }
  const rounds = roundPosition(outer, order)
  const writes = combinations(written).map((constant) => {
    const at = addPositions(rounds, fixed(constant))
    return { to: exit, at, value: reader.read(exit, coordinates(at, exit.shape)) }
  })
  return { nest: { outer, stages: [{ folds: [], writes }], origin }, reads }
}

/** All sums of the written places: what is added to a round's position. */
function combinations(spans: readonly Span[]): number[] {
  const [first, ...rest] = spans
  if (!first) return [0]
  const inner = combinations(rest)
  return Array.from({ length: countOf(first) }, (_, i) => i * first.low).flatMap((start) =>
    inner.map((offset) => start + offset),
  )
}

/** A position in the written node, from rounds that run over these places in this order. */
function roundPosition(outer: Loop, order: readonly Span[]): Position {
  let low = outer.extent
  return order.reduce((sum, span) => {
    const high = low
    low /= countOf(span)
    if (high === low) return sum
    const digit = atomPosition({ kind: 'digit', loop: outer, low, high })
    return addPositions(sum, scalePosition(digit, span.low))
  }, fixed(0))
}

/** The places with the one last along which the transform's operand lies in memory, if there is one. */
function innermostLast(
  exit: Node,
  transform: Node<'transform'>,
  looped: readonly Span[],
  inMemory: (node: Node) => boolean,
): readonly Span[] {
  const loop: Loop = { name: 'o', extent: sizeOf(exit.shape) }
  const [operand] = transform.inputs as [Node]
  const loads: Position[] = []
  const reader = new Reader((node, coords) => {
    if (!inMemory(node)) return undefined
    loads.push(flatten(coords, node.shape, symbolic))
    return { kind: 'constant', value: 0, dtype: node.dtype }
  })
  const [coords] = met(exit, transform, loop)
  const { axes } = transform.attrs
  reader.read(
    operand,
    coords!.map((coord, axis) => (axes.includes(axis) ? fixed(0) : coord)),
  )
  const along = looped.find((span) => loads.every((at) => strideIn(at, loop, span) === 1))
  return along ? [...looped.filter((span) => span !== along), along] : looped
}
