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
  ramp,
  select,
  shuffle,
  variable,
  widen,
} from '../loop/build.ts'
import type { Expr, Stmt } from '../loop/ir.ts'
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
  /** Each lane has the next value. */
  readonly vector: boolean
  /** What each lane adds to the value instead, where it is not its number. */
  readonly pattern?: readonly number[]
}

/**
 * An i32 that is base + lane · stride, known at a depth. `pattern`: what each lane adds to base,
 * where that is no multiple of its number. `lanes`: one item a lane, of any kind.
 */
interface Address {
  readonly base: Expr
  readonly stride: number
  readonly depth: number
  readonly pattern?: readonly number[]
  readonly lanes?: readonly Expr[]
}

/** What lane number `lane` adds to an address. */
const offsetIn = ({ stride, pattern }: Pick<Address, 'stride' | 'pattern'>, lane: number): number =>
  pattern?.[lane] ?? stride * lane

/** Offsets of lanes as a stride if they are one. */
function fromOffsets(offsets: readonly number[]): Pick<Address, 'stride' | 'pattern'> {
  const stride = (offsets[1] ?? 0) - (offsets[0] ?? 0)
  return offsets.every((offset, lane) => offset === stride * lane)
    ? { stride }
    : { stride: 0, pattern: offsets }
}

interface Block {
  readonly statements: Stmt[]
  /** Values and addresses named in this block; forgotten with it. */
  readonly values: Map<number, Expr>
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
  private readonly blocks: Block[] = []
  private places: Place[] = []
  private readonly registers = new Map<string, { value: Expr; depth: number }>()
  private names = 0

  constructor(memory: Memory) {
    this.memory = memory
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
    const parts = position.terms.map(({ factor, atom }) => ({ factor, ...this.atom(atom) }))
    const depth = Math.max(0, ...parts.map((part) => part.depth))
    const scattered = parts.find((part) => part.lanes)
    if (scattered) return this.scattered(parts, position.constant, depth)
    let sum = i32(0)
    let key = ''
    for (let d = 0; d <= depth; d++) {
      const here = parts.filter((part) => part.depth === d)
      if (here.length === 0) continue
      for (const { factor, base } of here) {
        sum = add(sum, mul(base, i32(factor)))
        key += `+${factor}*${textOf(base)}`
      }
      if (d < depth) sum = this.named(sum, key, d)
    }
    return {
      base: add(sum, i32(position.constant)),
      ...fromOffsets(
        Array.from({ length: this.lanes }, (_, lane) =>
          parts.reduce((total, part) => total + part.factor * offsetIn(part, lane), 0),
        ),
      ),
      depth,
    }
  }

  /** Every lane its own address. */
  private scattered(
    parts: readonly (Address & { factor: number })[],
    constant: number,
    depth: number,
  ): Address {
    const lanes = Array.from({ length: this.lanes }, (_, lane) =>
      parts.reduce<Expr>(
        (sum, part) =>
          add(
            sum,
            mul(part.lanes?.[lane] ?? add(part.base, i32(offsetIn(part, lane))), i32(part.factor)),
          ),
        i32(constant),
      ),
    )
    return { base: lanes[0]!, stride: 0, depth, lanes }
  }

