import type { Attributes, OpName } from './attributes.ts'
import { Node } from './node.ts'
import { recordOf } from './ops.ts'
import { currentOrigin } from './origin.ts'
import type { Make } from './record.ts'

/** The modules whose forward is under way, outermost first. */
const scopes: string[] = []

/** The place in the model where nodes are made now: `LeNet.conv2`. */
export function currentScope(): string {
  return scopes.join('.')
}

/** Runs `body` with `name` added to the place that nodes and errors report. */
export function inScope<T>(name: string, body: () => T): T {
  scopes.push(name)
  try {
    return body()
  } finally {
    scopes.pop()
  }
}

/** Makes a checked node. Throws a BrickError of kind `shape` or `dtype` that names the op. */
export const make: Make = <O extends OpName>(
  op: O,
  inputs: readonly Node[],
  attrs: Attributes[O],
) => {
  const { shape, dtype } = recordOf(op).infer(inputs, attrs, op)
  const scope = currentScope()
  return new Node(op, inputs, attrs, shape, dtype, scope, currentOrigin(scope))
}
