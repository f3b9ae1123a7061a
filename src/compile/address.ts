import { add, binary, i32, mul, pack, ramp, sub, widen } from '../loop/build.ts'
import type { Expr } from '../loop/ir.ts'
import { exactly, type Known, modulo, plus, quotient, residueOf } from './known.ts'

/** An i32 for each lane, known at a depth of the blocks. */
export interface Address {
  /** A scalar; what is known of it. */
  readonly base: Expr
  readonly known: Known
  readonly depth: number
  /** What each lane adds to it; absent: all lanes are the same. */
  readonly offsets?: readonly number[]
  /** One item a lane, of any kind, in place of base and offsets. */
  readonly lanes?: readonly Expr[]
}

/** Whether lane after lane has the next integer. */
export const isRun = ({ offsets }: Address): boolean =>
  offsets?.every((offset, lane) => offset === lane) === true

/** base + offset in each lane, with lane 0's part of the base. */
export function addressOf(
  base: Expr,
  known: Known,
  depth: number,
  offsets: readonly number[] = [0],
): Address {
  const [first = 0] = offsets
  const start = { base: add(base, i32(first)), known: plus(known, exactly(first)), depth }
  if (offsets.every((offset) => offset === first)) return start
  return { ...start, offsets: offsets.map((offset) => offset - first) }
}

/** Smallest and largest value of any lane. */
function limitsOf({ known, offsets = [0] }: Address): { min: number; max: number } {
  return { min: known.min + Math.min(...offsets), max: known.max + Math.max(...offsets) }
}

/** The i32 of one lane. */
export const laneOf = ({ base, offsets, lanes }: Address, lane: number): Expr =>
  lanes?.[lane] ?? add(base, i32(offsets?.[lane] ?? 0))

/** All lanes as one value: a scalar where they are the same. */
export function spread(address: Address, count: number): Expr {
  const { base, offsets, lanes } = address
  if (lanes) return pack(lanes)
  if (!offsets) return base
  if (isRun(address)) return ramp(base, count)
  const stride = offsets[1]!
  return offsets.every((offset, lane) => offset === stride * lane)
    ? add(widen(base, count), mul(ramp(i32(0), count), i32(stride, count)))
    : add(widen(base, count), pack(offsets.map((offset) => i32(offset))))
}

function scattered(address: Address, count: number, of: (lane: Expr) => Expr): Address {
  const lanes = Array.from({ length: count }, (_, lane) => of(laneOf(address, lane)))
  return { ...address, base: lanes[0]!, lanes }
}

/** ⌊x / by⌋ in each lane. */
export function divided(address: Address, by: number, count: number): Address {
  const { base, known, offsets = [0] } = address
  const of = (x: Expr) => binary('div', x, i32(by))
  if (by === 1) return address
  if (address.lanes) return scattered(address, count, of)
  const over = quotient(known, by)
  const rest = residueOf(known, by)
  if (rest !== undefined) {
    const even =
      known.modulus === 0 ? i32(Math.floor(known.residue / by)) : of(sub(base, i32(rest)))
    const next = offsets.map((offset) => Math.floor((rest + offset) / by))
    return addressOf(even, over, address.depth, next)
  }
  const inStep = offsets.every((offset) => offset % by === 0)
  // Below zero, where only guards go, division rounds the other way: in step with nothing.
  if (!inStep || (known.min < 0 && offsets.length > 1)) return scattered(address, count, of)
  const next = offsets.map((offset) => offset / by)
  const whole = { ...over, max: Math.max(over.max, Math.trunc(known.max / by)) }
  return addressOf(of(base), whole, address.depth, next)
}

/** x mod by in each lane. */
export function remainders(address: Address, by: number, count: number): Address {
  const { base, known, offsets = [0], depth } = address
  const of = (x: Expr) => binary('rem', x, i32(by))
  if (by === 1) return { base: i32(0), known: exactly(0), depth: 0 }
  if (address.lanes) return scattered(address, count, of)
  const rest = residueOf(known, by)
  if (rest !== undefined) {
    const next = offsets.map((offset) => modulo(rest + offset, by))
    return addressOf(i32(0), exactly(0), depth, next)
  }
  const { min, max } = limitsOf(address)
  if (min >= 0 && max < by) return address
  if (offsets.some((offset) => offset % by !== 0)) return scattered(address, count, of)
  const within = { min: known.min < 0 ? 1 - by : 0, max: by - 1, modulus: 1, residue: 0 }
  return { base: of(base), known: within, depth }
}

/** The nearest integer from 0 to limit − 1 in each lane. */
export function clamped(address: Address, limit: number, count: number): Address {
  const { base, known, offsets, depth } = address
  const of = (x: Expr) => binary('max', binary('min', x, i32(limit - 1)), i32(0))
  const clamp = (x: number) => Math.max(0, Math.min(limit - 1, x))
  if (address.lanes) return scattered(address, count, of)
  const { min, max } = limitsOf(address)
  if (min >= 0 && max < limit) return address
  if (known.modulus === 0) {
    const next = (offsets ?? [0]).map((offset) => clamp(known.residue + offset))
    return addressOf(i32(0), exactly(0), depth, next)
  }
  if (offsets) return scattered(address, count, of)
  const within = { min: clamp(min), max: clamp(max), modulus: 1, residue: 0 }
  return { base: of(base), known: within, depth }
}
