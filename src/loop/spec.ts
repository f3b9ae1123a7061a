import { BrickError } from '../base/errors.ts'
import type { Expr, Func, Kernel, Program, RegisterType, Stmt, StorageType } from './ir.ts'
import { CHUNK, registerOf, storageBytes } from './ir.ts'
import { printStatement } from './print.ts'
import { binaryTypes, foldTypes, unaryTypes } from './types.ts'
import { operands } from './walk.ts'

/** What a name stands for. */
type Entry =
  | { readonly kind: 'value'; readonly dtype: RegisterType; readonly lanes: number }
  | { readonly kind: 'reg'; readonly dtype: RegisterType; readonly lanes: number }
  | { readonly kind: 'memory'; readonly dtype: StorageType; readonly writable: boolean }

type Names = ReadonlyMap<string, Entry>

/**
 * The loop language's rules, as far as they can be checked without running the program: names,
 * types, lanes, calls, declarations. Bounds of memory are the compiler's duty.
 *
 * @throws BrickError of kind 'internal' that names the kernel and the statement.
 */
export function checkProgram(program: Program): void {
  const memory = new Map<string, Entry>()
  for (const buffer of program.buffers) checkBuffer(buffer, program, memory)
  const functions = new Map<string, Func>()
  for (const func of program.functions) {
    new Checker(`func ${func.name}`, functions).func(func)
    if (functions.has(func.name)) fail(`func ${func.name}`, 'two functions of this name')
    functions.set(func.name, func)
  }
  for (const kernel of program.kernels) {
    new Checker(`kernel ${kernel.name}`, functions).kernel(kernel, memory)
  }
  checkLoops(program)
}

function checkLoops({ loops = [], kernels, buffers }: Program): void {
  const ends = new Set<number>()
  for (const { first, last, times, counter } of loops) {
    const where = `loop over kernels ${first} … ${last}`
    if (!isCount(first, 0) || !isCount(last, first) || last >= kernels.length)
      fail(where, `${kernels.length} kernels`, 'kernels of the program, in order')
    if (!isCount(times, 1)) fail(where, `${times} rounds`, 'at least 1')
    if (ends.has(last)) fail(where, 'another loop that ends with the same kernel')
    ends.add(last)
    checkCounter(where, counter, buffers)
    const crossing = loops.some((o) => first < o.first && o.first <= last && last < o.last)
    if (crossing) fail(where, 'a loop that ends outside', 'loops inside or outside one another')
  }
  for (const { name, advances = [] } of buffers)
    for (const { counter } of advances) checkCounter(`buffer ${name}`, counter, buffers)
}

function checkCounter(where: string, counter: string, buffers: Program['buffers']): void {
  const found = buffers.find(({ name }) => name === counter)
  const fits = found?.dtype === 'i32' && found.slot === 0 && !found.advances?.length
  if (!fits) fail(where, `${counter} as the counter`, 'an i32 in the arena that stays where it is')
}

function fail(where: string, got: string, wanted?: string): never {
  const parts = wanted === undefined ? { got } : { got, wanted }
  throw new BrickError({ kind: 'internal', where, ...parts })
}

function checkBuffer(
  { name, dtype, size, slot, offset, advances }: Program['buffers'][number],
  program: Program,
  memory: Map<string, Entry>,
): void {
  const where = `buffer ${name}`
  if (memory.has(name)) fail(where, 'two buffers of this name')
  if (!isName(name)) fail(where, JSON.stringify(name), 'a name of letters, digits and _')
  if (!isCount(size, 0)) fail(where, `size ${size}`, 'a whole number')
  if (!isCount(slot, 0) || slot >= program.slots) {
    fail(where, `slot ${slot}`, `a slot below ${program.slots}`)
  }
  const unit = advances ? storageBytes[dtype] : 64
  if (!isCount(offset, 0) || offset % unit !== 0) {
    fail(where, `offset ${offset}`, `a multiple of ${unit}`)
  }
  if (slot === 0 && offset + size * storageBytes[dtype] > program.arenaBytes) {
    fail(where, `its end at ${offset + size * storageBytes[dtype]}`, 'an end inside the arena')
  }
  memory.set(name, { kind: 'memory', dtype, writable: true })
}

const isName = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name)
const isCount = (x: number, least: number): boolean => Number.isSafeInteger(x) && x >= least
const show = (dtype: string, lanes: number): string => (lanes === 1 ? dtype : `${dtype}×${lanes}`)

/** Checks one kernel or function. */
class Checker {
  private readonly place: string
  private readonly functions: ReadonlyMap<string, Func>
  private where: string

  constructor(place: string, functions: ReadonlyMap<string, Func>) {
    this.place = place
    this.functions = functions
    this.where = place
  }

  kernel({ chunks, scratch, body }: Kernel, memory: Names): void {
    if (!isCount(chunks, 1)) this.fail(`${chunks} chunks`, 'at least 1')
    const names = new Map(memory)
    for (const { name, dtype, size } of scratch) {
      if (!isCount(size, 1)) this.fail(`scratch ${name} of ${size} elements`, 'at least 1')
      this.declare(names, name, { kind: 'memory', dtype, writable: true })
    }
    this.declare(names, CHUNK, { kind: 'value', dtype: 'i32', lanes: 1 })
    this.block(body, names)
  }

