import { BrickError } from '../base/errors.ts'
import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import {
  add,
  binary,
  comment,
  extract,
  f32,
  fma,
  fold as foldLanes,
  i32,
  load,
  mul,
  register,
  select,
  set,
  store,
  sub,
  variable,
  widen,
} from '../loop/build.ts'
import { CHUNK, type Expr, type Kernel } from '../loop/ir.ts'
import type { Target } from '../loop/target.ts'
import { Emitter, type Memory } from './emitter.ts'
import { type Layout, layoutOf } from './layout.ts'
import {
  countOf,
  type Fold,
  type Nest,
  type Span,
  type Stage,
  valuesOf,
  type Write,
} from './nest.ts'
import { type Loop, loopPosition, withoutLoop } from './position.ts'

/** Work (in rounds times operations) that makes a chunk worth handing to a thread, and the most chunks of a kernel. */
const CHUNK_WORK = 32768
const MAX_CHUNKS = 64
/** Inner loops of at most this many rounds are written out. */
const UNROLL = 16
/** Elements past the end of a row that vectors may read. */
const SLACK = 16
/** Vector accumulators of a long fold, so that one addition need not wait for the one before. */
const ACCUMULATORS = 4

/** A loop nest as a kernel of the loop language. */
export function emitNest(nest: Nest, name: string, memory: Memory, target: Target): Kernel {
  return new NestWriter(nest, memory, target).kernel(name)
}

class NestWriter {
  private readonly nest: Nest
  private readonly memory: Memory
  private readonly emitter: Emitter
  private readonly outer: Layout
  private readonly inner: ReadonlyMap<Stage, Layout>
  private readonly operations: number
  private readonly rows: readonly Node[]

  constructor(nest: Nest, memory: Memory, target: Target) {
    this.nest = nest
    this.rows = [...(nest.rows ?? [])]
    this.memory = (node) => {
      const row = this.rows.indexOf(node)
      return row < 0 ? memory(node) : { buffer: `row${row}`, dtype: node.dtype, row: nest.outer }
    }
    this.emitter = new Emitter(this.memory)
    this.operations = valuesOf(nest.stages).filter((value) => value.kind !== 'constant').length
    const { outer, inner } = layoutOf(nest, target)
    this.outer = outer
    this.inner = inner
  }

  kernel(name: string): Kernel {
    const rounds = this.nest.outer.extent
    const work = this.nest.stages.reduce((sum, { inner }) => sum + rounds * (inner?.extent ?? 1), 0)
    const chunks = this.chunked(
      Math.max(1, Math.min(MAX_CHUNKS, Math.floor((work * this.operations) / CHUNK_WORK))),
    )
    return {
      name,
      chunks,
      scratch: this.rows.map((node, i) => ({
        name: `row${i}`,
        dtype: node.dtype,
        size: sizeOf(node.shape) / this.nest.outer.extent + SLACK,
      })),
      body: [comment(this.nest.origin), ...this.emitter.finish()],
      flops: work * this.operations,
      bytes:
        work *
        4 *
        this.nest.stages.reduce(
          (sum, { writes, folds }) => sum + 2 * writes.length + folds.length,
          0,
        ),
      origin: this.nest.origin,
    }
  }

  /** Writes the loops, shared out over at most `wanted` chunks, and returns how many there are. */
  private chunked(wanted: number): number {
    const { spans, lanes } = this.outer
    const tops = lanes > 1 ? spans.slice(0, -1) : spans
    const rounds = tops.map(countOf)
    const total = rounds.reduce((a, b) => a * b, 1)
    const last = spans.at(-1)!
    if (lanes > 1 && total < wanted && countOf(last) >= 2 * total) {
      return this.alongLast(tops, last, wanted)
    }
    let leading = 0
    let product = 1
    while (leading < tops.length && product < wanted) product *= rounds[leading++]!
    if (product === 1) leading = 0
    const each = Math.ceil(product / Math.min(wanted, product))
    const chunks = Math.ceil(product / each)
    const inside = () =>
      this.nestLoops(tops.slice(leading), () => this.lastLoop(i32(0), i32(countOf(last))))
    if (leading === 0) {
      inside()
      return 1
    }
    const start = chunks === 1 ? i32(0) : this.emitter.name(mul(variable(CHUNK), i32(each)))
    const end =
      chunks === 1
        ? i32(product)
        : this.emitter.name(binary('min', add(start, i32(each)), i32(product)))
    this.emitter.loop(
      'p',
      end,
      (p) => {
        let weight = product
        tops.slice(0, leading).forEach((span, i) => {
          weight /= rounds[i]!
          const shifted = binary('div', p, i32(weight))
          const value = i === 0 ? shifted : binary('rem', shifted, i32(rounds[i]!))
          this.place(this.outer.loop, span, this.emitter.name(value))
        })
        inside()
      },
      { start },
    )
    return chunks
  }

