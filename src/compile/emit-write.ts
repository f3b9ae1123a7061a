import type { DType } from '../base/dtype.ts'
import { add, binary, extract, i32, load, store, unary, widen } from '../loop/build.ts'
import type { Expr, Stmt } from '../loop/ir.ts'
import { type Address, isRun } from './address.ts'
import type { Emitter, Memory } from './emitter.ts'
import type { Write } from './nest.ts'
import { interleaved } from './picked.ts'
import { withoutLoop } from './position.ts'

/** A write whose value and place are known. */
export interface Lowered {
  readonly write: Write
  readonly buffer: string
  readonly dtype: DType
  readonly value: Expr
  readonly address: Address
}

/** All values are known before the first is written: a write may replace what another one read. */
export const lowerWrites = (
  emitter: Emitter,
  memory: Memory,
  writes: readonly Write[],
): Lowered[] =>
  writes.map((write) => {
    const { buffer, dtype, row } = memory(write.to)
    const { value } = emitter.lower(write.value)
    const address = emitter.address(row ? withoutLoop(write.at, row) : write.at)
    return { write, buffer, dtype, value, address }
  })

/** Writes a scalar, a vector, or lane by lane; false where lanes would meet in one place. */
export function putWrite(
  emitter: Emitter,
  { write, buffer, dtype, value, address }: Lowered,
): boolean {
  const { when, accumulate } = write
  const { base, offsets } = address
  const { lanes } = emitter
  const condition = when && emitter.lower(when).value
  const emit = (index: Expr, item: Expr) => {
    const total = accumulate ? binary('add', load(buffer, dtype, index, item.lanes), item) : item
    const statement: Stmt = store(buffer, index, total)
    emitter.emit(condition ? { kind: 'if', cond: condition, yes: [statement], no: [] } : statement)
  }
  if (address.lanes || (condition && condition.lanes > 1)) return false
  if (!offsets) {
    emit(base, value)
    return value.lanes === 1
  }
  if (isRun(address)) {
    emit(base, widen(value, lanes))
    return true
  }
  const start = emitter.name(base)
  offsets.forEach((offset, lane) => {
    emit(add(start, i32(offset)), value.lanes === 1 ? value : extract(value, lane))
  })
  return !accumulate || new Set(offsets).size === lanes
}

/** Writes vectors of neighbouring positions, interleaved into whole ones. */
export function interleaveWrites(emitter: Emitter, copies: readonly Lowered[]): void {
  const [{ buffer, dtype, address }] = copies as [Lowered]
  const base = emitter.name(address.base)
  const wide = copies.map(({ value }) => {
    const vector = widen(value, emitter.lanes)
    return dtype === 'bool' ? unary('toI32', vector) : vector
  })
  const name = (value: Expr) => emitter.name(value)
  interleaved(wide, name).forEach((vector, i) => {
    const value = dtype === 'bool' ? unary('toBool', vector) : vector
    emitter.emit(store(buffer, add(base, i32(i * emitter.lanes)), value))
  })
}
