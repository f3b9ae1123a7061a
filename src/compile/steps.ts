import { requireCountable, sizeOf } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import type { Node } from '../graph/node.ts'
import { flatten } from '../graph/ops/movement.ts'
import { recordOf } from '../graph/ops.ts'
import type { Func } from '../loop/ir.ts'
import type { Target } from '../loop/target.ts'
import { GrowingNest, scatterNests, titleOf } from './assemble.ts'
import { analyse, type Contraction, labelLoops } from './contraction.ts'
import { type Cut, cutOf, isTiled, packedSize } from './cut.ts'
import { emitNest } from './emit-nest.ts'
import { emitTiled, PARTS, SUM } from './emit-tiled.ts'
import { microKernel } from './micro-kernel.ts'
import { type Nest, positionsIn, type Stage, valuesOf, type Write } from './nest.ts'
import { contractionSwap } from './orient.ts'
import { overlapNest } from './overlapped.ts'
import { emitPackLeft, packingFunctions } from './packing.ts'
import {
  addPositions,
  type Loop,
  loopPosition,
  type Position,
  scalePosition,
  symbolic,
} from './position.ts'
import { loopStep } from './rounds.ts'
import { decideStoring, type Storing } from './schedule.ts'
import { type Share, shareOf } from './share.ts'
import type { KernelStep, Step } from './step.ts'
import { rowsConflict, straighten } from './straighten.ts'
import { temporary } from './temporary.ts'
import { transformNest } from './transformed.ts'
import { coordinates, loadOf, Reader, type Value } from './value.ts'

/** All kernels, in the order of the nodes that they compute. */
export function stepsOf(
  { roots, stored, contractionOf, transformOf }: Storing,
  target: Target,
): Step[] {
  const set = new Set(stored)
  const inMemory = (node: Node) => node.is('buffer') || set.has(node)
  const steps: (Step | GrowingNest)[] = []
  for (const node of stored) {
    if (node.is('scan')) {
      const parts = stored.filter(
        (part): part is Node<'scanned'> => part.is('scanned') && part.inputs[0] === node,
      )
      const build = (own: readonly Node[]) => stepsOf(decideStoring(own), target)
      steps.push(loopStep(node, parts, inMemory, target, build))
    }
    if (isLeftByLoop(node) || sizeOf(node.shape) === 0) continue
    requireCountable(sizeOf(node.shape), titleOf(node))
    const contract = contractionOf.get(node)
    if (contract) steps.push(...contractionSteps(contract, node, inMemory, target))
    else if (transformOf.has(node))
      steps.push(transformStep(node, transformOf.get(node)!, inMemory, target))
    else if (node.is('overlapAdd')) steps.push(overlapStep(node, inMemory, target))
    else if (node.is('scatterAdd')) steps.push(...scatterSteps(node, inMemory, target))
    else join(node, steps, inMemory)
  }
  const readers = new Map<Node, number>()
  for (const { reads } of steps)
    for (const node of reads) readers.set(node, (readers.get(node) ?? 0) + 1)
  return steps.map((step) => {
    if (!(step instanceof GrowingNest)) return step
    const inside = step.reads
    const own = step.ownRows(
      (node) => !roots.has(node) && readers.get(node) === Number(inside.has(node)),
    )
    const nest = step.build()
    const kept = step.nodes.filter((node) => !own.has(node))
    const reads = new Set([...inside].filter((node) => !own.has(node)))
    return nestStep(own.size > 0 ? { ...nest, rows: own } : nest, kept, reads, target)
  })
}

/** Whether a loop writes a node, or a node is a loop. */
function isLeftByLoop(node: Node): boolean {
  const { kind } = recordOf<OpName>(node.op)
  return kind === 'loop' || kind === 'part'
}

/** How far back a node looks for a nest to join. */
const REACH = 64

/** Puts a node into the latest nest that it fits, after all that it depends on; else into one of its own. */
function join(node: Node, steps: (Step | GrowingNest)[], inMemory: (node: Node) => boolean): void {
  const needs = storedInputs(node, inMemory)
  for (let i = steps.length - 1; i >= Math.max(0, steps.length - REACH); i--) {
    const step = steps[i]!
    if (step instanceof GrowingNest && belongs(step, node, needs) && step.join(node)) return
    const written = step instanceof GrowingNest ? step.nodes : step.writes
    if (written.some((other) => needs.has(other))) break
  }
  const { shape, axes } = GrowingNest.frameOf(node)
  const nest = new GrowingNest(shape, axes, inMemory)
  nest.join(node)
  steps.push(nest)
}

/** Elements above which a nest takes in only what shares its inputs: else those of both would have to stay. */
const LARGE = 1 << 14