  /** Chunks are ranges of the vector loop, with the other loops inside each. */
  private alongLast(tops: readonly Span[], last: Span, wanted: number): number {
    const { lanes } = this.outer
    const count = countOf(last)
    const each = Math.ceil(count / wanted / lanes) * lanes
    const chunks = Math.ceil(count / each)
    const start = chunks === 1 ? i32(0) : this.emitter.name(mul(variable(CHUNK), i32(each)))
    const end =
      chunks === 1
        ? i32(count)
        : this.emitter.name(binary('min', add(start, i32(each)), i32(count)))
    this.nestLoops(tops, () => this.lastLoop(start, end))
    return chunks
  }

  private place(loop: Loop, { low, high }: Span, value: Expr, vector = false): void {
    this.emitter.bind({ loop, low, high, value, vector })
  }

  /** Vectors along the last span; with a short one below it, that one's rounds are neighbouring lanes. */
  private placeVector(last: Span, value: Expr): void {
    const { loop, short, lanes } = this.outer
    if (!short) {
      this.place(loop, last, value, true)
      return
    }
    const count = countOf(short)
    const pattern = (offset: (lane: number) => number) =>
      Array.from({ length: lanes }, (_, lane) => offset(lane))
    this.emitter.bind({
      loop,
      ...short,
      value: i32(0),
      vector: true,
      pattern: pattern((lane) => lane % count),
    })
    this.emitter.bind({
      loop,
      low: short.high,
      high: last.high,
      value: this.emitter.name(binary('div', value, i32(count))),
      vector: true,
      pattern: pattern((lane) => Math.floor(lane / count)),
    })
  }

  private nestLoops(spans: readonly Span[], body: () => void, loop = this.outer.loop): void {
    const [first, ...rest] = spans
    if (!first) {
      body()
      return
    }
    if (countOf(first) === 1) {
      this.place(loop, first, i32(0))
      this.nestLoops(rest, body, loop)
      return
    }
    // A short innermost loop is written out.
    const unroll = rest.length === 0 && this.outer.lanes === 1 && countOf(first) <= 4
    this.emitter.loop(
      'i',
      i32(countOf(first)),
      (i) => {
        this.place(loop, first, i)
        this.nestLoops(rest, body, loop)
      },
      { unroll },
    )
  }

  /** The innermost outer loop: by vectors, then what is left one by one. */
  private lastLoop(start: Expr, end: Expr): void {
    const { lanes, spans, loop } = this.outer
    if (lanes === 1) {
      this.stages()
      return
    }
    const last = spans.at(-1)!
    const even = countOf(last) % lanes === 0
    const middle = even
      ? end
      : this.emitter.name(sub(end, binary('rem', sub(end, start), i32(lanes))))
    this.emitter.loop(
      'v',
      middle,
      (v) => {
        this.emitter.lanes = lanes
        this.placeVector(last, v)
        this.stages()
        this.emitter.lanes = 1
      },
      { start, step: lanes },
    )
    if (even) return
    this.emitter.loop(
      'v',
      end,
      (v) => {
        this.place(loop, last, v)
        this.stages()
      },
      { start: middle },
    )
  }

  private stages(): void {
    for (const stage of this.nest.stages) this.stage(stage)
  }

