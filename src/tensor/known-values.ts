import type { TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import type { Node } from '../graph/node.ts'
import { Storage } from './storage.ts'
import type { Tensor } from './tensor.ts'

/** The contents of a tensor of integers, where the host has them already; nothing is computed. */
function knownValues(node: Node): TypedArray | undefined {
  if (node.is('buffer')) {
    const { source } = node.attrs
    return source instanceof Storage ? source.settled() : undefined
  }
  const same = node.is('reshape') || node.is('detach') || node.is('cast')
  return same && node.inputs[0]!.dtype !== 'f32' ? knownValues(node.inputs[0]!) : undefined
}

/**
 * Refuses numbers that are none of 0 … count − 1, nor the one that is allowed besides. It sees what
 * the host has: inputs of a compiled step, and what is still to be computed, are not looked at.
 */
export function requireIndices(
  where: string,
  index: Tensor,
  count: number,
  what: string,
  allowed?: number,
): void {
  const values = knownValues(index.node)
  const bad = values?.findIndex((value) => !(value >= 0 && value < count) && value !== allowed)
  if (values === undefined || bad === undefined || bad < 0) return
  throw new BrickError({
    kind: 'argument',
    where,
    got: `${what} ${values[bad]} at position ${bad}`,
    wanted: `0 … ${count - 1}${allowed === undefined ? '' : ` (or ${allowed}: ignored)`}`,
  })
}
