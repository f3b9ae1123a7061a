import { sizeOf } from '../../base/shape.ts'
import { full, ones } from '../../tensor/create.ts'
import { Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import { elementPositions, linear } from './positions.ts'

/** How what is scattered joins what is there. */
const joins: Readonly<Record<string, (old: Tensor, fresh: Tensor) => Tensor>> = {
  none: (_, fresh) => fresh,
  add: (old, fresh) => old.add(fresh),
  mul: (old, fresh) => old.mul(fresh),
  max: (old, fresh) => old.maximum(fresh),
  min: (old, fresh) => old.minimum(fresh),
}

/** Rows [count, width] put at positions of a table [rows, width]. */
function scatterRows(call: NodeCall, base: Tensor, places: Tensor, updates: Tensor): Tensor {
  const reduction = call.text('reduction', 'none')
  const join = joins[reduction]
  if (!join) throw call.refuse(`reduction '${reduction}'`, Object.keys(joins).join(', '), 'file')
  if (base.dtype === 'u8' || base.dtype === 'bool') {
    const wide = scatterRows(call, base.to('i32'), places, updates.to('i32'))
    return wide.to(base.dtype)
  }
  const table = places.unsqueeze(1).expand(updates.shape)
  if (reduction === 'add') return base.scatterAdd(0, table, updates)
  return rounds(call, places, reduction).reduce<Tensor>((now, chosen) => {
    const part = chosen ? places.indexSelect(0, chosen) : places
    const fresh = chosen ? updates.indexSelect(0, chosen) : updates
    const index = part.unsqueeze(1).expand(fresh.shape)
    const hit = full(base.shape, 0, 'i32').scatterAdd(0, index, ones(fresh.shape, 'i32')).gt(0)
    const laid = full(base.shape, 0, base.dtype).scatterAdd(0, index, fresh)
    return where(hit, join(now, laid), now)
  }, base)
}

/**
 * Which updates are made together, so that no position is met twice in a round; undefined: all. What
 * is joined must be known to be told apart; what replaces must not repeat positions anyway.
 */
function rounds(call: NodeCall, places: Tensor, reduction: string): (Tensor | undefined)[] {
  if (reduction === 'none') return [undefined]
  const known = call.value(1).known && placesKnown(call, places)
  if (!known) {
    throw call.refuse(
      'positions that are computed from inputs',
      `positions that are known before anything is computed, for the reduction '${reduction}'`,
    )
  }
  const turn = new Map<number, number>()
  const groups: number[][] = []
  known.forEach((place, i) => {
    const round = turn.get(place) ?? 0
    turn.set(place, round + 1)
    groups[round] = [...(groups[round] ?? []), i]
  })
  if (groups.length <= 1) return [undefined]
  return groups.map((group) => Tensor.of(Int32Array.from(group), [group.length], 'i32'))
}

function placesKnown(call: NodeCall, places: Tensor): number[] | undefined {
  const numbers = call.like(1, places).known
  return numbers && Array.from(numbers)
}

export function scatterElements(call: NodeCall): Value {
  const [x, index, updates] = [call.tensor(0), call.tensor(1), call.tensor(2)]
  const axis = call.axis(call.int('axis', 0), x.rank)
  const places = elementPositions(index, x.shape, axis)
  const flat = x.reshape([x.size, 1])
  const column = updates.reshape([updates.size, 1])
  return call.wrapped(0, scatterRows(call, flat, places, column).reshape(x.shape))
}

export function scatterND(call: NodeCall): Value {
  const [x, index, updates] = [call.tensor(0), call.tensor(1), call.tensor(2)]
  const depth = index.shape.at(-1)!
  const outer = index.shape.slice(0, -1)
  const known = x.shape.slice(0, depth)
  const width = sizeOf(x.shape.slice(depth))
  const coordinates = Array.from({ length: depth }, (_, k) =>
    index.slice(...outer.map(() => [] as const), k),
  )
  const places = linear(coordinates, known).reshape([-1])
  const rows = updates.reshape([sizeOf(outer), width])
  const out = scatterRows(call, x.reshape([sizeOf(known), width]), places, rows)
  return call.wrapped(0, out.reshape(x.shape))
}