  private stage(stage: Stage): void {
    const layout = this.inner.get(stage)
    if (!layout) {
      this.writes(stage.writes)
      return
    }
    const lanes = Math.max(this.emitter.lanes, layout.lanes)
    const last = layout.spans.at(-1)!
    const long = layout.lanes > 1 && !stage.serial && stage.writes.length === 0
    const copies = long && countOf(last) >= 2 * ACCUMULATORS * lanes ? ACCUMULATORS : 1
    const folds = stage.folds.map((fold) => this.accumulators(fold, lanes, copies))
    // What full vectors leave over goes into a scalar accumulator of its own.
    const rest = layout.lanes > 1 && countOf(last) % layout.lanes !== 0
    const tails = rest ? stage.folds.map((fold) => this.accumulators(fold, 1, 1)) : []
    this.inside(layout, layout.spans.slice(0, -1), () =>
      this.round(stage, layout, folds, tails, copies),
    )
    stage.folds.forEach((fold, i) => {
      const names = [...folds[i]!, ...(tails[i] ?? [])]
      this.emitter.define(fold.register, this.result(fold, names, layout.lanes > 1))
    })
  }

  /** The registers that a fold runs in: `copies` of them, and the position for argmax. */
  private accumulators(fold: Fold, lanes: number, copies: number): string[] {
    const real = fold.value.dtype === 'f32'
    const count = fold.fold === 'argmax' ? 2 : copies
    return Array.from({ length: count }, (_, i) => {
      const name = this.emitter.fresh('acc')
      const position = fold.fold === 'argmax' && i === 1
      const identity = real ? fold.identity : Math.max(fold.identity, -(2 ** 31))
      const init = position || !real ? i32(position ? 0 : identity, lanes) : f32(identity, lanes)
      this.emitter.emit(register(name, init))
      this.registerLanes.set(name, lanes)
      return name
    })
  }

  private inside(layout: Layout, spans: readonly Span[], body: () => void): void {
    const [first, ...rest] = spans
    if (!first) {
      body()
      return
    }
    const unroll = layout.loop.extent <= UNROLL
    this.emitter.loop(
      'r',
      i32(countOf(first)),
      (r) => {
        this.place(layout.loop, first, r)
        this.inside(layout, rest, body)
      },
      { unroll },
    )
  }

  /** The innermost loop of a stage. */
  private round(
    stage: Stage,
    { loop, spans, lanes }: Layout,
    folds: readonly string[][],
    tails: readonly string[][],
    copies: number,
  ): void {
    const last = spans.at(-1)!
    const count = countOf(last)
    const unroll = loop.extent <= UNROLL
    if (lanes === 1) {
      this.emitter.loop(
        'r',
        i32(count),
        (r) => {
          this.place(loop, last, r)
          this.step(stage, folds, 0)
        },
        { unroll },
      )
      return
    }
    const outside = this.emitter.lanes
    let from = 0
    for (const width of copies > 1 ? [copies, 1] : [1]) {
      const to = from + Math.floor((count - from) / (width * lanes)) * width * lanes
      if (to === from) continue
      this.emitter.loop(
        'r',
        i32(to),
        (r) => {
          for (let copy = 0; copy < width; copy++) {
            const statements = this.emitter.block(() => {
              this.emitter.lanes = lanes
              this.place(loop, last, add(r, i32(copy * lanes)), true)
              this.step(stage, folds, copy)
              this.emitter.lanes = outside
            })
            for (const statement of statements) this.emitter.emit(statement)
          }
        },
        { start: i32(from), step: width * lanes },
      )
      from = to
    }
    if (from === count) return
    this.emitter.loop(
      'r',
      i32(count),
      (r) => {
        this.place(loop, last, r)
        this.step(stage, tails, 0)
      },
      { start: i32(from) },
    )
  }

  private step(stage: Stage, folds: readonly string[][], copy: number): void {
    stage.folds.forEach((fold, i) => {
      if (fold.fold === 'argmax') this.better(fold, folds[i]!, stage.inner!)
      else {
        const name = folds[i]![copy]!
        const held = this.accumulated(name, fold)
        this.emitter.emit(set(name, this.next(fold, held)))
        if (stage.serial) this.emitter.define(fold.register, held)
      }
    })
    this.writes(stage.writes)
  }

