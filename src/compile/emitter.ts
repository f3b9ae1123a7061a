import type { DType } from '../base/dtype.ts'
import type { Node } from '../graph/node.ts'
import { threefry, type WordAlgebra } from '../graph/threefry.ts'
import {
  add,
  binary,
  bool,
  declare,
  extract,
  f32,
  i32,
  load,
  loop,
  mul,
  pack,
  select,
  variable,
  widen,
} from '../loop/build.ts'
import type { Expr, Stmt } from '../loop/ir.ts'
import { printExpression } from '../loop/print.ts'
import {
  type Address,
  addressOf,
  clamped,
  divided,
  isRun,
  laneOf,
  remainders,
  spread,
} from './address.ts'
import { holdsFor } from './guards.ts'
import { between, exactly, type Known, plus, times } from './known.ts'
import { dependencies } from './nest.ts'
import { picked } from './picked.ts'
import { type Atom, type Loop, type Position, withoutLoop } from './position.ts'
import { scalarRow } from './scalar.ts'
import type { Value } from './value.ts'

/** A loop variable (or part of one) as the kernel has it: low ≤ its weight in the flat loop < high. */
export interface Place {
  readonly loop: Loop
  readonly low: number
  readonly high: number
  /** A scalar i32: the value in lane 0. */
  readonly value: Expr
  /** Depth of the block that changes it. */
  readonly depth: number
  /** Each lane has the next value, or the one `step` after. */
  readonly vector: boolean
  readonly step?: number
  /** What is known of the value in lane 0; absent: the digit's range. */
  readonly known?: Known
  /** Tells apart values of this place that come one after the other at the same depth. */
  readonly version?: string
}

interface Block {
  readonly statements: Stmt[]
  /** Values, addresses and loads named in this block; forgotten with it. */
  readonly values: Map<string, Expr>
  readonly addresses: Map<string, Expr>
}

/** How the memory of a stored node is called. `row`: it holds one round of this loop, which positions leave out. */
export type Memory = (node: Node) => {
  readonly buffer: string
  readonly dtype: DType
  readonly row?: Loop
}

/**
 * Writes the statements of one kernel: nested blocks, outermost first. Every value is computed in
 * the outermost block where all that it depends on is known, and once.
 */
export class Emitter {
  /** Lanes of what depends on a vector place. */
  lanes = 1
  private readonly memory: Memory
  /** Guards hold and limits don't bind: how most rounds of a loop look. */
  private readonly hopeful: boolean
  private readonly blocks: Block[] = []
  private places: Place[] = []
  /** Nodes that the kernel itself writes, and the depth below which they are read. */
  private own: { readonly nodes: ReadonlySet<Node>; readonly depth: number } = {
    nodes: new Set(),
    depth: 0,
  }
  private readonly registers = new Map<string, { value: Expr; depth: number }>()
  private names = 0

  constructor(memory: Memory, hopeful = false) {
    this.memory = memory
    this.hopeful = hopeful
    this.open()
  }

  get depth(): number {
    return this.blocks.length - 1
  }

  fresh(prefix: string): string {
    return `${prefix}${this.names++}`
  }

  emit(statement: Stmt, depth = this.depth): void {
    this.blocks[depth]!.statements.push(statement)
  }

  emitAll(statements: readonly Stmt[]): void {
    for (const statement of statements) this.emit(statement)
  }

  private open(): void {
    this.blocks.push({ statements: [], values: new Map(), addresses: new Map() })
  }

  /** Runs `body` in a block of its own and returns its statements. */
  block(body: () => void): Stmt[] {
    this.open()
    const before = this.places
    body()
    this.places = before
    return this.blocks.pop()!.statements
  }

  /** Runs `body` in a block of its own, whose statements join the present one. */
  inline(body: () => void): void {
    this.emitAll(this.block(body))
  }

