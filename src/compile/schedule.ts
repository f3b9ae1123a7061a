import { sizeOf } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import { type Node, topological } from '../graph/node.ts'
import { recordOf } from '../graph/ops.ts'
import type { AnyOp } from '../graph/record.ts'
import { viewOf } from './contraction.ts'
import { fixed } from './position.ts'
import { roundInputs } from './rounds.ts'
import { placesOf } from './transformed.ts'
import { windowOf } from './window.ts'

/** Which nodes get memory, and which elementwise node each contraction's sums go straight into. */
export interface Storing {
  /** Nodes whose values are asked for. */
  readonly roots: ReadonlySet<Node>
  /** Nodes that are written to memory, inputs first. */
  readonly stored: readonly Node[]
  /** For a stored node: the contraction whose epilogue computes it. */
  readonly contractionOf: ReadonlyMap<Node, Node<'contract'>>
  /** For a stored node: the transform that it is computed from, all rows in one round. */
  readonly transformOf: ReadonlyMap<Node, Node<'transform'>>
}

const kindOf = (node: Node): AnyOp<OpName>['kind'] => recordOf<OpName>(node.op).kind

/** Elementwise nodes that an epilogue may absorb. */
const LONGEST_EPILOGUE = 16
/** Operations above which a value that several kernels need is stored rather than computed again. */
const CHEAP = 2
const HEAVY = 8

/** Decides what is stored: see the steps below, each a rule of its own. */
export function decideStoring(roots: readonly Node[]): Storing {
  const nodes = topological(roots)
  const users = usersOf(nodes)
  const stored = new Set<Node>(roots.filter((root) => !root.is('buffer')))
  const contractionOf = new Map<Node, Node<'contract'>>()
  const inMemory = (node: Node) => node.is('buffer') || stored.has(node)

  // Reductions, running folds, overlaps, scatters and loops end a kernel.
  for (const node of nodes) {
    const kind = kindOf(node)
    const ends = ['reduce', 'running', 'overlap', 'loop', 'part'].includes(kind)
    if (ends || node.is('scatterAdd')) stored.add(node)
  }
  const claimed = new Set<Node>()
  // Contractions end in the elementwise node that their sums lead to.
  for (const node of nodes) {
    if (!node.is('contract')) continue
    const { exit, absorbed } = epilogueOf(node, users, stored, claimed)
    for (const inner of absorbed) claimed.add(inner)
    stored.add(exit)
    contractionOf.set(exit, node)
  }
  // So do transforms, where the rows that an element needs are known; what they read lies in memory.
  const transformOf = new Map<Node, Node<'transform'>>()
  for (const node of nodes) {
    if (!node.is('transform')) continue
    const { exit, absorbed } = epilogueOf(node, users, stored, claimed)
    const end = placesOf(exit, node) ? exit : node
    if (end === exit) for (const inner of absorbed) claimed.add(inner)
    stored.add(end)
    transformOf.set(end, node)
    const base = behindViews(node.inputs[0]!)
    if (!inMemory(base)) stored.add(base)
  }
  // What contractions and gathers read through index maps must lie in memory.
  for (const node of nodes) {
    if (node.is('contract')) {
      for (const input of node.inputs) {
        const { base } = viewOf(
          input,
          input.shape.map(() => fixed(0)),
          inMemory,
        )
        if (!inMemory(base)) stored.add(base)
      }
    }
    if (node.is('gather')) {
      const { base } = viewOf(
        node.inputs[0]!,
        node.inputs[0]!.shape.map(() => fixed(0)),
        inMemory,
      )
      if (!inMemory(base) && !base.is('constant')) stored.add(base)
    }
  }
  // What loops read round by round, too.
  for (const node of nodes) {
    if (!node.is('scan')) continue
    for (const input of roundInputs(node)) {
      const { base } = windowOf(input, inMemory)
      if (!inMemory(base)) stored.add(base)
    }
  }
  // What is read several times over (windows that overlap, rows that are repeated) is not computed each time.
  const cost = costs(nodes, inMemory)
  for (const node of nodes) {
    const [input] = node.inputs
    if (!input || inMemory(input)) continue
    const repeats = sizeOf(node.shape) / Math.max(1, sizeOf(input.shape))
    const overlaps = node.is('window') && repeats > 1.01 && cost.get(input)! > CHEAP
    const repeated = node.is('expand') && repeats > 1 && cost.get(input)! >= HEAVY
    if (overlaps) stored.add(behindViews(input))
    else if (repeated) stored.add(input)
  }
  // What several kernels need is stored once, unless it is cheap.
  const kernels = new Map<Node, Set<Node>>()
  for (const node of nodes.toReversed()) {
    const consumers = new Set<Node>()
    for (const user of users.get(node) ?? []) {
      if (stored.has(user)) consumers.add(user)
      else for (const consumer of kernels.get(user)!) consumers.add(consumer)
    }
    kernels.set(node, consumers)
    if (consumers.size > 1 && !inMemory(node) && cost.get(node)! > CHEAP && worthStoring(node))
      stored.add(node)
  }
  return {
    roots: new Set(roots),
    stored: nodes.filter((node) => stored.has(node)),
    contractionOf,
    transformOf,
  }
}

