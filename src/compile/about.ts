import { dtypes } from '../base/dtype.ts'
import { sizeOf } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import type { Node } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'
import type { Origin } from '../graph/origin.ts'
import type { About } from '../loop/ir.ts'
import { type Axis, extentOf } from './contraction.ts'
import type { Stage } from './nest.ts'
import { valuesOf } from './nest.ts'
import { keyOf, type Loop, type Position } from './position.ts'
import type { KernelStep as Step } from './step.ts'
import { positionsOf, type Value } from './value.ts'

/** What a kernel is about: from the nodes that it computes, and the values that it is made of. */
export function aboutOf(step: Step, inMemory: (node: Node) => boolean): About {
  const nodes = computedBy(step, inMemory)
  const origin = mainOrigin(nodes.length > 0 ? nodes : [...step.reads])
  return {
    title: titleOf(step, nodes),
    line: origin?.line ?? '',
    scope: origin?.scope ?? '',
    gradient: origin?.gradient ?? false,
    flops: flopsOf(step),
    ...trafficOf(step),
  }
}

/** The nodes that a step computes, inputs first; for a contraction's packing, the contraction. */
function computedBy({ writes, share }: Step, inMemory: (node: Node) => boolean): Node[] {
  const contract = share?.contraction.node
  const found = new Set<Node>(writes.filter((node) => !node.is('buffer')))
  if (contract && (share.reads !== 'none' || found.size === 0)) found.add(contract)
  const stack = [...found]
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node === contract) continue
    for (const input of node.inputs) {
      if (inMemory(input) || found.has(input) || input === contract) continue
      found.add(input)
      stack.push(input)
    }
  }
  return [...found].sort((a, b) => a.id - b.id)
}

/** How much there is to calculate for a node. */
function weightOf(node: Node): number {
  if (node.is('contract')) return Number.POSITIVE_INFINITY
  const { kind } = recordOf<OpName>(node.op)
  if (kind === 'movement' || (kind === 'source' && !node.is('random'))) return 0
  return Math.max(1, ...[node, ...node.inputs].map(({ shape }) => sizeOf(shape)))
}

/** The origin with most of the work. */
function mainOrigin(nodes: readonly Node[]): Origin | undefined {
  const weights = new Map<string, { origin: Origin; weight: number }>()
  for (const node of nodes) {
    const { origin } = node
    if (!origin?.line && !origin?.scope) continue
    const key = `${origin.line} ${origin.scope} ${origin.gradient}`
    const entry = weights.get(key) ?? { origin, weight: 0 }
    entry.weight += weightOf(node)
    weights.set(key, entry)
  }
  return [...weights.values()].reduce<{ origin?: Origin; weight: number }>(
    (most, entry) => (entry.weight > most.weight ? entry : most),
    { weight: -1 },
  ).origin
}

/** `contraction 64×576×50176 + relu`, `nest [16,64,56,56] tanh·mul`. */
function titleOf({ share, reads }: Step, nodes: readonly Node[]): string {
  const ops = new Set<string>()
  for (const node of nodes) if (weightOf(node) > 0 && !node.is('contract')) ops.add(node.op)
  if (share) return [share.title, ...(ops.size > 0 ? [[...ops].join('·')] : [])].join(' + ')
  if (ops.size === 0) for (const node of nodes) if (node.inputs.length > 0) ops.add(node.op)
  return `nest [${largest(nodes.length > 0 ? nodes : [...reads])}] ${[...ops].join('·') || 'copy'}`
}

/** The largest shape that is walked. */
function largest(nodes: readonly Node[]): readonly number[] {
  const shapes = nodes.flatMap((node) =>
    recordOf<OpName>(node.op).kind === 'reduce' ? [node.inputs[0]!.shape] : [node.shape],
  )
  return shapes.reduce<readonly number[]>(
    (most, shape) => (sizeOf(shape) > sizeOf(most) ? shape : most),
    shapes.at(-1) ?? [],
  )
}

/** Loops, and the spans of them that something depends on. */
type Extents = Map<Loop, [low: number, high: number][]>

/** Everything that a value is computed from, and itself. */
const insideOf = (value: Value): readonly Value[] =>
  valuesOf([{ folds: [{ register: '', fold: 'add', identity: 0, value }], writes: [] }])

/** Adds the loops of a position; those of data in it only if asked to. */
function addPosition({ terms }: Position, to: Extents, data = true): void {
  for (const { atom } of terms) {
    if (atom.kind === 'digit') {
      to.set(atom.loop, [...(to.get(atom.loop) ?? []), [atom.low, atom.high]])
    } else if (atom.kind !== 'data') addPosition(atom.of, to, data)
    else if (data) addValues(insideOf(atom.value as Value), to)
  }
}