  func({ name, params, body }: Func): void {
    if (!isName(name)) this.fail(JSON.stringify(name), 'a name of letters, digits and _')
    const names = new Map<string, Entry>()
    for (const param of params) {
      const { dtype } = param
      if (param.kind === 'value') {
        this.declare(names, param.name, { kind: 'value', dtype: param.dtype, lanes: 1 })
      } else {
        const { writable } = param
        this.declare(names, param.name, { kind: 'memory', dtype: dtype as StorageType, writable })
      }
    }
    this.block(body, names)
  }

  private fail(got: string, wanted?: string): never {
    return fail(this.where, got, wanted)
  }

  private declare(names: Map<string, Entry>, name: string, entry: Entry): void {
    if (!isName(name)) this.fail(JSON.stringify(name), 'a name of letters, digits and _')
    if (names.has(name)) this.fail(`${name}, which is taken`, 'a name that is new in its scope')
    names.set(name, entry)
  }

  private block(body: readonly Stmt[], outer: Names): void {
    const names = new Map(outer)
    for (const stmt of body) {
      this.where = `${this.place}: ${printStatement(stmt)}`
      this.statement(stmt, names)
    }
  }

  private statement(stmt: Stmt, names: Map<string, Entry>): void {
    switch (stmt.kind) {
      case 'let':
      case 'reg': {
        const value = stmt.kind === 'let' ? stmt.value : stmt.init
        this.expr(value, names)
        const { dtype, lanes } = value
        this.declare(names, stmt.name, {
          kind: stmt.kind === 'let' ? 'value' : 'reg',
          dtype,
          lanes,
        })
        return
      }
      case 'set':
        this.set(stmt, names)
        return
      case 'store':
        this.store(stmt, names)
        return
      case 'for':
        this.loop(stmt, names)
        return
      case 'if':
        this.want(stmt.cond, 'bool', 1, names, 'the condition')
        this.block(stmt.yes, names)
        this.block(stmt.no, names)
        return
      case 'call':
        this.call(stmt, names)
        return
      case 'comment':
    }
  }

  private set({ name, value }: Stmt & { kind: 'set' }, names: Names): void {
    const register = names.get(name)
    if (register?.kind !== 'reg') this.fail(`${name}, which is no register`, 'a register')
    this.want(value, register.dtype, register.lanes, names, 'the value')
  }

  private store({ buffer, index, value }: Stmt & { kind: 'store' }, names: Names): void {
    const memory = this.memory(buffer, names)
    if (!memory.writable) this.fail(`a store to ${buffer}`, 'a writable pointer')
    this.want(index, 'i32', 1, names, 'the index')
    this.want(value, registerOf[memory.dtype], value.lanes, names, 'the value')
  }

  private loop(stmt: Stmt & { kind: 'for' }, outer: Names): void {
    this.want(stmt.start, 'i32', 1, outer, 'the start')
    this.want(stmt.end, 'i32', 1, outer, 'the end')
    if (!isCount(stmt.step, 1)) this.fail(`step ${stmt.step}`, 'at least 1')
    if (stmt.unroll && (stmt.start.kind !== 'const' || stmt.end.kind !== 'const')) {
      this.fail('an unrolled loop with dynamic bounds', 'literal bounds')
    }
    const names = new Map(outer)
    this.declare(names, stmt.name, { kind: 'value', dtype: 'i32', lanes: 1 })
    this.block(stmt.body, names)
  }

  private call({ func, args }: Stmt & { kind: 'call' }, names: Names): void {
    const params = this.functions.get(func)?.params
    if (!params) this.fail(`${func}, which is not declared before`, 'a function of the program')
    if (args.length !== params.length) {
      this.fail(`${args.length} arguments`, `${params.length} for ${func}`)
    }
    for (const [i, arg] of args.entries()) {
      const param = params[i]!
      if (arg.kind !== param.kind) this.fail(`a ${arg.kind} for ${param.name}`, `a ${param.kind}`)
      if (arg.kind === 'value') {
        this.want(arg.value, 'i32', 1, names, param.name)
        continue
      }
      const memory = this.memory(arg.buffer, names)
      if (memory.dtype !== param.dtype) {
        this.fail(`${arg.buffer} of ${memory.dtype} for ${param.name}`, param.dtype)
      }
      if (param.kind === 'pointer' && param.writable && !memory.writable) {
        this.fail(`${arg.buffer} for ${param.name}`, 'a writable pointer')
      }
      this.want(arg.offset, 'i32', 1, names, 'the offset')
    }
  }

  private memory(name: string, names: Names): Entry & { kind: 'memory' } {
    const entry = names.get(name)
    if (entry?.kind === 'memory') return entry
    return this.fail(`${name}, which is not declared`, 'a buffer, scratch array or pointer')
  }

