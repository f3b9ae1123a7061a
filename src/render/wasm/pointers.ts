import type { Expr, Stmt } from '../../loop/ir.ts'
import { storageBytes } from '../../loop/ir.ts'
import { operands } from '../../loop/walk.ts'
import { type Generator, pointerKey, splitOffset } from './generator.ts'
import { type IndexContext, indexOf, isPlain } from './indices.ts'
import type { Polynomial } from './polynomial.ts'
import { atomsOf, constant, isConstant, scale, slopeOf } from './polynomial.ts'

/** An address that can be kept in a local throughout a loop: fixed, or moving by a fixed step. */
export interface Pointer {
  readonly key: string
  readonly buffer: string
  /** In bytes from the buffer's start. */
  readonly bytes: Polynomial
  /** Bytes per unit of the loop variable. */
  readonly slope: Polynomial
}

/** More addresses than this at once are not kept in locals: registers would run out. */
const MOST_POINTERS = 8

/**
 * The addresses in a loop's body, nested loops included, that are linear in the loop's variable and
 * otherwise built from what is known before the loop. Engines do not find these by themselves.
 */
export function findPointers(
  g: Generator,
  loop: Stmt & { readonly kind: 'for' },
  variable: string,
  outer: (name: string) => Polynomial,
): Pointer[] {
  const scan = new Scan(g, variable, outer)
  scan.block(loop.body, new Map([[loop.name, outer(loop.name)]]))
  const ranked = [...scan.found.values()].sort((a, b) => b.uses - a.uses)
  return ranked.slice(0, MOST_POINTERS).map(({ pointer }) => pointer)
}

type Names = Map<string, Polynomial>

/** Walks a body without writing code. */
class Scan {
  readonly found = new Map<string, { pointer: Pointer; uses: number }>()
  readonly #g: Generator
  readonly #variable: string
  readonly #outer: (name: string) => Polynomial
  readonly #unknown: Polynomial

  constructor(g: Generator, variable: string, outer: (name: string) => Polynomial) {
    this.#g = g
    this.#variable = variable
    this.#outer = outer
    this.#unknown = g.opaque(() => {})
  }

  block(body: readonly Stmt[], outer: Names): void {
    const names = new Map(outer)
    for (const stmt of body) this.#statement(stmt, names)
  }

  #statement(stmt: Stmt, names: Names): void {
    for (const e of expressionsOf(stmt)) this.#expression(e, names)
    if (stmt.kind === 'let') names.set(stmt.name, this.#valueOf(stmt.value, names))
    if (stmt.kind === 'reg') names.set(stmt.name, this.#unknown)
    if (stmt.kind === 'store') this.#access(stmt.buffer, stmt.index, names)
    if (stmt.kind === 'for') this.#loop(stmt, names)
    if (stmt.kind === 'if') {
      this.block(stmt.yes, names)
      this.block(stmt.no, names)
    }
  }

  #valueOf(value: Expr, names: Names): Polynomial {
    if (value.dtype !== 'i32' || value.lanes !== 1) return this.#unknown
    const index = this.#index(value, names)
    return isPlain(index) ? index : this.#unknown
  }

  #loop(loop: Stmt & { readonly kind: 'for' }, names: Names): void {
    if (!loop.unroll) {
      this.block(loop.body, new Map(names).set(loop.name, this.#unknown))
      return
    }
    const end = this.#index(loop.end, names).constant
    for (let i = this.#index(loop.start, names).constant; i < end; i += loop.step) {
      this.block(loop.body, new Map(names).set(loop.name, constant(i)))
    }
  }

  #expression(e: Expr, names: Names): void {
    if (e.kind === 'load') this.#access(e.buffer, e.index, names)
    for (const child of operands(e)) this.#expression(child, names)
  }

  #access(buffer: string, index: Expr, names: Names): void {
    const inBytes = storageBytes[this.#g.buffer(buffer).dtype]
    const { rest: bytes } = splitOffset(scale(this.#index(index, names), inBytes))
    const key = pointerKey(buffer, bytes)
    const known = this.found.get(key)
    if (known) known.uses++
    if (known || isConstant(bytes) || this.#g.pointers.has(key)) return
    if (!atomsOf(bytes).every(({ fixed }) => fixed)) return
    const slope = slopeOf(bytes, this.#variable)
    if (slope) this.found.set(key, { pointer: { key, buffer, bytes, slope }, uses: 1 })
  }

  #index(e: Expr, names: Names): Polynomial {
    const context: IndexContext = {
      variable: (name) => names.get(name) ?? this.#outer(name),
      opaque: () => this.#unknown,
      push: (p) => this.#g.polynomial(p),
      op: (code) => this.#g.op(code),
    }
    return indexOf(e, context)
  }
}

/** Expressions of a statement itself, whose loads count. A call's addresses are made only once. */
function expressionsOf(stmt: Stmt): readonly Expr[] {
  switch (stmt.kind) {
    case 'let':
    case 'set':
      return [stmt.value]
    case 'reg':
      return [stmt.init]
    case 'store':
      return [stmt.index, stmt.value]
    case 'if':
      return [stmt.cond]
    case 'for':
    case 'call':
    case 'comment':
      return []
  }
}
