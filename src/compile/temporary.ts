import type { DType } from '../base/dtype.ts'
import { requireCountable, type Shape, sizeOf } from '../base/shape.ts'
import { Node } from '../graph/node.ts'

/** Memory that no node of the graph stands for. */
export function temporary(shape: Shape, dtype: DType = 'f32'): Node<'buffer'> {
  requireCountable(sizeOf(shape), 'temporary')
  return new Node('buffer', [], { source: {}, shape, dtype }, shape, dtype, '')
}
