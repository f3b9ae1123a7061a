import type { DType } from '../base/dtype.ts'
import type { Shape } from '../base/shape.ts'
import type { Attributes, OpName } from './attributes.ts'
import type { Origin } from './origin.ts'

let nextId = 0

/**
 * One operation of the graph and, at the same time, the array it stands for. Immutable: whoever
 * changes a graph builds a new one. Inputs are older than the node, so a graph has no cycles and
 * ascending ids are a topological order.
 */
export class Node<O extends OpName = OpName> {
  readonly id: number
  readonly op: O
  readonly inputs: readonly Node[]
  readonly attrs: Attributes[O]
  readonly shape: Shape
  readonly dtype: DType
  /** Where in a model it was made, such as `LeNet.conv2`; empty outside modules. */
  readonly scope: string
  /** Who asked for it; known while profiling alone. */
  readonly origin: Origin | undefined

  constructor(
    op: O,
    inputs: readonly Node[],
    attrs: Attributes[O],
    shape: Shape,
    dtype: DType,
    scope: string,
    origin?: Origin,
  ) {
    this.id = nextId++
    this.op = op
    this.inputs = inputs
    this.attrs = attrs
    this.shape = shape
    this.dtype = dtype
    this.scope = scope
    this.origin = origin
  }

  is<P extends OpName>(op: P): this is Node<P> {
    return (this.op as OpName) === op
  }
}

/** All nodes that the roots depend on, and the roots, inputs first. `follow` says which inputs count. */
export function topological(
  roots: readonly Node[],
  follow: (node: Node) => readonly Node[] = ({ inputs }) => inputs,
): Node[] {
  const seen = new Set<Node>(roots)
  const stack = [...seen]
  for (let node = stack.pop(); node; node = stack.pop()) {
    for (const input of follow(node)) {
      if (!seen.has(input)) {
        seen.add(input)
        stack.push(input)
      }
    }
  }
  return [...seen].sort((a, b) => a.id - b.id)
}
