import type { PadMode } from '../../tensor/compose/movement.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import { Value } from '../run/value.ts'
import { part } from './positions.ts'

/** Start, stop and step along an axis, with negative positions and steps, as Python has them. */
interface Span {
  readonly axis: number
  readonly start: number
  readonly count: number
  readonly step: number
}

function spanOf(extent: number, axis: number, from: number, to: number, step: number): Span {
  const clamp = (n: number, low: number, high: number) => Math.min(high, Math.max(low, n))
  const position = (n: number) => (n < 0 ? n + extent : n)
  const backward = step < 0
  const start = clamp(position(from), 0, backward ? extent - 1 : extent)
  const stop = clamp(position(to), backward ? -1 : 0, extent)
  return { axis, start, step, count: Math.max(0, Math.ceil((stop - start) / step)) }
}

/** The elements of a span, in its order. */
function cut(x: Tensor, { axis, start, step, count }: Span): Tensor {
  const last = start + (count - 1) * step
  const [low, high] = step < 0 ? [last, start] : [start, last]
  const piece = count === 0 ? part(x, axis, 0, 0) : part(x, axis, low, high + 1, Math.abs(step))
  return step < 0 ? piece.flip(axis) : piece
}

export function slice(call: NodeCall): Value {
  const value = call.value(0)
  const inputs = call.opset >= 10
  const starts = (inputs ? call.known(1) : call.ints('starts')) ?? []
  const ends = (inputs ? call.known(2) : call.ints('ends')) ?? []
  const axes = (inputs ? call.knownOptional(3) : call.ints('axes')) ?? starts.map((_, i) => i)
  const steps = (inputs ? call.knownOptional(4) : undefined) ?? starts.map(() => 1)
  if ([ends, axes, steps].some(({ length }) => length !== starts.length) || steps.includes(0)) {
    const got = `starts ${starts}, ends ${ends}, axes ${axes}, steps ${steps}`
    throw call.refuse(got, 'as many of each, and steps other than 0', 'file')
  }
  const spans = axes.map((given, i) => {
    const axis = call.axis(given, value.rank)
    return spanOf(value.shape[axis]!, axis, starts[i]!, ends[i]!, steps[i]!)
  })
  if (value.host && value.rank === 1 && spans.length === 1) {
    const [{ start, step, count }] = spans as [Span]
    const data = Float64Array.from({ length: count }, (_, i) => value.host!.data[start + i * step]!)
    return Value.constant({ type: value.type, shape: [count], data })
  }
  return call.like(0, spans.reduce(cut, value.tensor))
}

const modes: Readonly<Record<string, PadMode>> = {
  constant: 'constant',
  reflect: 'reflect',
  edge: 'replicate',
  wrap: 'circular',
}

/** Elements before and after each axis; negative numbers cut some off. */
export function pad(call: NodeCall): Value {
  const x = call.tensor(0)
  const { rank } = x
  const attributes = call.opset < 11
  const pads = (attributes ? call.ints('pads') : call.known(1)) ?? []
  const axes = call.knownOptional(3)?.map((a) => call.axis(a, rank)) ?? x.shape.map((_, i) => i)
  const mode = modes[call.text('mode', 'constant')]
  if (!mode || pads.length !== 2 * axes.length) {
    const got = `mode '${call.text('mode', 'constant')}', ${pads.length} pads`
    throw call.refuse(got, `one of ${Object.keys(modes)}, and two pads an axis`, 'file')
  }
  const amounts = x.shape.map((_, axis) => {
    const at = axes.indexOf(axis)
    return at < 0 ? ([0, 0] as const) : ([pads[at]!, pads[at + axes.length]!] as const)
  })
  const cutOff = x.slice(
    ...amounts.map(
      ([before, after], i) => [Math.max(0, -before), x.shape[i]! - Math.max(0, -after)] as const,
    ),
  )
  const added = amounts.map(
    ([before, after]) => [Math.max(0, before), Math.max(0, after)] as [number, number],
  )
  if (mode !== 'constant') return call.like(0, cutOff.pad(added, mode))
  const value = attributes ? call.float('value', 0) : call.optional(2)
  if (typeof value === 'number') return call.like(0, cutOff.pad(added, mode, value))
  const known = value === undefined ? 0 : value.known?.[0]
  if (known !== undefined) return call.like(0, cutOff.pad(added, mode, known))
  // A value that is computed: what was added is told apart by a mask.
  const inside = cutOff.mul(0).add(1).pad(added)
  const outside = inside.neg().add(1).mul(value!.tensor.reshape([]))
  return call.like(0, cutOff.pad(added).add(outside))
}
