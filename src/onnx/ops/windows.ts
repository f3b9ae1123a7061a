import { make } from '../../graph/make.ts'
import { type Tensor, withHistoryOf } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'

/** How windows lie along each spatial axis. */
export interface Geometry {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/**
 * Kernel, strides, dilations and padding of a node. `auto_pad` SAME_UPPER and SAME_LOWER make as many
 * windows as strides fit; the odd element goes to the end, or to the front.
 */
export function geometryOf(
  call: NodeCall,
  extents: readonly number[],
  kernel: readonly number[],
): Geometry {
  const all = (name: string) => call.ints(name) ?? kernel.map(() => 1)
  const [stride, dilation] = [all('strides'), all('dilations')]
  const pads = call.ints('pads') ?? kernel.flatMap(() => [0, 0])
  const auto = call.text('auto_pad', 'NOTSET')
  const lists = [stride, dilation, extents, pads.slice(kernel.length)]
  const whole = (list: readonly number[], least: number) => list.every((n) => n >= least)
  const sensible = [kernel, stride, dilation].every((list) => whole(list, 1)) && whole(pads, 0)
  if (lists.some(({ length }) => length !== kernel.length) || !sensible) {
    const got = `kernel [${kernel}], strides [${stride}], dilations [${dilation}], pads [${pads}]`
    throw call.refuse(got, `${extents.length} numbers, and pads two for each`, 'file')
  }
  if (!auto.startsWith('SAME')) {
    const given = auto === 'VALID' ? kernel.flatMap(() => [0, 0]) : pads
    const [before, after] = [given.slice(0, kernel.length), given.slice(kernel.length)]
    return { kernel, stride, dilation, before, after }
  }
  const totals = kernel.map((k, i) => {
    const windows = Math.ceil(extents[i]! / stride[i]!)
    return Math.max(0, (windows - 1) * stride[i]! + dilation[i]! * (k - 1) + 1 - extents[i]!)
  })
  const [small, large] = [totals.map((t) => Math.floor(t / 2)), totals.map((t) => Math.ceil(t / 2))]
  const lower = auto === 'SAME_LOWER'
  return { kernel, stride, dilation, before: lower ? large : small, after: lower ? small : large }
}

/** With so much more padding behind that windows which begin inside are whole. */
export function withCeiling(geometry: Geometry, extents: readonly number[]): Geometry {
  const { kernel, stride, dilation, before, after } = geometry
  const wider = kernel.map((k, i) => {
    const room = extents[i]! + before[i]! + after[i]! - dilation[i]! * (k - 1) - 1
    let steps = Math.ceil(room / stride[i]!)
    // The last window must begin inside the input or the padding before it.
    if (steps * stride[i]! >= extents[i]! + before[i]!) steps--
    return after[i]! + Math.max(0, steps * stride[i]! - room)
  })
  return { ...geometry, after: wider }
}

/** x [N, C, …S] padded along its spatial axes. */
export function padded(
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): Tensor {
  if ([...before, ...after].every((n) => n === 0)) return x
  const sides = before.map((n, i) => [n, after[i]!] as const)
  return x.pad([[0, 0], [0, 0], ...sides], 'constant', value)
}

/** x [N, C, …S] → windows [N, C, …O, …R], padded with a value. */
export function windowsOf(x: Tensor, geometry: Geometry, value: number): Tensor {
  const { kernel, stride, dilation, before, after } = geometry
  const wide = padded(x, before, after, value)
  const view = kernel.reduce(
    (node, size, i) =>
      make('window', [node], { axis: i + 2, size, stride: stride[i]!, dilation: dilation[i]! }),
    wide.node,
  )
  return withHistoryOf(view, [x])
}

/** The axes of windows, behind the others. */
export const windowAxes = ({ kernel }: Geometry): number[] =>
  kernel.map((_, i) => kernel.length + 2 + i)
