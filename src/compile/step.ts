import type { Node } from '../graph/node.ts'
import type { Func, Kernel } from '../loop/ir.ts'
import type { Memory } from './emitter.ts'
import type { Stage } from './nest.ts'
import type { Share } from './share.ts'

interface Common {
  readonly reads: ReadonlySet<Node>
  readonly writes: readonly Node[]
  /** Stages with the step's values, for deciding whether it may work in place. */
  readonly stages: readonly Stage[]
  /** What it reads in an order of its own, which the stages don't show: a product's operands. */
  readonly operands?: ReadonlySet<Node>
}

/** One kernel to be: what it reads and writes, and how it is written once memory has names. */
export interface KernelStep extends Common {
  readonly functions: readonly Func[]
  /** Its part in a contraction. */
  readonly share?: Share
  emit(memory: Memory, name: string): Kernel
}

/** Where a node of a loop's body lies: in the memory of an outer one, moving on with each round. In elements. */
export interface Place {
  readonly of: Node
  readonly offset: number
  readonly advance: number
}

/** A loop over steps. */
export interface LoopStep extends Common {
  readonly times: number
  /** Where rounds are counted: i32 [1]. The last step of the body raises it. */
  readonly counter: Node
  readonly before: readonly Step[]
  readonly body: readonly Step[]
  /** Of the body's nodes that don't have memory of their own. */
  readonly places: ReadonlyMap<Node, Place>
}

export type Step = KernelStep | LoopStep

export const isLoop = (step: Step): step is LoopStep => 'body' in step