  private named(value: Expr, key: string, depth: number): Expr {
    if (value.kind === 'const' || value.kind === 'var') return value
    const block = this.blocks[depth]!
    const known = block.addresses.get(key)
    if (known) return known
    const named = this.name(value, depth, 'a')
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
        if (limited.lanes === 1) return { base: limited, stride: 0, depth }
        const lanes = Array.from({ length: limited.lanes }, (_, lane) => extract(limited, lane))
        return { base: lanes[0]!, stride: 0, depth, lanes }
      }
      case 'clamp': {
        const { base, depth } = this.address(atom.of)
        return {
          base: binary('max', binary('min', base, i32(atom.limit - 1)), i32(0)),
          stride: 0,
          depth,
        }
      }
      default: {
        const { base, depth } = this.address(atom.of)
        const op = atom.kind === 'div' ? 'div' : 'rem'
        return { base: binary(op, base, i32(atom.by)), stride: 0, depth }
      }
    }
  }

  private digit({ loop: flat, low, high }: Extract<Atom, { kind: 'digit' }>): Address {
    const mine = this.places.filter((place) => place.loop === flat)
    const within = mine.filter((place) => place.low >= low && place.high <= high)
    const covered = within.reduce(
      (product, place) => product * Math.ceil(place.high / place.low),
      1,
    )
    if (covered >= Math.ceil(high / low)) {
      return {
        base: within.reduce<Expr>(
          (sum, { value, low: weight }) => add(sum, mul(value, i32(weight / low))),
          i32(0),
        ),
        ...fromOffsets(
          Array.from({ length: this.lanes }, (_, lane) =>
            within.reduce((total, place) => total + laneOf(place, lane) * (place.low / low), 0),
          ),
        ),
        depth: Math.max(0, ...within.map((place) => place.depth)),
      }
    }
    // No place of its own: decode the place that covers it.
    const cover = mine.find((place) => place.low <= low && place.high >= high)
    if (!cover) throw new Error(`no place for ${flat.name}[${low},${high}]`)
    const shifted = binary('div', cover.value, i32(low / cover.low))
    const base = high < cover.high ? binary('rem', shifted, i32(high / low)) : shifted
    const named = this.named(base, `digit ${flat.name} ${low} ${high}`, cover.depth)
    return { base: named, stride: cover.vector && low === cover.low ? 1 : 0, depth: cover.depth }
  }

  // values -----------------------------------------------------------------------------------

  /** The register value of a scalar of the graph, and the depth at which it is known. */
  lower(value: Value): { value: Expr; depth: number } {
    for (let depth = this.depth; depth >= 0; depth--) {
      const known = this.blocks[depth]!.values.get(value.id)
      if (known) return { value: known, depth }
    }
    const { value: expr, depth } = this.compute(value)
    const named = this.name(expr, depth)
    this.blocks[depth]!.values.set(value.id, named)
    return { value: named, depth }
  }

  private compute(value: Value): { value: Expr; depth: number } {
    switch (value.kind) {
      case 'constant':
        return { value: literal(value.value, value.dtype), depth: 0 }
      case 'load':
        return this.load(value)
      case 'position': {
        const address = this.address(value.at)
        return {
          value: address.lanes ? pack(address.lanes) : this.spread(address),
          depth: address.depth,
        }
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

  /** An address as a value. */
  private spread({ base, stride, pattern }: Address): Expr {
    if (pattern) return add(widen(base, this.lanes), pack(pattern.map((offset) => i32(offset))))
    if (stride === 0) return base
    if (stride === 1) return ramp(base, this.lanes)
    return add(widen(base, this.lanes), mul(ramp(i32(0), this.lanes), i32(stride, this.lanes)))
  }

  private load({ from, at }: Extract<Value, { kind: 'load' }>): { value: Expr; depth: number } {
    const { buffer, dtype, row } = this.memory(from)
    const address = this.address(row ? withoutLoop(at, row) : at)
    const { base, stride, depth, pattern, lanes } = address
    const read = (index: Expr, count = 1) => load(buffer, dtype, index, count)
    if (lanes) return { value: pack(lanes.map((index) => read(index))), depth }
    if (stride === 0 && !pattern) return { value: read(base), depth }
    if (stride === 1) return { value: read(base, this.lanes), depth }
    const start = this.name(base, depth, 'a')
    const offsets = Array.from({ length: this.lanes }, (_, lane) => offsetIn(address, lane))
    const near =
      dtype === 'bool'
        ? undefined
        : this.gathered(offsets, depth, (i) => read(add(start, i32(i)), this.lanes))
    return { value: near ?? pack(offsets.map((offset) => read(add(start, i32(offset))))), depth }
  }

  /**
   * Elements at fixed offsets: the few whole vectors that hold them, and lanes picked from those.
   * Undefined if so many vectors would cost more than the elements.
   */
  private gathered(
    offsets: readonly number[],
    depth: number,
    read: (offset: number) => Expr,
  ): Expr | undefined {
    const { lanes } = this
    const starts: number[] = []
    for (const offset of [...offsets].sort((a, b) => a - b)) {
      if (starts.length === 0 || offset >= starts.at(-1)! + lanes) starts.push(offset)
    }
    if (starts.length > Math.max(2, lanes / 4)) return undefined
    const vectors = starts.map((start) => this.name(read(start), depth))
    const holder = offsets.map((offset) => starts.findLastIndex((start) => start <= offset))
    const within = offsets.map((offset, lane) => offset - starts[holder[lane]!]!)
    const [first, second = first!] = vectors as [Expr, Expr?]
    const both = within.map((at, lane) => (holder[lane] === 1 ? lanes + at : at))
    return vectors.slice(2).reduce(
      (picked, vector, i) => {
        const pick = within.map((at, lane) => (holder[lane] === i + 2 ? lanes + at : lane))
        return shuffle(picked, vector, pick)
      },
      shuffle(first, second, both),
    )
  }

  private random({ key, at, stream }: Extract<Value, { kind: 'random' }>): {
    value: Expr
    depth: number
  } {
    const keys = key.map((k) => this.lower(k))
    const address = this.address(at)
    const depth = Math.max(address.depth, ...keys.map((k) => k.depth))
    const counter = this.spread(address)
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

  private guard({ guards, yes, no }: Extract<Value, { kind: 'guard' }>): {
    value: Expr
    depth: number
  } {
    const inner = this.lower(yes)
    const outer = this.lower(no)
    let depth = Math.max(inner.depth, outer.depth)
    let condition: Expr | undefined
    for (const { index, low, high, every } of guards) {
      const address = this.address(index)
      depth = Math.max(depth, address.depth)
      const lanes = this.spread(address)
      let holds = binary('and', binary('le', i32(low), lanes), binary('lt', lanes, i32(high)))
      if (every > 1)
        holds = binary('and', holds, binary('eq', binary('rem', lanes, i32(every)), i32(0)))
      condition = condition ? binary('and', condition, holds) : holds
    }
    const chosen = this.name(condition!, depth)
    return { value: select(chosen, inner.value, outer.value), depth }
  }
}

/** What lane number `lane` adds to a place's value. */
const laneOf = ({ vector, pattern }: Place, lane: number): number =>
  vector ? (pattern?.[lane] ?? lane) : 0

const textOf = (expr: Expr): string => (expr.kind === 'var' ? expr.name : JSON.stringify(expr))

/** A constant of the graph as a register value. */
export function literal(value: number, dtype: DType): Expr {
  if (dtype === 'f32') return f32(value)
  return dtype === 'bool' ? bool(value !== 0) : i32(value)
}
