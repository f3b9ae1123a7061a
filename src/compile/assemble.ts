import { sameShape, sizeOf } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import type { Node } from '../graph/node.ts'
import { without } from '../graph/ops/helpers.ts'
import { flatten } from '../graph/ops/movement.ts'
import { recordOf } from '../graph/ops.ts'
import type { ReduceOp } from '../graph/record.ts'
import type { Nest, Stage } from './nest.ts'
import { valuesOf } from './nest.ts'
import {
  atomPosition,
  keyOf,
  type Loop,
  loopPosition,
  type Position,
  symbolic,
} from './position.ts'
import { coordinates, loadOf, Reader, type Value } from './value.ts'

/** Fewer rows than this are not kept together: threads share the elements instead. */
const FEW_ROWS = 8
const MANY_ELEMENTS = 1 << 15

/** Elements of rows that are kept by themselves: not so short that vectors run across rows, and small enough for the caches. */
const SHORTEST_ROW = 64
const LONGEST_ROW = 1 << 16

/** Thrown inside when a node reads another member of the nest elsewhere than in its own row. */
class Misaligned extends Error {}

interface Member {
  readonly node: Node
  /** Row: one value for each row; full: one for each element; both are the same where nothing is reduced. */
  readonly form: 'row' | 'full'
  readonly register?: string
}

/**
 * A loop nest that grows: rows of one shape, and for each row the folds and elementwise passes over
 * its elements. A node joins if all it needs of the nest's other members lies in the same row.
 */
export class GrowingNest {
  /** Shape that is walked, and the axes within a row. */
  private readonly shape: readonly number[]
  private readonly axes: readonly number[]
  private readonly outer: Loop
  private readonly rowShape: readonly number[]
  private readonly members = new Map<Node, Member>()
  private stages: Stage[] = []
  private readonly inMemory: (node: Node) => boolean
  private readonly reader: Reader
  private inners = 0
  private joining: Node | undefined

  constructor(
    shape: readonly number[],
    axes: readonly number[],
    inMemory: (node: Node) => boolean,
  ) {
    this.shape = shape
    this.axes = axes
    this.inMemory = inMemory
    this.rowShape = without(shape, axes)
    this.outer = { name: 'o', extent: sizeOf(this.rowShape) }
    this.reader = new Reader((node, coords) => this.resolve(node, coords))
  }

  /** Stored nodes that the nest reads from memory. */
  get reads(): Set<Node> {
    return new Set(
      valuesOf(this.stages).flatMap((value) => (value.kind === 'load' ? [value.from] : [])),
    )
  }

  get nodes(): readonly Node[] {
    return [...this.members.keys()]
  }

  /** The frame that a stored node asks for. */
  static frameOf(node: Node): { shape: readonly number[]; axes: readonly number[] } {
    const record = recordOf<OpName>(node.op)
    if (record.kind === 'reduce') {
      return { shape: node.inputs[0]!.shape, axes: (node as Node<'sum'>).attrs.axes }
    }
    if (node.is('cumsum')) return { shape: node.shape, axes: [node.attrs.axis] }
    return { shape: node.shape, axes: [] }
  }

  /** Adds a stored node, or says why not by false. */
  join(node: Node): boolean {
    const reduces = GrowingNest.frameOf(node)
    const same = sameShape(reduces.shape, this.shape)
    const isFold = reduces.axes.length > 0
    if (isFold && !(same && sameShape(reduces.axes, this.axes))) return false
    const full = !isFold && same
    const row = !isFold && !full && sameShape(node.shape, this.rowShape)
    if (!isFold && !full && !row) return false
    if (
      full &&
      this.axes.length > 0 &&
      this.outer.extent < FEW_ROWS &&
      sizeOf(this.shape) > MANY_ELEMENTS
    ) {
      return false
    }
    const before = this.stages
    try {
      this.joining = node
      if (node.is('cumsum')) this.addScan(node)
      else if (isFold) this.addFold(node)
      else this.addMap(node, full && this.axes.length > 0 ? 'full' : 'row')
      return true
    } catch (error) {
      if (!(error instanceof Misaligned)) throw error
      this.stages = before
      this.reader.forget()
      return false
    } finally {
      this.joining = undefined
    }
  }