/** What views and padding show. */
function behindViews(node: Node): Node {
  let base = node
  for (;;) {
    const view = kindOf(base) === 'movement' && base.inputs.length === 1
    if (!view && kindOf(base) !== 'alias') return base
    base = base.inputs[0]!
  }
}

/** Views are followed to what they show; only computed values are stored. */
const worthStoring = (node: Node): boolean => kindOf(node) === 'elementwise' || node.is('gather')

function usersOf(nodes: readonly Node[]): Map<Node, Node[]> {
  const users = new Map<Node, Node[]>()
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      const list = users.get(input)
      if (list) list.push(node)
      else users.set(input, [node])
    }
  }
  return users
}

/** Operations to compute one element of a node from memory. */
function costs(nodes: readonly Node[], inMemory: (node: Node) => boolean): Map<Node, number> {
  const cost = new Map<Node, number>()
  for (const node of nodes) {
    const record = recordOf<OpName>(node.op) as AnyOp<OpName>
    const inputs = node.inputs.reduce(
      (sum, input) => sum + (inMemory(input) ? 0 : cost.get(input)!),
      0,
    )
    const own = node.is('random')
      ? 30
      : record.kind === 'elementwise'
        ? record.heavy
          ? HEAVY
          : 1
        : 0
    cost.set(node, Math.min(1e6, inputs + own))
  }
  return cost
}

/**
 * The last node of the longest chain of elementwise nodes that begins at a contraction, where
 * everything in between is used within the chain alone.
 */
function epilogueOf(
  start: Node,
  users: ReadonlyMap<Node, readonly Node[]>,
  stored: ReadonlySet<Node>,
  /** What other contractions have absorbed: one kernel computes a node. */
  claimed: ReadonlySet<Node>,
): { exit: Node; absorbed: readonly Node[] } {
  const region = new Set<Node>([start])
  let exit = start
  if (stored.has(start)) return { exit, absorbed: [start] }
  for (let step = 0; step < LONGEST_EPILOGUE; step++) {
    const frontier = [...region]
      .flatMap((node) => users.get(node) ?? [])
      .filter((node) => !region.has(node))
    if (frontier.length === 0) break
    const next = frontier.reduce((a, b) => (a.id < b.id ? a : b))
    const fits =
      (kindOf(next) === 'elementwise' || next.is('reshape')) &&
      sizeOf(next.shape) === sizeOf(start.shape)
    if (!fits || claimed.has(next) || detours(next, start, region)) break
    region.add(next)
    const leaving = [...region].filter((node) =>
      (users.get(node) ?? []).some((user) => !region.has(user)),
    )
    const closed = [...region].every((node) => node === next || !stored.has(node))
    const alone = leaving.length === 0 || (leaving.length === 1 && leaving[0] === next)
    if (closed && alone) exit = next
    if (stored.has(next)) break
  }
  // A reshape at the end changes nothing in memory: stop before it, so that views stay plain.
  while (exit !== start && exit.is('reshape') && !stored.has(exit)) exit = exit.inputs[0]!
  const last = exit
  return { exit, absorbed: [...region].filter((node) => node.id <= last.id) }
}

/** Whether a node needs the contraction by another way than through the region: a maximum of its rows, say. */
function detours(node: Node, start: Node, region: ReadonlySet<Node>): boolean {
  const seen = new Set<Node>()
  const reaches = (at: Node): boolean => {
    if (region.has(at)) return true
    if (at.id < start.id || seen.has(at)) return false
    seen.add(at)
    return at.inputs.some(reaches)
  }
  return node.inputs.some((input) => !region.has(input) && reaches(input))
}