  /** Checks an expression that must have this type. */
  private want(expr: Expr, dtype: RegisterType, lanes: number, names: Names, what: string): void {
    this.expr(expr, names)
    if (expr.dtype === dtype && expr.lanes === lanes) return
    this.fail(`${what} of ${show(expr.dtype, expr.lanes)}`, show(dtype, lanes))
  }

  /** Checks an expression from the inside out: each part's type follows from its operands. */
  private expr(expr: Expr, names: Names): void {
    const { lanes } = expr
    if (!isCount(lanes, 1) || (lanes & (lanes - 1)) !== 0) {
      this.fail(`${lanes} lanes`, 'a power of two')
    }
    for (const operand of operands(expr)) this.expr(operand, names)
    const problem = this.typeProblem(expr, names)
    if (problem) this.fail(`${expr.kind} of ${show(expr.dtype, lanes)}`, problem)
  }

  /** What is wrong with an expression whose operands are right; undefined if nothing is. */
  private typeProblem(expr: Expr, names: Names): string | undefined {
    const like = (x: Expr, dtype = expr.dtype, lanes = expr.lanes) =>
      x.dtype === dtype && x.lanes === lanes
    const lanesOf = (x: Expr) => like(x, x.dtype)
    switch (expr.kind) {
      case 'const':
        return constantProblem(expr)
      case 'var': {
        const entry = names.get(expr.name)
        if (!entry) return `the name ${expr.name} to be declared before`
        if (entry.kind === 'memory') return `${expr.name} to be a value, not memory`
        return like(expr, entry.dtype, entry.lanes) ? undefined : show(entry.dtype, entry.lanes)
      }
      case 'unary':
        if (!unaryTypes[expr.op][expr.x.dtype]) return `${expr.op} to take no ${expr.x.dtype}`
        return unaryTypes[expr.op][expr.x.dtype] === expr.dtype && lanesOf(expr.x)
          ? undefined
          : show(unaryTypes[expr.op][expr.x.dtype]!, expr.x.lanes)
      case 'binary': {
        const { op, a, b, lanes } = expr
        if (!like(a, b.dtype, b.lanes)) return 'operands of one type'
        if (!binaryTypes[op][a.dtype]) return `${op} to take no ${a.dtype}`
        if (a.dtype === 'i32' && (op === 'div' || op === 'rem') && lanes > 1) {
          return `${op} of i32 with scalars only`
        }
        const result = binaryTypes[op][a.dtype]!
        return result === expr.dtype && lanesOf(a) ? undefined : show(result, a.lanes)
      }
      case 'fma':
        return expr.dtype === 'f32' && operands(expr).every((x) => like(x))
          ? undefined
          : 'three operands of one f32 type'
      case 'select': {
        if (!like(expr.yes) || !like(expr.no)) return 'both sides of the result’s type'
        const { dtype, lanes } = expr.cond
        return dtype === 'bool' && (lanes === 1 || lanes === expr.lanes)
          ? undefined
          : `a condition of bool or ${show('bool', expr.lanes)}`
      }
      case 'load': {
        const { dtype } = this.memory(expr.buffer, names)
        if (!like(expr.index, 'i32', 1)) return 'an i32 scalar as the index'
        return registerOf[dtype] === expr.dtype ? undefined : registerOf[dtype]
      }
      case 'splat':
        return like(expr.x, expr.dtype, 1) && expr.lanes > 1 ? undefined : 'a scalar to spread'
      case 'pack':
        return expr.items.length === expr.lanes && expr.items.every((x) => like(x, expr.dtype, 1))
          ? undefined
          : 'one scalar for each lane'
      case 'ramp':
        return like(expr.base, 'i32', 1) && expr.dtype === 'i32' ? undefined : 'i32 from an i32'
      case 'shuffle':
        return expr.lanes > 1 &&
          expr.dtype !== 'bool' &&
          [expr.a, expr.b].every((x) => like(x, expr.dtype, expr.lanes)) &&
          expr.pick.length === expr.lanes &&
          expr.pick.every((lane) => isCount(lane, 0) && lane < 2 * expr.lanes)
          ? undefined
          : 'two vectors of a kind and a lane of theirs for each lane'
      case 'extract':
        return like(expr.x, expr.dtype, expr.x.lanes) &&
          isCount(expr.lane, 0) &&
          expr.lane < expr.x.lanes &&
          expr.lanes === 1
          ? undefined
          : 'a lane that the vector has'
      case 'fold':
        return expr.x.lanes > 1 &&
          expr.x.dtype === expr.dtype &&
          expr.lanes === 1 &&
          foldTypes[expr.op].includes(expr.dtype)
          ? undefined
          : `a vector that ${expr.op} folds, and its scalar type`
    }
  }
}

function constantProblem({ dtype, value }: Expr & { kind: 'const' }): string | undefined {
  if (dtype === 'bool') return value === 0 || value === 1 ? undefined : '0 or 1'
  if (dtype === 'i32') return value === (value | 0) ? undefined : 'a whole number of 32 bits'
  return undefined
}
