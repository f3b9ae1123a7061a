import * as arithmetic from '../../tensor/compose/arithmetic.ts'
import { full } from '../../tensor/create.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { ElementType } from '../file/element-types.ts'

/** A bitwise op of integers (or truth values), with broadcasting. */
export const bitwise = (op: 'and' | 'or' | 'xor' | 'shl' | 'shr', a: Tensor, b: Tensor): Tensor =>
  new Tensor(arithmetic.binary(op, a.node, b.node))

/** A tensor in the dtype that a type is held in. */
export function fitted(type: ElementType, tensor: Tensor): Tensor {
  if (type.dtype !== 'u8' || tensor.dtype !== 'f32') return tensor.to(type.dtype)
  return tensor.to('i32').to('u8')
}

/** Integers that may be out of their type's range, wrapped around as the type does it. */
export function wrapped(type: ElementType, tensor: Tensor): Tensor {
  const x = fitted(type, tensor)
  if (type.dtype !== 'i32' || type.bits >= 32) return x
  const mask = full([], 2 ** type.bits - 1, 'i32')
  const [low] = type.range!
  return low === 0 ? bitwise('and', x, mask) : bitwise('and', x.sub(low), mask).add(low)
}