  /** for (name = start; name < end; name += step) { body(name) }, in the present block. */
  loop(
    prefix: string,
    end: Expr,
    body: (index: Expr) => void,
    options: { start?: Expr; step?: number; unroll?: boolean } = {},
  ): void {
    const name = this.fresh(prefix)
    const { start = i32(0), step = 1, unroll = false } = options
    const statements = this.block(() => body(variable(name)))
    this.emit(loop(name, start, end, statements, { step, unroll }))
  }

  bind(place: Omit<Place, 'depth'>, depth = this.depth): void {
    this.places = [...this.places, { ...place, depth }]
  }

  /** What these nodes hold is written in the present block, so it is read no further outside. */
  owns(nodes: ReadonlySet<Node>): void {
    this.own = { nodes, depth: this.depth }
  }

  /** Makes a register readable as a value. */
  define(name: string, value: Expr, depth = this.depth): void {
    this.registers.set(name, { value, depth })
  }

  /** A name for an expression, in the block of `depth`. Literals and names stay as they are. */
  name(value: Expr, depth = this.depth, prefix = 't'): Expr {
    if (value.kind === 'const' || value.kind === 'var') return value
    const name = this.fresh(prefix)
    this.emit(declare(name, value), depth)
    return variable(name, value.dtype, value.lanes)
  }

  /** All statements of the outermost block. */
  finish(): Stmt[] {
    return this.blocks[0]!.statements
  }

  // positions --------------------------------------------------------------------------------

  /** A position as an address, its parts summed in the outermost blocks that know them. */
  address(position: Position): Address {
    return this.sum(
      position.terms.map(({ factor, atom }) => ({ factor, part: this.atom(atom) })),
      position.constant,
    )
  }

  private sum(
    parts: readonly { readonly factor: number; readonly part: Address }[],
    constant: number,
  ): Address {
    const depth = Math.max(0, ...parts.map(({ part }) => part.depth))
    const known = parts.reduce(
      (all, { factor, part }) => plus(all, times(part.known, factor)),
      exactly(constant),
    )
    const each = Array.from({ length: this.lanes }, (_, lane) => lane)
    if (parts.some(({ part }) => part.lanes)) {
      const lanes = each.map((lane) =>
        parts.reduce<Expr>(
          (sum, { factor, part }) => add(sum, mul(laneOf(part, lane), i32(factor))),
          i32(constant),
        ),
      )
      return { base: lanes[0]!, known, depth, lanes }
    }
    let sum = i32(0)
    let key = ''
    for (let d = 0; d <= depth; d++) {
      const here = parts.filter(({ part }) => part.depth === d)
      if (here.length === 0) continue
      for (const { factor, part } of here) {
        sum = add(sum, mul(part.base, i32(factor)))
        key += `+${factor}*${textOf(part.base)}`
      }
      if (d < depth) sum = this.named(sum, key, d)
    }
    const offsets = each.map((lane) =>
      parts.reduce((total, { factor, part }) => total + factor * (part.offsets?.[lane] ?? 0), 0),
    )
    return addressOf(add(sum, i32(constant)), known, depth, offsets)
  }

  private named(value: Expr, key: string, depth: number, prefix = 'a'): Expr {
    if (value.kind === 'const' || value.kind === 'var') return value
    const block = this.blocks[depth]!
    const known = block.addresses.get(key)
    if (known) return known
    const named = this.name(value, depth, prefix)
    block.addresses.set(key, named)
    return named
  }

  private atom(atom: Atom): Address {
    switch (atom.kind) {
      case 'digit':
        return this.digit(atom)
      case 'data': {
        const { value, depth } = this.lower(atom.value as Value)
        const limited = this.name(
          binary('max', binary('min', value, i32(atom.limit - 1)), i32(0)),
          depth,
        )
        const known = between(0, atom.limit - 1)
        if (limited.lanes === 1) return { base: limited, known, depth }
        const lanes = Array.from({ length: limited.lanes }, (_, lane) => extract(limited, lane))
        return { base: lanes[0]!, known, depth, lanes }
      }
      case 'clamp': {
        const of = this.address(atom.of)
        return this.hopeful ? of : clamped(of, atom.limit, this.lanes)
      }
      case 'div':
        return divided(this.address(atom.of), atom.by, this.lanes)
      case 'mod':
        return remainders(this.address(atom.of), atom.by, this.lanes)
    }
  }

