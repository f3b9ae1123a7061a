import { convolutionTransposed, convolution as convolve } from '../../tensor/compose/contraction.ts'
import { type Tensor, withHistoryOf } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'
import { type Geometry, geometryOf, padded } from './windows.ts'

const same = (a: readonly number[], b: readonly number[]): boolean => a.every((n, i) => n === b[i])

/** Cross-correlation of x and a weight, as the node's attributes say. */
export function convolved(call: NodeCall, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const d = weight.rank - 2
  if (d < 1 || x.rank !== weight.rank) {
    throw call.refuse(
      `x [${x.shape}], weight [${weight.shape}]`,
      '[N, C, …S] and [K, C/g, …R]',
      'shape',
    )
  }
  const { stride, dilation, before, after } = geometryOf(
    call,
    x.shape.slice(2),
    weight.shape.slice(2),
  )
  const symmetric = same(before, after)
  const input = symmetric ? x : padded(x, before, after)
  const node = convolve(d, input.node, weight.node, bias?.node, {
    stride,
    dilation,
    groups: call.int('group', 1),
    padding: symmetric ? before : before.map(() => 0),
  })
  return withHistoryOf(node, [input, weight, bias])
}

/** Where the result begins in the full transposed convolution, and how large it is. */
function target(
  call: NodeCall,
  geometry: Geometry,
  full: readonly number[],
  extents: readonly number[],
) {
  const { kernel, stride } = geometry
  const extra = call.ints('output_padding') ?? kernel.map(() => 0)
  const auto = call.text('auto_pad', 'NOTSET')
  const shape = call.ints('output_shape')?.slice(-kernel.length)
  const sizes =
    shape ?? (auto.startsWith('SAME') ? extents.map((n, i) => n * stride[i]!) : undefined)
  return full.map((size, i) => {
    const whole = size + extra[i]!
    if (!sizes) {
      const [start, end] = [geometry.before[i]!, geometry.after[i]!]
      return { start, length: whole - start - end }
    }
    const total = Math.max(0, whole - sizes[i]!)
    const small = Math.floor(total / 2)
    return { start: auto === 'SAME_UPPER' ? small : total - small, length: sizes[i]! }
  })
}

function transposed(call: NodeCall): Value {
  const [x, weight] = [call.tensor(0), call.tensor(1)]
  const bias = call.optional(2)?.tensor
  const kernel = weight.shape.slice(2)
  const d = kernel.length
  const auto = call.text('auto_pad', 'NOTSET')
  const plain = auto.startsWith('SAME') ? undefined : geometryOf(call, x.shape.slice(2), kernel)
  const all = (name: string) => call.ints(name) ?? kernel.map(() => 1)
  const none = kernel.map(() => 0)
  const geometry = plain ?? {
    kernel,
    stride: all('strides'),
    dilation: all('dilations'),
    before: none,
    after: none,
  }
  const { stride, dilation } = geometry
  const options = { stride, dilation, groups: call.int('group', 1) }
  const extents = x.shape.slice(2)
  const full = extents.map((n, i) => (n - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1)
  const wanted = target(call, geometry, full, extents)
  const ends = wanted.map(({ start, length }, i) => full[i]! - start - length)
  const symmetric = wanted.every(({ start }, i) => start === ends[i]) && !call.has('output_shape')
  if (symmetric) {
    const padding = wanted.map(({ start }) => start)
    const node = convolutionTransposed(d, x.node, weight.node, bias?.node, { ...options, padding })
    return call.like(0, withHistoryOf(node, [x, weight, bias]))
  }
  const whole = withHistoryOf(convolutionTransposed(d, x.node, weight.node, undefined, options), [
    x,
    weight,
  ])
  const beyond = ends.map((n) => Math.max(0, -n))
  const out = padded(whole, none, beyond).slice(
    [],
    [],
    ...wanted.map(({ start, length }) => [start, start + length] as const),
  )
  return call.like(0, bias ? out.add(bias.reshape([-1, ...none.map(() => 1)])) : out)
}

export const convolution: OpTable = {
  Conv: {
    since: 1,
    run: (call) =>
      call.like(0, convolved(call, call.tensor(0), call.tensor(1), call.optional(2)?.tensor)),
  },
  ConvTranspose: { since: 1, run: transposed },
}
