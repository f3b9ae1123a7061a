import {
  binary,
  bool,
  f32,
  fma,
  fold as foldLanes,
  i32,
  pack,
  register,
  select,
  set,
  variable,
  widen,
} from '../loop/build.ts'
import type { Expr } from '../loop/ir.ts'
import type { Emitter } from './emitter.ts'
import { type Fold, type Stage, valuesOf } from './nest.ts'
import { type Loop, loopPosition } from './position.ts'

/** Folds of fewer elements are written out. */
const FEW_ELEMENTS = 16

/** The registers that a fold runs in. */
export interface RunningFold {
  readonly fold: Fold
  readonly names: readonly string[]
  readonly lanes: number
}

/** Declares the registers of a fold: `copies` of them, or the maximum and its position for argmax. */
export function start(emitter: Emitter, fold: Fold, lanes: number, copies: number): RunningFold {
  const names = Array.from({ length: fold.fold === 'argmax' ? 2 : copies }, (_, i) => {
    const name = emitter.fresh('acc')
    const position = fold.fold === 'argmax' && i === 1
    emitter.emit(register(name, position ? i32(0, lanes) : identityOf(fold, lanes)))
    return name
  })
  return { fold, names, lanes }
}

/** What a fold begins with. */
export const identityOf = ({ value, identity }: Fold, lanes: number): Expr =>
  value.dtype === 'f32' ? f32(identity, lanes) : i32(Math.max(identity, -(2 ** 31)), lanes)

/** What a register holds. */
export const held = ({ fold, names, lanes }: RunningFold, copy = 0): Expr =>
  variable(names[copy]!, fold.value.dtype === 'f32' ? 'f32' : 'i32', lanes)

/** One round of a fold into one of its registers. The first `done` lanes have been folded before. */
export function advance(
  emitter: Emitter,
  running: RunningFold,
  copy: number,
  inner: Loop,
  done: number,
): void {
  if (running.fold.fold === 'argmax') {
    better(emitter, running, inner)
    return
  }
  const before = held(running, copy)
  const after = next(emitter, running.fold, before)
  if (after === before) return
  const fresh = Array.from({ length: running.lanes }, (_, lane) => bool(lane >= done))
  emitter.emit(set(running.names[copy]!, done === 0 ? after : select(pack(fresh), after, before)))
}

/** What an accumulator becomes in this round; sums of products go through fused multiply-add. */
function next(emitter: Emitter, { fold, value, identity }: Fold, before: Expr): Expr {
  if (fold === 'add' && value.kind === 'op' && value.op === 'mul' && value.dtype === 'f32') {
    const [x, y] = value.args.map((arg) => emitter.widened(arg, before.lanes)) as [Expr, Expr]
    return fma(x, y, before)
  }
  const item = emitter.lower(value).value
  if (item.kind === 'const' && Object.is(item.value, identity)) return before
  return binary(fold as 'add', before, widen(item, before.lanes))
}

/** Keeps the first maximum and where it is; NaN counts as largest. */
function better(emitter: Emitter, { fold, names }: RunningFold, inner: Loop): void {
  const { value } = emitter.lower(fold.value)
  const { lanes } = emitter
  const wide = widen(value, lanes)
  const best = variable(names[0]!, value.dtype, lanes)
  const where = variable(names[1]!, 'i32', lanes)
  let wins = binary('lt', best, wide)
  if (value.dtype === 'f32') {
    const invalid = binary('and', binary('ne', wide, wide), binary('eq', best, best))
    wins = binary('or', wins, invalid)
  }
  const chosen = emitter.name(wins)
  const { base } = emitter.address(loopPosition(inner))
  emitter.emit(set(names[1]!, select(chosen, widen(base, lanes), where)))
  emitter.emit(set(names[0]!, select(chosen, wide, best)))
}

/** What a fold came to: its registers, and their lanes if they ran along it, folded in a fixed order. */
export function result(emitter: Emitter, runnings: readonly RunningFold[]): Expr {
  const [first] = runnings as [RunningFold]
  const { fold } = first.fold
  if (fold === 'argmax') return emitter.name(variable(first.names[1]!, 'i32', emitter.lanes))
  const parts = runnings.map((running) => {
    const copies = running.names.map((_, copy) => held(running, copy))
    const sum = copies.reduce((a, b) => binary(fold, a, b))
    return running.lanes > emitter.lanes ? foldLanes(fold, sum) : sum
  })
  return emitter.name(parts.reduce((a, b) => binary(fold, a, b)))
}

/** Folds of many elements that need no order, without conditions. */
export function isPlainFold(stage: Stage): boolean {
  const { inner, folds, writes, serial } = stage
  if (!inner || serial || inner.extent <= FEW_ELEMENTS || writes.length > 0) return false
  const free = valuesOf([stage]).every(({ kind }) => kind !== 'guard' && kind !== 'inside')
  return free && folds.length > 0 && folds.every(({ fold }) => fold !== 'argmax')
}