  /** A digit from the places that hold it: whole ones, or parts decoded from larger ones. */
  private digit({ loop: flat, low, high }: Extract<Atom, { kind: 'digit' }>): Address {
    const parts: { factor: number; part: Address }[] = []
    for (let at = low; at < high; ) {
      const place = this.places.findLast((p) => p.loop === flat && p.low <= at && at < p.high)
      if (!place) throw new Error(`no place for ${flat.name}[${low},${high}]`)
      const next = Math.min(high, place.high)
      const above = divided(this.placed(place), at / place.low, this.lanes)
      const part = next < place.high ? remainders(above, next / at, this.lanes) : above
      const key = `${flat.name} ${at} ${next} ${textOf(place.value)}`
      parts.push({
        factor: at / low,
        part: { ...part, base: this.named(part.base, key, part.depth) },
      })
      at = next
    }
    return parts.length === 1 ? parts[0]!.part : this.sum(parts, 0)
  }

  private placed(place: Place): Address {
    const { value, depth, vector, step = 1 } = place
    const known = place.known ?? between(0, Math.ceil(place.high / place.low) - 1)
    if (!vector || this.lanes === 1) return { base: value, known, depth }
    return addressOf(
      value,
      known,
      depth,
      Array.from({ length: this.lanes }, (_, lane) => lane * step),
    )
  }

  // values -----------------------------------------------------------------------------------

  /** The register value of a scalar of the graph, and the depth at which it is known. */
  lower(value: Value): { value: Expr; depth: number } {
    const key = this.keyOf(value)
    for (let depth = this.depth; depth >= 0; depth--) {
      const known = this.blocks[depth]!.values.get(key)
      if (known) return { value: known, depth }
    }
    const { value: expr, depth } = this.compute(value)
    const named = this.name(expr, depth)
    this.blocks[depth]!.values.set(key, named)
    return { value: named, depth }
  }

  /** A value in so many lanes; a scalar is spread over them where it is known, not in each round. */
  widened(value: Value, lanes: number): Expr {
    const { value: known, depth } = this.lower(value)
    if (known.lanes === lanes || known.kind === 'const' || depth === this.depth)
      return widen(known, lanes)
    return this.named(widen(known, lanes), `${lanes} × ${textOf(known)}`, depth, 't')
  }

  /** A value, and the versions of what it depends on. */
  private keyOf(value: Value): string {
    const { digits, registers } = dependencies(value)
    let key = String(value.id)
    for (const { loop: flat, low, high, version } of this.places) {
      if (version === undefined) continue
      if (digits.some((digit) => digit.loop === flat && digit.low < high && low < digit.high))
        key += ` ${flat.name}${low}=${version}`
    }
    for (const name of registers) {
      const held = this.registers.get(name)
      if (held) key += ` ${textOf(held.value)}`
    }
    return key
  }

  private compute(value: Value): { value: Expr; depth: number } {
    switch (value.kind) {
      case 'constant':
        return { value: literal(value.value, value.dtype), depth: 0 }
      case 'load':
        return this.load(value)
      case 'position': {
        const address = this.address(value.at)
        return { value: spread(address, this.lanes), depth: address.depth }
      }
      case 'register':
        return this.registers.get(value.name)!
      case 'random':
        return this.random(value)
      case 'op': {
        const args = value.args.map((arg) => this.lower(arg))
        const depth = Math.max(0, ...args.map((arg) => arg.depth))
        const naming = { name: (expr: Expr) => this.name(expr, depth) }
        return {
          value: scalarRow(
            value.op,
            args.map((arg) => arg.value),
            value.attrs,
            naming,
          ),
          depth,
        }
      }
      case 'guard':
        return this.guard(value)
      case 'inside': {
        const { value: index, depth } = this.lower(value.of)
        const notBelow = binary('le', i32(0), index)
        return { value: binary('and', notBelow, binary('lt', index, i32(value.limit))), depth }
      }
    }
  }