/** Whether a node and a nest read the same memory, or so little that it does not matter. */
function belongs(nest: GrowingNest, node: Node, needs: ReadonlySet<Node>): boolean {
  if (sizeOf(GrowingNest.frameOf(node).shape) <= LARGE) return true
  const own = nest.reads
  return [...needs].some((other) => own.has(other) || nest.nodes.includes(other))
}

/** The nodes in memory that a node is computed from. */
function storedInputs(node: Node, inMemory: (node: Node) => boolean): Set<Node> {
  const found = new Set<Node>()
  const seen = new Set<Node>()
  const visit = (at: Node) => {
    if (seen.has(at)) return
    seen.add(at)
    if (inMemory(at)) found.add(at)
    else at.inputs.forEach(visit)
  }
  node.inputs.forEach(visit)
  return found
}

function nestStep(
  nest: Nest,
  writes: readonly Node[],
  reads: ReadonlySet<Node>,
  target: Target,
  share?: Share,
): KernelStep {
  for (const { extent } of [nest.outer, ...nest.stages.flatMap(({ inner }) => inner ?? [])])
    requireCountable(extent, nest.origin)
  return {
    reads,
    writes,
    functions: [],
    stages: nest.stages,
    ...(share ? { share } : {}),
    emit: (memory, name) => emitNest(nest, name, memory, target),
  }
}

function transformStep(
  exit: Node,
  transform: Node<'transform'>,
  inMemory: (node: Node) => boolean,
  target: Target,
): KernelStep {
  const origin = `${titleOf(transform)} → ${titleOf(exit)}`
  const { nest, reads } = transformNest(exit, transform, inMemory, origin)
  return nestStep(nest, [exit], reads, target)
}

function overlapStep(
  node: Node<'overlapAdd'>,
  inMemory: (node: Node) => boolean,
  target: Target,
): KernelStep {
  const { nest, reads } = overlapNest(node, inMemory, titleOf(node))
  return nestStep(nest, [node], reads, target)
}

function scatterSteps(
  node: Node<'scatterAdd'>,
  inMemory: (node: Node) => boolean,
  target: Target,
): KernelStep[] {
  const { nests, reads } = scatterNests(node, inMemory)
  return nests.map((nest) => nestStep(nest, [node], new Set([...reads, node]), target))
}

interface Ending {
  readonly reader: Reader
  readonly reads: Set<Node>
}

/** Reads an epilogue: the contraction's element is in a register. */
function ending(contract: Node<'contract'>, exit: Node, inMemory: (node: Node) => boolean): Ending {
  const reads = new Set<Node>()
  const reader = new Reader((node, at) => {
    if (node === contract) return { kind: 'register', name: SUM, dtype: 'f32' }
    if (node === exit || !inMemory(node)) return undefined
    reads.add(node)
    return loadOf(node, at)
  })
  return { reader, reads }
}

/** What is written for the contraction's element at `coords`. */
function endWrite(
  { reader }: Ending,
  contract: Node<'contract'>,
  exit: Node,
  coords: readonly Position[],
): Write {
  const flat = flatten(coords, contract.shape, symbolic)
  return { to: exit, at: flat, value: reader.read(exit, coordinates(flat, exit.shape)) }
}

function contractionSteps(
  contract: Node<'contract'>,
  exit: Node,
  inMemory: (node: Node) => boolean,
  target: Target,
): Step[] {
  const end = ending(contract, exit, inMemory)
  const writeAt = (loops: ReadonlyMap<number, Loop>) =>
    endWrite(
      end,
      contract,
      exit,
      contract.attrs.out.map((label) => loopPosition(loops.get(label)!)),
    )
  const operands = (node: Node) => node !== exit && inMemory(node)
  const contraction = analyse(contract, operands, (loops) => {
    const stage: Stage = { folds: [], writes: [writeAt(loops)] }
    return positionsIn([stage], valuesOf([stage]))
  })
  if (!isTiled(contraction)) return [plainStep(contraction, exit, operands, target)]
  const oriented = contractionSwap(contraction, target)
  return tiledSteps(
    oriented,
    contract,
    exit,
    writeAt(contraction.loops),
    end.reads,
    inMemory,
    target,
  )
}

