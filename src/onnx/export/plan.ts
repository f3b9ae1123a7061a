import type { Node } from '../../graph/node.ts'
import type { Dim } from './dims.ts'
import type { WrittenOperator } from './operators.ts'
import type { GraphWriter } from './writer.ts'

/** What plans are made with. */
export interface PlanContext {
  /** Sizes of a node, or of what `of` finds in it, as they depend on the batch. */
  dims(node: Node, of?: (node: Node) => readonly number[]): Dim[]
}

/** How a node is written: what it needs, and what is written when that is there. */
export interface Plan {
  readonly needs: readonly Node[]
  /** Writes, and returns the name of the value. `name`: of what it needs. */
  write(writer: GraphWriter, name: (node: Node) => string): string
}

/** A plan, if the node looks like it. */
export type Recognize = (node: Node, context: PlanContext) => Plan | undefined

/** A plan of one operator on these values. */
export function simply(
  opType: WrittenOperator,
  needs: readonly Node[],
  attributes: Parameters<GraphWriter['add']>[2] = {},
): Plan {
  return { needs, write: (writer, name) => writer.add(opType, needs.map(name), attributes) }
}