  /** What an accumulator becomes in this round; sums of products go through fused multiply-add. */
  private next({ fold, value }: Fold, held: Expr): Expr {
    if (fold === 'add' && value.kind === 'op' && value.op === 'mul' && value.dtype === 'f32') {
      const [x, y] = value.args.map((arg) => this.emitter.lower(arg).value) as [Expr, Expr]
      return fma(x, y, held)
    }
    return binary(fold as 'add', held, widen(this.emitter.lower(value).value, held.lanes))
  }

  /** Keeps the first maximum and where it is; NaN counts as largest. */
  private better(fold: Fold, [best, where]: readonly string[], inner: Loop): void {
    const { value } = this.emitter.lower(fold.value)
    const lanes = this.emitter.lanes
    const wide = widen(value, lanes)
    const held = variable(best!, value.dtype, lanes)
    let wins = binary('lt', held, wide)
    if (value.dtype === 'f32') {
      const invalid = binary('and', binary('ne', wide, wide), binary('eq', held, held))
      wins = binary('or', wins, invalid)
    }
    const chosen = this.emitter.name(wins)
    const { base } = this.emitter.address(loopPosition(inner))
    this.emitter.emit(
      set(where!, select(chosen, widen(base, lanes), variable(where!, 'i32', lanes))),
    )
    this.emitter.emit(set(best!, select(chosen, wide, held)))
  }

  /** What a fold came to: copies and lanes folded together, in a fixed order. */
  private result(fold: Fold, names: readonly string[], across: boolean): Expr {
    const lanes = this.emitter.lanes
    if (fold.fold === 'argmax') return this.emitter.name(variable(names[1]!, 'i32', lanes))
    const op = fold.fold
    const held = names.map((name) => this.accumulated(name, fold))
    const vectors = held.filter((expr) => expr.lanes > 1 || !across)
    const scalars = held.filter((expr) => expr.lanes === 1 && across)
    const sum = vectors.reduce((a, b) => binary(op, a, b))
    const folded = across ? foldLanes(op === 'mul' ? 'mul' : op, sum) : sum
    return this.emitter.name(scalars.reduce((a, b) => binary(op, a, b), folded))
  }

  private accumulated(name: string, { value }: Fold): Expr {
    const dtype = value.dtype === 'f32' ? 'f32' : 'i32'
    return variable(name, dtype, this.registerLanes.get(name)!)
  }

  private readonly registerLanes = new Map<string, number>()

  /** All values are known before the first is written: a write may replace what another one read. */
  private writes(writes: readonly Write[]): void {
    for (const { value } of writes) this.emitter.lower(value)
    for (const write of writes) this.write(write)
  }

  private write({ to, at, value, when, accumulate }: Write): void {
    const { buffer, dtype, row } = this.memory(to)
    const {
      base,
      stride,
      pattern,
      lanes: scattered,
    } = this.emitter.address(row ? withoutLoop(at, row) : at)
    const lowered = this.emitter.lower(value).value
    const condition = when && this.emitter.lower(when).value
    const put = (index: Expr, item: Expr) => {
      const total = accumulate ? binary('add', load(buffer, dtype, index, item.lanes), item) : item
      const statement = store(buffer, index, total)
      this.emitter.emit(
        condition ? { kind: 'if', cond: condition, yes: [statement], no: [] } : statement,
      )
    }
    const { lanes } = this.emitter
    if (lanes === 1 || (stride === 0 && !pattern && !scattered)) put(base, lowered)
    else if (stride === 1) put(base, widen(lowered, lanes))
    else if (!scattered && !pattern) {
      for (let lane = 0; lane < lanes; lane++) {
        put(add(base, i32(lane * stride)), lowered.lanes === 1 ? lowered : extract(lowered, lane))
      }
    } else {
      throw new BrickError({
        kind: 'internal',
        where: 'emitNest',
        got: `a write with stride ${stride} in a vector loop`,
        wanted: 'an even one',
      })
    }
  }
}
