import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import type { Target } from '../loop/target.ts'
import { emitNest } from './emit-nest.ts'
import type { Stage } from './nest.ts'
import { type Loop, loopPosition } from './position.ts'
import type { KernelStep } from './step.ts'
import { coordinates, loadOf, Reader } from './value.ts'

/** Writes the value of a node into the memory of another one of its shape. */
export function copyStep(
  value: Node,
  to: Node,
  inMemory: (node: Node) => boolean,
  target: Target,
): KernelStep {
  const outer: Loop = { name: 'o', extent: sizeOf(value.shape) }
  const reads = new Set<Node>()
  const reader = new Reader((node, coords) => {
    if (!inMemory(node)) return undefined
    reads.add(node)
    return loadOf(node, coords)
  })
  const at = loopPosition(outer)
  const read = reader.read(value, coordinates(at, value.shape))
  const stages: Stage[] = [{ folds: [], writes: [{ to, at, value: read }] }]
  return {
    reads,
    writes: [to],
    functions: [],
    stages,
    emit: (memory, name) => emitNest({ outer, stages, origin: 'copy' }, name, memory, target),
  }
}
