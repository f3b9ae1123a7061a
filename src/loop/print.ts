import type { Arg, BinaryOp, Expr, Func, Kernel, Param, Program, Stmt, UnaryOp } from './ir.ts'

/** Infix signs; the other binary ops are printed as calls. */
const signs: { readonly [O in BinaryOp]: string | undefined } = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  rem: '%',
  min: undefined,
  max: undefined,
  and: '&',
  or: '|',
  xor: '^',
  shl: '<<',
  shr: '>>>',
  lt: '<',
  le: '<=',
  eq: '==',
  ne: '!=',
}

const prefixes: { readonly [O in UnaryOp]?: string } = { neg: '-', not: '!' }

/**
 * A program as short text: `for i in 0..24 step 16:`, `out[i:16] = max(x[i:16] + b, 0)`. Lanes are
 * shown where memory is read or written (`x[i:16]`) and where a scalar spreads (`splat16(x)`).
 */
export function printProgram(program: Program): string {
  const buffers = program.buffers.map(
    ({ name, dtype, size, slot, offset, advances = [] }) =>
      `buffer ${name}: ${dtype}[${size}] at slot ${slot}${offset > 0 ? ` + ${offset}` : ''}${advances.map(({ counter, bytes }) => ` + ${bytes}·${counter}[0]`).join('')}`,
  )
  const loops = (program.loops ?? []).map(
    ({ first, last, times, counter }) =>
      `loop: kernels ${program.kernels[first]?.name} … ${program.kernels[last]?.name}, ${times} times by ${counter}`,
  )
  const parts = [
    [`program: ${program.slots} slots, arena ${program.arenaBytes} bytes`, ...buffers, ...loops],
    ...program.functions.map(functionLines),
    ...program.kernels.map(kernelLines),
  ]
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function functionLines({ name, params, body }: Func): string[] {
  return [`func ${name}(${params.map(paramText).join(', ')}):`, ...indent(body)]
}

function paramText(param: Param): string {
  if (param.kind === 'value') return `${param.name}: ${param.dtype}`
  return `${param.name}: ${param.writable ? 'mut ' : ''}${param.dtype}*`
}

function kernelLines({ name, chunks, scratch, body, origin }: Kernel): string[] {
  return [
    `kernel ${name}  # ${origin}`,
    ...scratch.map((array) => `  scratch ${array.name}: ${array.dtype}[${array.size}]`),
    `  for chunk in 0..${chunks} parallel:`,
    ...indent(body).map((line) => `  ${line}`),
  ]
}

function indent(body: readonly Stmt[]): string[] {
  const lines = body.length > 0 ? body.flatMap(statementLines) : ['pass']
  return lines.map((line) => `  ${line}`)
}

/** One statement as text, without its blocks: for messages. */
export function printStatement(stmt: Stmt): string {
  return statementLines(stmt)[0]!
}

function statementLines(stmt: Stmt): string[] {
  const text = (expr: Expr) => strip(printExpression(expr))
  switch (stmt.kind) {
    case 'let':
      return [`let ${stmt.name} = ${text(stmt.value)}`]
    case 'reg':
      return [`reg ${stmt.name} = ${text(stmt.init)}`]
    case 'set':
      return [`${stmt.name} = ${text(stmt.value)}`]
    case 'store':
      return [`${element(stmt.buffer, stmt.index, stmt.value.lanes)} = ${text(stmt.value)}`]
    case 'for': {
      const step = stmt.step === 1 ? '' : ` step ${stmt.step}`
      const bounds = `${printExpression(stmt.start)}..${printExpression(stmt.end)}`
      const head = `for ${stmt.name} in ${bounds}${step}${stmt.unroll ? ' unrolled' : ''}:`
      return [head, ...indent(stmt.body)]
    }
    case 'if': {
      const otherwise = stmt.no.length > 0 ? ['else:', ...indent(stmt.no)] : []
      return [`if ${text(stmt.cond)}:`, ...indent(stmt.yes), ...otherwise]
    }
    case 'call':
      return [`${stmt.func}(${stmt.args.map(argText).join(', ')})`]
    case 'comment':
      return [`# ${stmt.text}`]
  }
}

function argText(arg: Arg): string {
  if (arg.kind === 'value') return strip(printExpression(arg.value))
  return `&${element(arg.buffer, arg.offset, 1)}`
}

const element = (buffer: string, index: Expr, lanes: number): string =>
  `${buffer}[${strip(printExpression(index))}${lanes > 1 ? `:${lanes}` : ''}]`

/** An expression as text, in parentheses where it is an infix one. */
export function printExpression(expr: Expr): string {
  const text = (x: Expr) => strip(printExpression(x))
  switch (expr.kind) {
    case 'const':
      return constant(expr)
    case 'var':
      return expr.name
    case 'unary': {
      const prefix = prefixes[expr.op]
      return prefix ? `${prefix}${printExpression(expr.x)}` : `${expr.op}(${text(expr.x)})`
    }
    case 'binary': {
      const sign = signs[expr.op]
      if (!sign) return `${expr.op}(${text(expr.a)}, ${text(expr.b)})`
      return `(${printExpression(expr.a)} ${sign} ${printExpression(expr.b)})`
    }
    case 'fma':
      return `fma(${[expr.a, expr.b, expr.c].map(text).join(', ')})`
    case 'select':
      return `select(${[expr.cond, expr.yes, expr.no].map(text).join(', ')})`
    case 'load':
      return element(expr.buffer, expr.index, expr.lanes)
    case 'splat':
      return `splat${expr.lanes}(${text(expr.x)})`
    case 'pack':
      return `pack(${expr.items.map(text).join(', ')})`
    case 'ramp':
      return `ramp${expr.lanes}(${text(expr.base)})`
    case 'shuffle':
      return `shuffle(${text(expr.a)}, ${text(expr.b)}, [${expr.pick.join(' ')}])`
    case 'extract':
      return `${printExpression(expr.x)}.${expr.lane}`
    case 'fold':
      return `fold_${expr.op}(${text(expr.x)})`
  }
}

function constant({ dtype, value }: Expr & { kind: 'const' }): string {
  if (dtype === 'bool') return value ? 'true' : 'false'
  if (dtype === 'i32') return String(value)
  const rounded = Math.fround(value)
  const short = Number(rounded.toPrecision(7))
  const text = String(Math.fround(short) === rounded ? short : rounded)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** Without the parentheses around the whole. */
function strip(text: string): string {
  if (!text.startsWith('(')) return text
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')') depth--
    if (depth === 0) return i === text.length - 1 ? text.slice(1, -1) : text
  }
  return text
}
