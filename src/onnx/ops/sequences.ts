import { cat, stack } from '../../tensor/functions.ts'
import type { NodeCall } from '../run/call.ts'
import { type Sequence, type Slot, Value } from '../run/value.ts'
import type { OpTable } from './op.ts'
import { part } from './positions.ts'

/** A position in a list of so many; negative ones count from the end. */
function place(call: NodeCall, i: number, count: number, most = count - 1): number {
  const given = call.known(i)[0]!
  const at = given < 0 ? given + count : given
  if (at >= 0 && at <= most) return at
  throw call.refuse(`position ${given}`, `one of ${count} items`)
}

function insert(call: NodeCall): Sequence[] {
  const items = call.sequence(0)
  const at = call.inputs[2] ? place(call, 2, items.length, items.length) : items.length
  return [{ items: items.toSpliced(at, 0, call.value(1)) }]
}

function concatFromSequence(call: NodeCall): Value {
  const items = call.sequence(0)
  const fresh = call.int('new_axis', 0) === 1
  const [first] = items
  if (!first) throw call.refuse('an empty sequence', 'at least one tensor')
  const tensors = items.map(({ tensor }) => tensor)
  const axis = call.axis(call.int('axis', 0), first.rank + Number(fresh))
  return Value.of(first.type, fresh ? stack(tensors, axis) : cat(tensors, axis))
}

function splitToSequence(call: NodeCall): Sequence[] {
  const { type, tensor: x } = call.value(0)
  const axis = call.axis(call.int('axis', 0), x.rank)
  const extent = x.shape[axis]!
  const given = call.knownOptional(1)
  const scalar = call.inputs[1] && call.value(1).rank === 0
  const each = given ? given[0]! : 1
  const sizes =
    given && !scalar
      ? given
      : Array.from({ length: call.limited(Math.ceil(extent / each), 'items') }, (_, i) =>
          Math.min(each, extent - i * each),
        )
  const keep = given !== undefined || call.int('keepdims', 1) === 1
  let start = 0
  const items = sizes.map((size) => {
    const piece = part(x, axis, start, start + size)
    start += size
    return Value.of(type, keep ? piece : piece.squeeze(axis))
  })
  return [{ items }]
}

/** The body for each item of the lists; what is no list is the same for all. */
function map(call: NodeCall): Sequence[] {
  const body = call.graph('body')
  const { length } = call.sequence(0)
  const made = Array.from({ length }, (_, k) =>
    call.runGraph(
      body,
      call.inputs.map((slot) => (slot && !(slot instanceof Value) ? slot.items[k] : slot)),
    ),
  )
  return body.output.map((_, i) => ({ items: made.map((slots) => slots[i] as Value) }))
}

export const sequences: OpTable = {
  SequenceConstruct: {
    since: 11,
    run: (call) => [{ items: call.inputs.map((_, i) => call.value(i)) }],
  },
  SequenceEmpty: { since: 11, run: () => [{ items: [] }] },
  SequenceAt: {
    since: 11,
    run: (call) => {
      const items = call.sequence(0)
      return items[place(call, 1, items.length)]!
    },
  },
  SequenceInsert: { since: 11, run: insert },
  SequenceErase: {
    since: 11,
    run: (call) => {
      const items = call.sequence(0)
      const at = call.inputs[1] ? place(call, 1, items.length) : items.length - 1
      return [{ items: items.toSpliced(at, 1) }]
    },
  },
  SequenceLength: {
    since: 11,
    run: (call) => Value.integers([call.sequence(0).length], []),
  },
  SequenceMap: { since: 17, run: map },
  ConcatFromSequence: { since: 11, run: concatFromSequence },
  SplitToSequence: { since: 11, host: [1], run: splitToSequence },
  Optional: { since: 15, run: (call): Slot[] => [call.inputs[0]] },
  OptionalHasElement: {
    since: 15,
    run: (call) => Value.integers([Number(call.inputs[0] !== undefined)], [], 'bool'),
  },
  OptionalGetElement: { since: 15, run: (call) => [call.slot(0)] },
}