/** Contractions that are too thin for tiles: a fold over products. */
function plainStep(
  contraction: Contraction,
  exit: Node,
  inMemory: (node: Node) => boolean,
  target: Target,
): KernelStep {
  const contract = contraction.node
  const outer: Loop = { name: 'o', extent: sizeOf(contract.shape) }
  const flat = coordinates(loopPosition(outer), contract.shape)
  const { a, b, out } = contract.attrs
  const loops = labelLoops(contract)
  const summed = [...new Set([...a, ...b])].filter((label) => !out.includes(label))
  const extents = summed.map((label) => loops.get(label)!.extent)
  const inner: Loop = { name: 'r', extent: sizeOf(extents) }
  const within = coordinates(loopPosition(inner), extents)
  const at = (label: number) =>
    out.includes(label) ? flat[out.indexOf(label)]! : within[summed.indexOf(label)]!
  const end = ending(contract, exit, inMemory)
  const product = end.reader.intern({
    kind: 'op',
    op: 'mul',
    attrs: {},
    args: [
      end.reader.read(contract.inputs[0]!, a.map(at)),
      end.reader.read(contract.inputs[1]!, b.map(at)),
    ],
    dtype: 'f32',
  })
  const stages = sumStages(inner, product, endWrite(end, contract, exit, flat))
  const origin = `${titleOf(contract)} → ${titleOf(exit)}`
  const share = shareOf(contraction, 'none', 'in loops')
  return nestStep({ outer, stages, origin }, [exit], end.reads, target, share)
}

const sumStages = (inner: Loop, value: Value, write: Write): Stage[] => [
  { inner, folds: [{ register: SUM, fold: 'add', identity: 0, value }], writes: [] },
  { folds: [], writes: [write] },
]

function tiledSteps(
  given: Contraction,
  contract: Node<'contract'>,
  exit: Node,
  write: Write,
  reads: ReadonlySet<Node>,
  inMemory: (node: Node) => boolean,
  target: Target,
): Step[] {
  const cut = cutOf(given, target)
  const packed = cut.direct ? undefined : temporary([packedSize(cut)])
  const title = `${titleOf(contract)} → ${titleOf(exit)}`
  const straight =
    cut.direct === 'rows' && rowsConflict(given)
      ? straighten(given, (size) => temporary([size]))
      : undefined
  const contraction = straight?.contraction ?? given
  const pack = packed ? [packStep(contraction, cut, packed, target)] : []
  if (straight) {
    const share = shareOf(given, 'none', 'rows apart')
    pack.push(nestStep(straight.nest, [straight.copy], new Set([given.a.base]), target, share))
  }
  const functions = [
    microKernel(cut, false),
    microKernel(cut, true),
    ...packingFunctions(target.lanes),
  ]
  const size = sizeOf(contract.shape)
  if (cut.parts === 1) {
    return [...pack, tiled(contraction, cut, packed, write, reads, functions, title)]
  }
  const partial = temporary([cut.parts * size])
  const reader = new Reader(() => undefined)
  const sum = reader.intern({ kind: 'register', name: SUM, dtype: 'f32' })
  const at = addPositions(write.at, scalePosition(loopPosition(PARTS), size))
  const raw: Write = { to: partial, at, value: sum }
  return [
    ...pack,
    tiled(contraction, cut, packed, raw, new Set(), functions, `${title} (in ${cut.parts} parts)`),
    combine(contraction, exit, partial, cut.parts, inMemory, target),
  ]
}

function packStep(contraction: Contraction, cut: Cut, packed: Node, target: Target): KernelStep {
  return {
    reads: new Set([contraction.a.base]),
    writes: [packed],
    functions: packingFunctions(target.lanes),
    stages: [],
    share: shareOf(contraction, 'left', 'packing'),
    emit: (memory, name) => emitPackLeft(contraction, cut, packed, memory, name, target.lanes),
  }
}

function tiled(
  contraction: Contraction,
  cut: Cut,
  packed: Node | undefined,
  write: Write,
  reads: ReadonlySet<Node>,
  functions: readonly Func[],
  title: string,
): KernelStep {
  const operands = new Set([packed ?? contraction.a.base, contraction.b.base])
  return {
    reads: new Set([...operands, ...reads]),
    writes: [write.to],
    functions,
    stages: [{ folds: [], writes: [write] }],
    operands,
    share: shareOf(contraction, 'both'),
    emit: (memory, name) => emitTiled(contraction, cut, packed, { write }, memory, name, title),
  }
}

/** Adds the parts of a split sum, in order, and goes on with the epilogue. */
function combine(
  contraction: Contraction,
  exit: Node,
  partial: Node,
  parts: number,
  inMemory: (node: Node) => boolean,
  target: Target,
): KernelStep {
  const contract = contraction.node
  const size = sizeOf(contract.shape)
  const outer: Loop = { name: 'o', extent: size }
  const inner: Loop = { name: 'r', extent: parts }
  const at = addPositions(loopPosition(outer), scalePosition(loopPosition(inner), size))
  const end = ending(contract, exit, inMemory)
  const value = end.reader.intern({ kind: 'load', from: partial, at, dtype: 'f32' })
  const write = endWrite(end, contract, exit, coordinates(loopPosition(outer), contract.shape))
  const origin = `${titleOf(exit)} (sum of ${parts} parts)`
  return nestStep(
    { outer, stages: sumStages(inner, value, write), origin },
    [exit],
    new Set([partial, ...end.reads]),
    target,
    shareOf(contraction, 'none', `sum of ${parts} parts`),
  )
}