function addValues(values: readonly Value[], to: Extents): void {
  for (const value of values)
    for (const position of positionsOf(value)) addPosition(position, to, false)
}

/** How many different values the loops give to what depends on them. */
function countOf(extents: Extents): number {
  let count = 1
  for (const [{ extent }, spans] of extents) {
    let own = 1
    let reached = 1
    for (const [low, high] of spans.toSorted((a, b) => a[0] - b[0])) {
      if (high <= reached) continue
      own *= Math.ceil(high / Math.max(low, reached))
      reached = high
    }
    count *= Math.min(own, extent)
  }
  return count
}

const distinct = (position: Position): number => {
  const extents: Extents = new Map()
  addPosition(position, extents)
  return countOf(extents)
}

/** Operations of a step: those of a contraction, and one for each value that is calculated. */
function flopsOf({ stages, share }: Step): number {
  const tiles = share?.reads === 'both' ? share.contraction : undefined
  const product = tiles
    ? 2 * [tiles.batch, tiles.m, tiles.n, tiles.k].map(extentOf).reduce((a, b) => a * b)
    : 0
  return stages.reduce((sum, stage) => sum + operationsOf(stage), product)
}

function operationsOf(stage: Stage): number {
  const rounds = (value: Value): number => {
    const extents: Extents = new Map()
    const inside = insideOf(value)
    addValues(inside, extents)
    // What stands in a register is there for each round of what is written.
    if (inside.some(({ kind }) => kind === 'register')) {
      for (const { at } of stage.writes) addPosition(at, extents)
    }
    return countOf(extents)
  }
  let sum = 0
  for (const value of valuesOf([stage])) if (value.kind === 'op') sum += rounds(value)
  for (const { value } of stage.folds) sum += rounds(value)
  for (const { value, accumulate } of stage.writes) if (accumulate) sum += rounds(value)
  return sum
}

/** Elements of nodes in memory, each region counted once however often something comes by. */
class Regions {
  private readonly found = new Map<Node, Map<string, number>>()

  add(node: Node, region: string, count: number): void {
    const regions = this.found.get(node) ?? new Map<string, number>()
    this.found.set(node, regions.set(region, count))
  }

  /** What a position goes through. Passes differ in the names of their inner loops alone. */
  walk(node: Node, at: Position): void {
    this.add(node, keyOf(at).replace(/\br\d+\[/g, 'r['), distinct(at))
  }

  get bytes(): number {
    let bytes = 0
    for (const [node, regions] of this.found) {
      const count = [...regions.values()].reduce((a, b) => a + b)
      bytes += Math.min(sizeOf(node.shape), count) * dtypes[node.dtype].bytes
    }
    return bytes
  }
}

/** Bytes of what a step reads, each region once, and of what it writes. */
function trafficOf(step: Step): { readonly reads: number; readonly writes: number } {
  const [read, written] = [new Regions(), new Regions()]
  for (const [node, count] of operandsOf(step)) read.add(node, 'operand', count)
  for (const value of valuesOf(step.stages)) {
    if (value.kind === 'load') read.walk(value.from, value.at)
  }
  const writes = step.stages.flatMap((stage) => stage.writes)
  for (const { to, at, accumulate } of writes) {
    written.walk(to, at)
    if (accumulate) read.walk(to, at)
  }
  if (writes.length === 0)
    for (const node of step.writes) written.add(node, 'all', sizeOf(node.shape))
  return { reads: read.bytes, writes: written.bytes }
}

/** What a step reads of a contraction's operands, in elements; of a packed one, all. */
function operandsOf({ share, operands }: Step): [Node, number][] {
  if (!share || share.reads === 'none') return []
  const { a, b, batch, m, n, k } = share.contraction
  const left: [Node, number] = [a.base, walked([batch, m, k], 0)]
  if (share.reads === 'left') return [left]
  const packed = [...operands!].filter((node) => node !== a.base && node !== b.base)
  const right: [Node, number] = [b.base, walked([batch, n, k], 1)]
  return [
    right,
    ...packed.map((node): [Node, number] => [node, sizeOf(node.shape)]),
    ...(packed.length ? [] : [left]),
  ]
}

/** Elements of an operand that its axes reach. */
function walked(groups: readonly (readonly Axis[])[], which: 0 | 1): number {
  return groups
    .flat()
    .reduce((count, { extent, strides }) => count * (strides[which] === 0 ? 1 : extent), 1)
}
