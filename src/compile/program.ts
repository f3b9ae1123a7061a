import { debugging } from '../base/debug.ts'
import { dtypes } from '../base/dtype.ts'
import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import type { BufferDecl, Func, Kernel, Program, Repeat, Stmt } from '../loop/ir.ts'
import { eachStatement } from '../loop/walk.ts'
import { aboutOf } from './about.ts'
import type { Memory } from './emitter.ts'
import { type Lifetime, placeInArena } from './memory.ts'
import { isLoop, type KernelStep, type Place, type Step } from './step.ts'

/** A loop over steps of a list. */
interface Span {
  readonly first: number
  readonly last: number
  readonly times: number
  readonly counter: Node
}

/** Steps with the loops around them spelt out. */
interface Sequence {
  readonly steps: KernelStep[]
  /** Inner loops first. */
  readonly loops: Span[]
  readonly places: Map<Node, Place & { readonly counter: Node }>
}

/** Places temporaries, and writes the steps as one program. */
export function programOf(
  steps: readonly Step[],
  slotOf: ReadonlyMap<Node, number>,
  slots: number,
): Program {
  const sequence: Sequence = { steps: [], loops: [], places: new Map() }
  addAll(steps, sequence)
  const { offsets, bytes } = placeInArena(lifetimesOf(sequence, (node) => slotOf.has(node)))
  const decls = new Map<Node, BufferDecl>()
  const declare = (node: Node): BufferDecl => {
    const known = decls.get(node)
    if (known) return known
    const place = sequence.places.get(node)
    const made = place ? moved(node, place) : lying(node)
    decls.set(node, made)
    return made
  }
  const size = (node: Node) => Math.max(1, sizeOf(node.shape))
  const lying = (node: Node): BufferDecl => {
    const slot = slotOf.get(node) ?? 0
    const name = slot === 0 ? `T${decls.size}` : `S${slot}`
    return { name, dtype: node.dtype, size: size(node), slot, offset: offsets.get(node) ?? 0 }
  }
  const moved = (node: Node, { of, offset, advance, counter }: Place & { counter: Node }) => {
    const base = declare(of)
    const each = dtypes[node.dtype].bytes
    const own = advance === 0 ? [] : [{ counter: declare(counter).name, bytes: advance * each }]
    return {
      ...base,
      name: `${base.name}_${decls.size}`,
      size: size(node),
      offset: base.offset + offset * each,
      advances: [...(base.advances ?? []), ...own],
    }
  }
  const memory: Memory = (node) => {
    const { name, dtype } = declare(node)
    return { buffer: name, dtype: dtype as Node['dtype'] }
  }
  const kernels = kernelsOf(sequence, memory)
  const loops = sequence.loops.map(
    ({ first, last, times, counter }): Repeat => ({
      first,
      last,
      times,
      counter: declare(counter).name,
    }),
  )
  return {
    buffers: unique([...decls.values()]),
    functions: usedFunctions(sequence.steps, kernels),
    kernels,
    slots,
    arenaBytes: bytes,
    ...(loops.length > 0 && { loops }),
  }
}

function addAll(steps: readonly Step[], to: Sequence): void {
  for (const step of steps) {
    if (!isLoop(step)) {
      to.steps.push(step)
      continue
    }
    const { before, body, places, times, counter } = step
    for (const [node, place] of places) to.places.set(node, { ...place, counter })
    addAll(before, to)
    const first = to.steps.length
    addAll(body, to)
    to.loops.push({ first, last: to.steps.length - 1, times, counter })
  }
}

/** From when to when memory is in use. What a loop needs from outside it needs till its last round. */
function lifetimesOf(
  { steps, loops, places }: Sequence,
  lies: (node: Node) => boolean,
): Lifetime[] {
  const owner = (node: Node): Node => {
    const place = places.get(node)
    return place ? owner(place.of) : node
  }
  const found = new Map<Node, { first: number; last: number }>()
  /** What moves with a loop's rounds is in use in all of them. */
  const lasting = new Set<Node>()
  steps.forEach(({ reads, writes }, index) => {
    for (const used of [...writes, ...reads]) {
      const node = owner(used)
      if (node !== used) lasting.add(node)
      if (!lies(node)) found.set(node, { first: found.get(node)?.first ?? index, last: index })
    }
  })
  for (const { first, last } of loops) {
    for (const [node, life] of found) {
      const inside = first <= life.first && life.last <= last
      if (life.last < first || last < life.first || (inside && !lasting.has(node))) continue
      found.set(node, { first: Math.min(first, life.first), last: Math.max(last, life.last) })
    }
  }
  return [...found].map(([node, life]) => ({ node, ...life }))
}

function kernelsOf({ steps, loops }: Sequence, memory: Memory): Kernel[] {
  const written = new Set(steps.flatMap((step) => step.writes))
  const inMemory = (node: Node) => node.is('buffer') || written.has(node)
  return steps.map((step, i) => {
    const around = loops.filter(({ first, last }) => first <= i && i <= last)
    const times = around.reduce((product, loop) => product * loop.times, 1)
    const kernel = step.emit(memory, `k${i}`)
    const all = { ...kernel, flops: times * kernel.flops, bytes: times * kernel.bytes }
    if (!debugging('profile')) return all
    const { flops, reads, writes, ...about } = aboutOf(step, inMemory)
    const work = { flops: times * flops, reads: times * reads, writes: times * writes }
    return { ...all, about: { ...about, ...work } }
  })
}

/** An update in place shares its state's slot and name. */
function unique(decls: readonly BufferDecl[]): BufferDecl[] {
  return [...new Map(decls.map((decl) => [decl.name, decl])).values()]
}

/** The functions that kernels call. */
function usedFunctions(steps: readonly KernelStep[], kernels: Program['kernels']): Func[] {
  const all = new Map(
    steps.flatMap((step) => step.functions.map((func) => [func.name, func] as const)),
  )
  const called = new Set<string>()
  const note = (statement: Stmt) => {
    if (statement.kind === 'call') called.add(statement.func)
  }
  for (const { body } of kernels) eachStatement(body, note)
  // Later ones call earlier ones.
  for (const { name, body } of [...all.values()].toReversed())
    if (called.has(name)) eachStatement(body, note)
  return [...all.values()].filter(({ name }) => called.has(name))
}