  build(): Nest {
    const origin = [...this.members.values()].map(({ node }) => titleOf(node)).join(', ')
    return { outer: this.outer, stages: this.stages, origin }
  }

  /** Members of which a row can be kept in place of all: those that nobody else needs, in long rows. */
  ownRows(isPrivate: (node: Node) => boolean): Set<Node> {
    const row = sizeOf(this.axes.map((axis) => this.shape[axis]!))
    const trailing = this.axes.every((axis) => axis >= this.shape.length - this.axes.length)
    const fits = trailing && row >= SHORTEST_ROW && row <= LONGEST_ROW
    const full = [...this.members.values()].filter(({ form }) => form === 'full')
    return new Set(fits ? full.map(({ node }) => node).filter(isPrivate) : [])
  }

  private resolve(node: Node, coords: readonly Position[]): ReturnType<typeof loadOf> | undefined {
    if (node === this.joining) return undefined
    const member = this.members.get(node)
    if (member) return this.resolveMember(member, coords)
    return this.inMemory(node) ? loadOf(node, coords) : undefined
  }

  private resolveMember(
    member: Member,
    coords: readonly Position[],
  ): ReturnType<typeof loadOf> | undefined {
    const { node, form, register } = member
    if (form === 'row') {
      if (keyOf(flatten(coords, node.shape, symbolic)) !== keyOf(loopPosition(this.outer)))
        throw new Misaligned()
      // Folds are in a register; row values are computed once, for they are the same expressions.
      return register ? { kind: 'register', name: register, dtype: node.dtype } : undefined
    }
    const row = flatten(without(coords, this.axes), this.rowShape, symbolic)
    if (keyOf(row) !== keyOf(loopPosition(this.outer))) throw new Misaligned()
    return loadOf(node, coords)
  }

  private innerLoop(): Loop {
    return { name: `r${this.inners++}`, extent: sizeOf(this.axes.map((axis) => this.shape[axis]!)) }
  }

  /** Coordinates of element `inner` of row `outer`. */
  private element(inner: Loop): Position[] {
    const rows = coordinates(loopPosition(this.outer), this.rowShape)
    const within = coordinates(
      loopPosition(inner),
      this.axes.map((axis) => this.shape[axis]!),
    )
    return this.shape.map((_, axis) => {
      const at = this.axes.indexOf(axis)
      return at >= 0 ? within[at]! : rows[axis - this.axes.filter((a) => a < axis).length]!
    })
  }

  private addFold(node: Node): void {
    const { fold, identity } = recordOf<OpName>(node.op) as ReduceOp<OpName>
    const register = `f${node.id}`
    const entryOf = (inner: Loop) => ({
      register,
      fold,
      identity,
      value: this.reader.read(node.inputs[0]!, this.element(inner)),
    })
    // Folds that don't need each other share one pass: the last one over the row, if only row values follow it.
    const index = this.stages.findLastIndex((stage) => stage.inner)
    const shared = this.stages[index]
    if (shared?.inner && shared.writes.length === 0 && !shared.serial) {
      const entry = entryOf(shared.inner)
      if (!shared.folds.some((other) => mentions(entry.value, other.register))) {
        this.stages = this.stages.with(index, { ...shared, folds: [...shared.folds, entry] })
        this.keep(node, register)
        return
      }
    }
    const inner = this.innerLoop()
    this.stages = [...this.stages, { inner, folds: [entryOf(inner)], writes: [] }]
    this.keep(node, register)
  }

  /** Writes a fold's result and makes it known to the nodes that join later. */
  private keep(node: Node, register: string): void {
    const kept: Value = this.reader.intern({ kind: 'register', name: register, dtype: node.dtype })
    this.addWrite(node, kept)
    this.members.set(node, { node, form: 'row', register })
  }