  private load({ from, at }: Extract<Value, { kind: 'load' }>): { value: Expr; depth: number } {
    const { buffer, dtype, row } = this.memory(from)
    const address = this.address(row ? withoutLoop(at, row) : at)
    const { base, offsets, lanes } = address
    const depth = this.own.nodes.has(from) ? Math.max(address.depth, this.own.depth) : address.depth
    /** Equal loads of one node are one. */
    const read = (index: Expr, count = 1) => {
      const expr = load(buffer, dtype, index, count)
      return this.named(expr, `load ${from.id} ${count} ${textOf(index)}`, depth, 't')
    }
    if (lanes) return { value: pack(lanes.map((index) => load(buffer, dtype, index))), depth }
    if (!offsets) return { value: read(base), depth }
    if (isRun(address)) return { value: read(base, this.lanes), depth }
    const start = this.name(base, depth, 'a')
    const near =
      dtype === 'bool'
        ? undefined
        : picked(offsets, (offset) => read(add(start, i32(offset)), this.lanes))
    const one = (offset: number) => load(buffer, dtype, add(start, i32(offset)))
    return { value: near ?? pack(offsets.map(one)), depth }
  }

  private random({ key, at, stream }: Extract<Value, { kind: 'random' }>): {
    value: Expr
    depth: number
  } {
    const keys = key.map((k) => this.lower(k))
    const address = this.address(at)
    const depth = Math.max(address.depth, ...keys.map((k) => k.depth))
    const counter = spread(address, this.lanes)
    const name = (expr: Expr) => this.name(expr, depth)
    const algebra: WordAlgebra<Expr> = {
      constant: (word) => i32(word | 0),
      add: (a, b) => name(add(a, b)),
      xor: (a, b) => name(binary('xor', a, b)),
      rotate: (a, bits) =>
        name(binary('or', binary('shl', a, i32(bits)), binary('shr', a, i32(32 - bits)))),
    }
    const [word] = threefry(algebra, [keys[0]!.value, keys[1]!.value], [counter, i32(stream)])
    return { value: word, depth }
  }

  /**
   * Which side a guard takes is often known for all lanes; else each lane chooses. What is known
   * holds as deep as the guard's places do.
   */
  private guard({ guards, yes, no }: Extract<Value, { kind: 'guard' }>): {
    value: Expr
    depth: number
  } {
    let depth = 0
    const open: Expr[] = []
    let holds: boolean | Expr = true
    for (const guard of this.hopeful ? [] : guards) {
      const index = this.address(guard.index)
      depth = Math.max(depth, index.depth)
      holds = holdsFor(index, guard, this.lanes)
      if (holds === false) break
      if (holds !== true) open.push(holds)
    }
    if (holds === false || open.length === 0) {
      const side = this.lower(holds === false ? no : yes)
      return { value: side.value, depth: Math.max(depth, side.depth) }
    }
    const [inner, outer] = [this.lower(yes), this.lower(no)]
    depth = Math.max(depth, inner.depth, outer.depth)
    const condition = this.name(
      open.reduce((a, b) => binary('and', a, b)),
      depth,
    )
    return { value: select(condition, inner.value, outer.value), depth }
  }
}

const textOf = (expr: Expr): string => (expr.kind === 'var' ? expr.name : printExpression(expr))

/** A constant of the graph as a register value. */
export function literal(value: number, dtype: DType): Expr {
  if (dtype === 'f32') return f32(value)
  return dtype === 'bool' ? bool(value !== 0) : i32(value)
}
