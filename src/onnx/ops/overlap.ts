import { sizeOf } from '../../base/shape.ts'
import { make } from '../../graph/make.ts'
import { type Tensor, withHistoryOf } from '../../tensor/tensor.ts'

export interface Blocks {
  /** Sizes of the result. */
  readonly image: readonly number[]
  readonly block: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/** Columns of blocks [N, C · k, L], added up where they lie in [N, C, …image]. */
export function overlapAdd(x: Tensor, blocks: Blocks): Tensor {
  const { image, block, stride, dilation, before, after } = blocks
  const d = image.length
  const counts = image.map((n, i) =>
    Math.floor((n + before[i]! + after[i]! - dilation[i]! * (block[i]! - 1) - 1) / stride[i]! + 1),
  )
  const [n, rows] = x.shape as readonly [number, number, number]
  const channels = rows / sizeOf(block)
  const apart = x.reshape([n, channels, ...block, ...counts])
  const order = [0, 1, ...counts.map((_, i) => 2 + d + i), ...block.map((_, i) => 2 + i)]
  const windows = apart.permute(order)
  const node = make('overlapAdd', [windows.node], {
    axes: image.map((_, i) => i + 2),
    size: block,
    stride,
    dilation,
    extent: image.map((size, i) => size + before[i]! + after[i]!),
  })
  const whole = withHistoryOf(node, [x])
  return whole.slice([], [], ...image.map((size, i) => [before[i]!, before[i]! + size] as const))
}
