import type { OpName } from '../graph/attributes.ts'
import type { Node } from '../graph/node.ts'
import { flatten } from '../graph/ops/movement.ts'
import { recordOf } from '../graph/ops.ts'
import type { AnyOp } from '../graph/record.ts'
import { countOf, type Span, spansOf } from './nest.ts'
import { type Loop, loopPosition, type Position, symbolic } from './position.ts'

/** A node seen through movement ops: element (coords) is at `at` of `base`. */
export interface View {
  readonly base: Node
  readonly at: Position
}

/**
 * Looks through movement ops that neither pad nor join: down to the node whose memory a
 * contraction reads through strides.
 */
export function viewOf(
  node: Node,
  coords: readonly Position[],
  stop: (node: Node) => boolean,
): View {
  let [base, at] = [node, coords]
  while (!stop(base)) {
    const record = recordOf<OpName>(base.op) as AnyOp<OpName>
    if (record.kind === 'alias') {
      base = base.inputs[0]!
      continue
    }
    if (record.kind !== 'movement') break
    const pieces = record.pieces(at, base, symbolic)
    const [piece] = pieces
    if (pieces.length !== 1 || piece!.guards.length > 0) break
    const next = base.inputs[piece!.input]!
    if (!piece!.coords.every(isDigits)) break
    base = next
    at = piece!.coords
  }
  return { base, at: flatten(at, base.shape, symbolic) }
}

const isDigits = (position: Position): boolean =>
  position.terms.every(({ atom }) => atom.kind === 'digit')

/** One axis of a contraction, after splitting labels so that every operand steps evenly along it. */
export interface Axis {
  readonly loop: Loop
  readonly span: Span
  readonly extent: number
  /** Steps in elements of the operands' memory. */
  readonly strides: readonly [a: number, b: number]
}

/** out[batch, m, n] = Σ_k a[batch, m, k] · b[batch, k, n], each index running over several axes. */
export interface Contraction {
  readonly node: Node<'contract'>
  readonly a: View
  readonly b: View
  readonly batch: readonly Axis[]
  readonly m: readonly Axis[]
  readonly n: readonly Axis[]
  readonly k: readonly Axis[]
  /** The labels' loops, by label. */
  readonly loops: ReadonlyMap<number, Loop>
}

export const extentOf = (axes: readonly Axis[]): number =>
  axes.reduce((product, axis) => product * axis.extent, 1)

/** The loops of a contraction's labels. */
export function labelLoops(node: Node<'contract'>): Map<number, Loop> {
  const loops = new Map<number, Loop>()
  const { a, b } = node.attrs
  a.forEach((label, axis) => {
    loops.set(label, { name: `x${label}`, extent: node.inputs[0]!.shape[axis]! })
  })
  b.forEach((label, axis) => {
    loops.set(label, { name: `x${label}`, extent: node.inputs[1]!.shape[axis]! })
  })
  return loops
}

/** Sorts out a contraction: which axes are batch, m, n and k, and how each operand steps along them. */
export function analyse(
  node: Node<'contract'>,
  stored: (node: Node) => boolean,
  /** Further positions that must step evenly: those of the epilogue. */
  others: (loops: ReadonlyMap<number, Loop>) => readonly Position[] = () => [],
): Contraction {
  const loops = labelLoops(node)
  const coords = (labels: readonly number[]) =>
    labels.map((label) => loopPosition(loops.get(label)!))
  const { a: la, b: lb, out } = node.attrs
  const a = viewOf(node.inputs[0]!, coords(la), stored)
  const b = viewOf(node.inputs[1]!, coords(lb), stored)
  const result = flatten(coords(out), node.shape, symbolic)
  const positions = [a.at, b.at, result, ...others(loops)]
  const axesOf = (label: number): Axis[] => {
    const loop = loops.get(label)!
    if (loop.extent === 1) return []
    return spansOf(loop, positions).map((span) => ({
      loop,
      span,
      extent: countOf(span),
      strides: [stepOf(a.at, loop, span), stepOf(b.at, loop, span)],
    }))
  }
  const pick = (inA: boolean, inB: boolean, inOut: boolean) =>
    [...new Set([...out, ...la, ...lb])]
      .filter((l) => la.includes(l) === inA && lb.includes(l) === inB && out.includes(l) === inOut)
      .flatMap(axesOf)
  return {
    node,
    a,
    b,
    batch: pick(true, true, true),
    m: pick(true, false, true),
    n: pick(false, true, true),
    k: pick(true, true, false),
    loops,
  }
}

/** The step of a position along a span; spans are fine enough that it is the same throughout. */
function stepOf(position: Position, loop: Loop, span: Span): number {
  return position.terms.reduce((sum, { factor, atom }) => {
    if (atom.kind !== 'digit' || atom.loop !== loop) return sum
    return atom.low <= span.low && span.high <= atom.high
      ? sum + factor * (span.low / atom.low)
      : sum
  }, 0)
}

/** The same with the operands exchanged. */
export function swapped({ node, a, b, batch, m, n, k, loops }: Contraction): Contraction {
  const turn = (axes: readonly Axis[]) =>
    axes.map((axis) => ({ ...axis, strides: [axis.strides[1], axis.strides[0]] as const }))
  return { node, a: b, b: a, batch: turn(batch), m: turn(n), n: turn(m), k: turn(k), loops }
}

/** Axes joined where one continues the other in both operands. Only for walking, not for coordinates. */
export function merged(axes: readonly Axis[], which: 0 | 1): { extent: number; stride: number }[] {
  const out: { extent: number; stride: number }[] = []
  for (const { extent, strides } of axes) {
    const last = out.at(-1)
    const stride = strides[which]
    if (last && last.stride === extent * stride) {
      last.extent *= extent
      last.stride = stride
    } else out.push({ extent, stride })
  }
  return out
}
