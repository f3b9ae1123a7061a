import { BrickError } from '../../base/errors.ts'
import { stack } from '../../tensor/functions.ts'
import { where } from '../../tensor/tensor.ts'
import type { Graph, NodeCall } from '../run/call.ts'
import { type Slot, Value } from '../run/value.ts'
import type { OpTable } from './op.ts'
import { part } from './positions.ts'

/** The branch that the condition chooses; of one that must be computed, both, element by element. */
function branch(call: NodeCall): readonly Slot[] {
  const [yes, no] = [call.graph('then_branch'), call.graph('else_branch')]
  const known = call.value(0).known
  if (known) return call.runGraph(known[0] ? yes : no, [])
  const condition = call.tensor(0).reshape([])
  const others = call.runGraph(no, [])
  return call.runGraph(yes, []).map((slot, i) => {
    const other = others[i]
    if (slot instanceof Value && other instanceof Value && `${slot.shape}` === `${other.shape}`) {
      return Value.of(slot.type, where(condition, slot.tensor, other.tensor))
    }
    throw call.refuse(
      'branches of different shapes, and a condition that is computed',
      'equal shapes, or a condition that is known before anything is computed',
    )
  })
}

/** A loop that would not end is stopped. */
const MOST_ROUNDS = 2 ** 16

/** Rounds one after the other; how many there are must be known. */
function loop(call: NodeCall): readonly Slot[] {
  const body = call.graph('body')
  const most = call.knownOptional(0)?.[0] ?? Number.POSITIVE_INFINITY
  let states = call.inputs.slice(2)
  let goes = call.inputs[1] ? call.known(1)[0] !== 0 : true
  const rounds: Slot[][] = []
  for (let i = 0; goes && i < most; i++) {
    if (i === MOST_ROUNDS) throw call.refuse(`${i} rounds and no end`, 'a loop that ends')
    const condition = Value.constant({ ...Value.integers([1], [], 'bool').host! })
    const made = call.runGraph(body, [Value.integers([i], []), condition, ...states])
    const next = made[0]
    const known = next instanceof Value ? next.known : undefined
    if (!known) throw call.refuse('a condition that is computed', 'a condition that is known')
    goes = known[0] !== 0
    states = made.slice(1, 1 + states.length)
    rounds.push(made.slice(1 + states.length))
  }
  return [...states, ...stacked(body, 1 + states.length, rounds)]
}

/** What the rounds left, along a new first axis. */
function stacked(body: Graph, first: number, rounds: readonly (readonly Slot[])[]): Value[] {
  const count = body.output.length - first
  return Array.from({ length: count }, (_, k) => {
    const values = rounds.map((outputs) => outputs[k] as Value)
    const [one] = values
    if (!one) return emptyRounds()
    return Value.of(one.type, stack(values.map(({ tensor }) => tensor)))
  })
}

function emptyRounds(): never {
  throw new BrickError({
    kind: 'argument',
    where: 'Loop',
    got: 'no rounds, and outputs of each round',
    wanted: 'at least one round',
  })
}

/** The body over elements of sequences, with states. */
function scan(call: NodeCall): readonly Slot[] {
  const body = call.graph('body')
  const count = call.int('num_scan_inputs', 0)
  const old = call.opset < 9
  const inputs = old ? call.inputs.slice(1) : call.inputs
  if (old) return batchedScan(call, body, inputs, count)
  const states = inputs.slice(0, inputs.length - count)
  const sequences = inputs.slice(states.length).map((slot) => slot as Value)
  return scanned(call, body, states, sequences)
}

/** Version 8 has a batch axis in front of everything. */
function batchedScan(call: NodeCall, body: Graph, inputs: readonly Slot[], count: number): Slot[] {
  const values = inputs.map((slot) => slot as Value)
  const batch = values[0]!.shape[0]!
  const each = Array.from({ length: batch }, (_, b) => {
    const own = values.map(({ type, tensor }) => Value.of(type, tensor.slice(b)))
    return scanned(call, body, own.slice(0, own.length - count), own.slice(own.length - count))
  })
  return each[0]!.map((slot, i) =>
    Value.of((slot as Value).type, stack(each.map((slots) => (slots[i] as Value).tensor))),
  )
}

function scanned(
  call: NodeCall,
  body: Graph,
  initial: readonly Slot[],
  sequences: readonly Value[],
): Slot[] {
  const ins = sequences.map((value, i) => ({
    value,
    axis: call.axis(call.ints('scan_input_axes')?.[i] ?? 0, value.rank),
    back: call.ints('scan_input_directions')?.[i] === 1,
  }))
  const length = ins[0] ? ins[0].value.shape[ins[0].axis]! : 0
  let states = [...initial]
  const rounds: Value[][] = []
  for (let t = 0; t < length; t++) {
    const elements = ins.map(({ value, axis, back }) => {
      const at = back ? length - 1 - t : t
      return Value.of(value.type, part(value.tensor, axis, at, at + 1).squeeze(axis))
    })
    const made = call.runGraph(body, [...states, ...elements])
    states = made.slice(0, states.length)
    rounds.push(made.slice(states.length) as Value[])
  }
  const outputs = (rounds[0] ?? []).map(({ type, rank }, k) => {
    const back = call.ints('scan_output_directions')?.[k] === 1
    const ordered = back ? rounds.toReversed() : rounds
    const axis = call.axis(call.ints('scan_output_axes')?.[k] ?? 0, rank + 1)
    return Value.of(
      type,
      stack(
        ordered.map((round) => round[k]!.tensor),
        axis,
      ),
    )
  })
  return [...states, ...outputs]
}

export const control: OpTable = {
  If: { since: 1, run: branch },
  Loop: { since: 1, host: [0, 1], run: loop },
  Scan: { since: 8, run: scan },
}
