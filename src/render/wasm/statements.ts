import type { Expr, Stmt } from '../../loop/ir.ts'
import { storageBytes } from '../../loop/ir.ts'
import { writeStore } from './access.ts'
import { indexIn, literalCondition, pushExpr } from './expressions.ts'
import { type Generator, malformed, valueType } from './generator.ts'
import { isPlain } from './indices.ts'
import { control, i32 } from './opcodes.ts'
import { findPointers, type Pointer } from './pointers.ts'
import { constant, isConstant, ofAtom, type Polynomial, scale } from './polynomial.ts'

type Loop = Kind<'for'>

export function writeBlock(g: Generator, body: readonly Stmt[]): void {
  g.block(() => {
    for (const stmt of body) writeStatement(g, stmt)
  })
}

function writeStatement(g: Generator, stmt: Stmt): void {
  const write = writers[stmt.kind] as (g: Generator, stmt: Stmt) => void
  write(g, stmt)
}

type Kind<K extends Stmt['kind']> = Stmt & { readonly kind: K }

const writers: { readonly [K in Stmt['kind']]: (g: Generator, stmt: Kind<K>) => void } = {
  let: (g, { name, value }) => declare(g, name, value, true),
  reg: (g, { name, init }) => declare(g, name, init, false),
  set: (g, { name, value }) => assign(g, name, value),
  store: (g, { buffer, index, value }) =>
    writeStore(g, buffer, indexIn(g, index), value.lanes, () => pushExpr(g, value)),
  for: writeLoop,
  if: writeIf,
  call: writeCall,
  comment: () => {},
}

function declare(g: Generator, name: string, value: Expr, isFixed: boolean): void {
  const { dtype, lanes } = value
  const isIndex = isFixed && dtype === 'i32' && lanes === 1
  const index = isIndex ? indexIn(g, value) : undefined
  pushExpr(g, value)
  const local = g.newLocal(valueType(value))
  g.set(local)
  const binding = { dtype, lanes, local }
  if (index === undefined) g.bind(name, binding)
  else g.bind(name, { ...binding, index: isPlain(index) ? index : ofAtom(g.variableAtom(local)) })
}

function assign(g: Generator, name: string, value: Expr): void {
  pushExpr(g, value)
  const { local } = g.lookup(name)
  if (local === undefined) throw malformed(`an assignment to '${name}'`, 'a register')
  g.set(local)
}

function writeIf(g: Generator, { cond, yes, no }: Kind<'if'>): void {
  const known = literalCondition(g, cond)
  if (known !== undefined) {
    writeBlock(g, known ? yes : no)
    return
  }
  pushExpr(g, cond)
  g.op(control.if).op(control.empty)
  writeBlock(g, yes)
  if (no.length > 0) {
    g.op(control.else)
    writeBlock(g, no)
  }
  g.op(control.end)
}

function writeCall(g: Generator, { func, args }: Kind<'call'>): void {
  const index = g.functions.get(func)
  if (index === undefined) throw malformed(`a call of '${func}'`, 'a function declared before')
  for (const arg of args) {
    if (arg.kind === 'value') pushExpr(g, arg.value)
    else {
      const buffer = g.buffer(arg.buffer)
      g.pointer(buffer, scale(indexIn(g, arg.offset), storageBytes[buffer.dtype]))
    }
  }
  g.op(control.call).code.u32(index)
}

function writeLoop(g: Generator, loop: Loop): void {
  const start = indexIn(g, loop.start)
  const end = indexIn(g, loop.end)
  const isLiteral = isConstant(start) && isConstant(end)
  if (loop.unroll && !isLiteral)
    throw malformed(`an unrolled loop '${loop.name}'`, 'literal bounds')
  const isShort = isLiteral && start.constant + loop.step >= end.constant
  if (loop.unroll || isShort) repeatBody(g, loop, start.constant, end.constant)
  else runningLoop(g, loop, start, end, isLiteral)
}

function repeatBody(g: Generator, { name, step, body }: Loop, start: number, end: number): void {
  for (let i = start; i < end; i += step) {
    g.block(() => {
      g.bind(name, { dtype: 'i32', lanes: 1, literal: i, index: constant(i) })
      writeBlock(g, body)
    })
  }
}

/**
 * if (start < end) { i = start; do { body; pointers move; i += step } while (i < end) }
 * The end is computed once. The first test is left out where both bounds are literals.
 */
function runningLoop(
  g: Generator,
  loop: Loop,
  start: Polynomial,
  end: Polynomial,
  runsAtLeastOnce: boolean,
): void {
  g.withTemps(['i32'], (last) => {
    const variable = g.newLocal('i32') // it ends with the block that binds it
    g.polynomial(start)
    g.set(variable)
    const pushEnd = isConstant(end) ? () => g.int(end.constant) : () => g.get(last!)
    if (!isConstant(end)) {
      g.polynomial(end)
      g.set(last!)
    }
    if (!runsAtLeastOnce) {
      g.get(variable)
      pushEnd()
      g.op(i32.ltS).op(control.if).op(control.empty)
    }
    g.block(() => loopBody(g, loop, variable, pushEnd))
    if (!runsAtLeastOnce) g.op(control.end)
  })
}

function loopBody(g: Generator, loop: Loop, local: number, pushEnd: () => void): void {
  const atom = g.variableAtom(local)
  g.bind(loop.name, { dtype: 'i32', lanes: 1, local, index: ofAtom(atom) })
  const pointers = findPointers(g, loop, atom.key, (name) => indexOfName(g, name))
  const moves = pointers.map((pointer) => keepPointer(g, pointer, loop.step))
  g.op(control.loop).op(control.empty)
  writeBlock(g, loop.body)
  for (const move of moves) move.advance()
  g.get(local)
  g.int(loop.step)
  g.op(i32.add).tee(local)
  pushEnd()
  g.op(i32.ltS).op(control.brIf).code.u32(0)
  g.op(control.end)
  for (const { key } of pointers) g.pointers.delete(key)
  for (const { locals } of moves) for (const used of locals) g.release(used)
}

function indexOfName(g: Generator, name: string): Polynomial {
  return g.lookup(name).index ?? g.opaque(() => {})
}

interface Move {
  readonly locals: readonly number[]
  readonly advance: () => unknown
}

/** Sets a local to the pointer's address (the loop variable has its first value) before the loop. */
function keepPointer(g: Generator, { key, buffer, bytes, slope }: Pointer, step: number): Move {
  const pointer = g.newLocal('i32')
  g.pointer(g.buffer(buffer), bytes)
  g.set(pointer)
  g.pointers.set(key, pointer)
  const stride = scale(slope, step)
  if (isConstant(stride)) {
    const push = () => g.int(stride.constant)
    return { locals: [pointer], advance: () => stride.constant !== 0 && advance(g, pointer, push) }
  }
  const by = g.newLocal('i32')
  g.polynomial(stride)
  g.set(by)
  return { locals: [pointer, by], advance: () => advance(g, pointer, () => g.get(by)) }
}

function advance(g: Generator, pointer: number, pushStride: () => void): void {
  g.get(pointer)
  pushStride()
  g.op(i32.add).set(pointer)
}