  private addMap(node: Node, form: 'row' | 'full'): void {
    if (form === 'row') {
      const value = this.reader.read(node, coordinates(loopPosition(this.outer), node.shape))
      this.addWrite(node, value)
    } else {
      const inner = this.innerLoop()
      const coords = this.element(inner)
      const value = this.reader.read(node, coords)
      const write = { to: node, at: flatten(coords, node.shape, symbolic), value }
      this.stages = [...this.stages, { inner, folds: [], writes: [write] }]
    }
    this.members.set(node, { node, form })
  }

  /** A row's value; neighbouring ones are written together. */
  private addWrite(node: Node, value: Value): void {
    const write = { to: node, at: loopPosition(this.outer), value }
    const last = this.stages.at(-1)
    if (last && !last.inner) {
      this.stages = [...this.stages.slice(0, -1), { ...last, writes: [...last.writes, write] }]
    } else this.stages = [...this.stages, { folds: [], writes: [write] }]
  }

  private addScan(node: Node<'cumsum'>): void {
    const inner = this.innerLoop()
    const coords = this.element(inner)
    const register = `f${node.id}`
    const value = this.reader.read(node.inputs[0]!, coords)
    const running = this.reader.intern({ kind: 'register', name: register, dtype: node.dtype })
    const write = { to: node, at: flatten(coords, node.shape, symbolic), value: running }
    const fold = { register, fold: 'add' as const, identity: 0, value }
    this.stages = [...this.stages, { inner, folds: [fold], writes: [write], serial: true }]
    this.members.set(node, { node, form: 'full' })
  }
}

function mentions(value: Value, register: string): boolean {
  return valuesOf([
    { folds: [{ register: '', fold: 'add', identity: 0, value }], writes: [] },
  ]).some((part) => part.kind === 'register' && part.name === register)
}

/** What a stored node is, for people. */
export function titleOf(node: Node): string {
  return `${node.scope ? `${node.scope}: ` : ''}${node.op} [${node.shape}]`
}

/** Adds source elements at positions that are data: base is written first, then the sums, index after index. */
export function scatterNests(
  node: Node<'scatterAdd'>,
  inMemory: (node: Node) => boolean,
): { nests: Nest[]; reads: Set<Node> } {
  const [base, index, source] = node.inputs as [Node, Node, Node]
  const { axis } = node.attrs
  const reads = new Set<Node>()
  const reader = new Reader((n, coords) => {
    if (!inMemory(n)) return undefined
    reads.add(n)
    return loadOf(n, coords)
  })
  const all: Loop = { name: 'o', extent: sizeOf(node.shape) }
  const start: Nest = {
    outer: all,
    stages: [
      {
        folds: [],
        writes: [
          {
            to: node,
            at: loopPosition(all),
            value: reader.read(base, coordinates(loopPosition(all), node.shape)),
          },
        ],
      },
    ],
    origin: `${titleOf(node)} (base)`,
  }
  const lanes = index.shape.toSpliced(axis, 1)
  const outer: Loop = { name: 'q', extent: sizeOf(lanes) }
  const inner: Loop = { name: 'r', extent: index.shape[axis]! }
  const coords = coordinates(loopPosition(outer), lanes).toSpliced(axis, 0, loopPosition(inner))
  const chosen = reader.read(index, coords)
  const limit = node.shape[axis]!
  const at = flatten(
    coords.with(axis, atomPosition({ kind: 'data', value: chosen, limit })),
    node.shape,
    symbolic,
  )
  const when = reader.intern({ kind: 'inside', of: chosen, limit, dtype: 'bool' })
  const add: Nest = {
    outer,
    stages: [
      {
        inner,
        folds: [],
        writes: [{ to: node, at, value: reader.read(source, coords), when, accumulate: true }],
        serial: true,
      },
    ],
    origin: titleOf(node),
  }
  const empty = sizeOf(index.shape) === 0 || limit === 0
  return { nests: empty ? [start] : [start, add], reads }
}
