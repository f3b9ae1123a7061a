import { sizeOf } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import { add, binary, comment, i32, mul, variable } from '../loop/build.ts'
import { CHUNK, type Expr, type Kernel } from '../loop/ir.ts'
import type { Target } from '../loop/target.ts'
import { bindCopy, copiesOf, sideBySide } from './beside.ts'
import { type Copy, StageWriter } from './emit-stage.ts'
import { SweepWriter } from './emit-sweep.ts'
import { Emitter, type Memory } from './emitter.ts'
import { lookedUpOnce } from './interchange.ts'
import { between, exactly, type Known, plus } from './known.ts'
import { type Layout, type Layouts, layoutsOf } from './layout.ts'
import { countOf, type Nest, type Span, type Stage, valuesOf } from './nest.ts'
import { priceOf } from './price.ts'
import { flipsOf, type Segment, segmentsOf } from './segments.ts'
import { sweepOf } from './sweep.ts'

/** Work (in rounds times operations) that makes a chunk worth handing to a thread, and the most chunks of a kernel. */
const CHUNK_WORK = 32768
const MAX_CHUNKS = 64
/** Elements past the end of a row that vectors may read. */
const SLACK = 16
/** Operations that a kernel may be made of, if rows at the edges are written on their own. */
const LONGEST = 600

/** A loop nest as a kernel of the loop language, in the way that takes the fewest instructions. */
export function emitNest(nest: Nest, name: string, memory: Memory, target: Target): Kernel {
  const ways = layoutsOf(nest, target)
  let [best, least] = [ways[0]!, Number.POSITIVE_INFINITY]
  for (const layouts of ways) {
    const writer = new NestWriter(nest, layouts, memory, true)
    const price = ways.length === 1 ? 0 : writer.price()
    if (writer.blamed.size === 0 && price < least) [best, least] = [layouts, price]
    const other = withoutVectors(layouts, writer.blamed)
    if (other) ways.push(other)
  }
  const layouts = lookedUpOnce(nest, sideBySide(nest, best))
  return new NestWriter(nest, layouts, memory).kernel(name)
}

/** The layouts with the stages that can't have vectors of their own without them. */
function withoutVectors(
  { outer, inner }: Layouts,
  blamed: ReadonlySet<Stage>,
): Layouts | undefined {
  if (![...blamed].some((stage) => (inner.get(stage)?.lanes ?? 1) > 1)) return undefined
  const plain = [...inner].map(([stage, layout]): [Stage, Layout] => [
    stage,
    blamed.has(stage) ? { ...layout, lanes: 1 } : layout,
  ])
  return { outer, inner: new Map(plain) }
}

/** Rounds of a loop whose bounds may be known only at run time. */
type Range = readonly [start: Expr, end: Expr]

class NestWriter {
  private readonly nest: Nest
  private readonly layouts: Layouts
  private readonly emitter: Emitter
  private readonly stages: StageWriter
  private readonly operations: number
  private readonly rows: readonly Node[]
  private readonly sweeping: SweepWriter | undefined
  /** All rounds look like most of them do: for the price. */
  private readonly hopeful: boolean
  /** How often the innermost statements have been written. */
  private written = 1

  constructor(nest: Nest, layouts: Layouts, memory: Memory, hopeful = false) {
    this.nest = nest
    this.layouts = layouts
    this.hopeful = hopeful
    this.rows = [...(nest.rows ?? [])]
    const own: Memory = (node) => {
      const row = this.rows.indexOf(node)
      return row < 0 ? memory(node) : { buffer: `row${row}`, dtype: node.dtype, row: nest.outer }
    }
    this.emitter = new Emitter(own, hopeful)
    this.stages = new StageWriter(nest.stages, layouts.inner, own, this.emitter, hopeful)
    const sweep = hopeful ? undefined : sweepOf(nest, layouts)
    const inner = sweep && layouts.inner.get(sweep.stage)
    this.sweeping = inner && new SweepWriter(sweep, layouts.outer, inner, this.stages, this.emitter)
    this.operations = valuesOf(nest.stages).filter((value) => value.kind !== 'constant').length
  }

  /** About how many instructions it takes. */
  price(): number {
    const { spans } = this.layouts.outer
    this.nestLoops(spans.slice(0, -1), () => this.lastLoop())
    return priceOf(this.emitter.finish())
  }

  /** Stages that can't be written as their layouts say: known once the price is. */
  get blamed(): ReadonlySet<Stage> {
    return this.stages.blamed
  }

  kernel(name: string): Kernel {
    const rounds = this.nest.outer.extent
    const work = this.nest.stages.reduce((sum, { inner }) => sum + rounds * (inner?.extent ?? 1), 0)
    const worth = Math.max(1, (work * this.operations) / CHUNK_WORK)
    // Powers of two: as many for each thread, where those are, too.
    const chunks = this.chunked(Math.min(MAX_CHUNKS, 2 ** Math.round(Math.log2(worth))))
    return {
      name,
      chunks,
      scratch: [
        ...this.rows.map((node, i) => ({
          name: `row${i}`,
          dtype: node.dtype,
          size: sizeOf(node.shape) / this.nest.outer.extent + SLACK,
        })),
        ...(this.sweeping?.scratch ?? []),
      ],
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
    const { spans, lanes } = this.layouts.outer
    const tops = lanes > 1 ? spans.slice(0, -1) : spans
    const rounds = tops.map(countOf)
    const total = rounds.reduce((a, b) => a * b, 1)
    const last = spans.at(-1)!
    const parts =
      this.sweeping?.sweep.parts ?? (total < wanted && countOf(last) >= 2 * total ? wanted : 1)
    if (lanes > 1 && parts > 1) return this.alongLast(tops, last, Math.min(parts, wanted))
    let leading = 0
    let product = 1
    while (leading < tops.length && product < wanted) product *= rounds[leading++]!
    if (product === 1) leading = 0
    const each = Math.ceil(product / Math.min(wanted, product))
    const chunks = Math.ceil(product / each)
    const inside = () => this.nestLoops(tops.slice(leading), () => this.lastLoop())
    if (leading === 0) {
      inside()
      return 1
    }
    const [start, end] = this.shareOf(chunks, each, product)
    this.emitter.loop(
      'p',
      end,
      (p) => {
        let weight = product
        tops.slice(0, leading).forEach((span, i) => {
          weight /= rounds[i]!
          const shifted = binary('div', p, i32(weight))
          const value = i === 0 ? shifted : binary('rem', shifted, i32(rounds[i]!))
          this.place(span, this.emitter.name(value))
        })
        inside()
      },
      { start },
    )
    return chunks
  }

  /** Chunks are ranges of the vector loop, with the other loops inside each. */
  private alongLast(tops: readonly Span[], last: Span, wanted: number): number {
    const { lanes, comb } = this.layouts.outer
    const count = countOf(last)
    const width = lanes * comb
    let each = Math.ceil(count / wanted / width) * width
    // A vector that reaches back must not reach into the chunk before.
    while (this.sweeping && count % each > 0 && count % each < width) each += width
    const chunks = Math.ceil(count / each)
    const range = this.shareOf(chunks, each, count)
    this.nestLoops(tops, () => this.lastLoop(chunks > 1 ? range : undefined))
    return chunks
  }

  /** What this chunk does of `count` rounds. */
  private shareOf(chunks: number, each: number, count: number): Range {
    if (chunks === 1) return [i32(0), i32(count)]
    const start = this.emitter.name(mul(variable(CHUNK), i32(each)))
    return [start, this.emitter.name(binary('min', add(start, i32(each)), i32(count)))]
  }

  private place({ low, high }: Span, value: Expr, known?: Known): void {
    const { loop } = this.layouts.outer
    this.emitter.bind({ loop, low, high, value, vector: false, ...(known && { known }) })
  }

  private nestLoops(spans: readonly Span[], body: () => void): void {
    const [first, ...rest] = spans
    if (!first) {
      body()
      return
    }
    // A short innermost loop is written out.
    const { lanes, loop } = this.layouts.outer
    const short = countOf(first) > 1 && countOf(first) <= 4
    const unroll = rest.length === 0 && lanes === 1 && short
    const segments = unroll ? [] : this.cut(flipsOf(this.nest.stages, loop, first), first)
    const round = (i: Expr, known: Known) => {
      this.place(first, i, known)
      this.nestLoops(rest, body)
    }
    const before = this.written
    this.written *= segments.length
    for (const { from, to, once, known } of segments) {
      if (once) this.emitter.inline(() => round(i32(from), known))
      else this.emitter.loop('i', i32(to), (i) => round(i, known), { start: i32(from) })
    }
    this.written = before
    if (!unroll) return
    const known = between(0, countOf(first) - 1)
    this.emitter.loop('i', i32(countOf(first)), (i) => round(i, known), { unroll: true })
  }

  /** The segments of a loop over rows: where guards turn, unless that makes too much of it. */
  private cut(flips: ReturnType<typeof flipsOf>, span: Span): Segment[] {
    const segments = segmentsOf(countOf(span), 1, this.hopeful ? [] : flips)
    const length = this.operations * this.written * this.stages.rounds * segments.length
    return length <= LONGEST ? segments : segmentsOf(countOf(span), 1, [])
  }

  /** The innermost outer loop: by vectors, then what is left. */
  private lastLoop(range?: Range): void {
    const { lanes, comb, spans, loop } = this.layouts.outer
    if (lanes === 1) {
      const last = spans.at(-1)!
      if (this.hopeful) this.nestLoops([last], () => this.stages.write())
      else this.stages.write(this.besides())
      return
    }
    const last = spans.at(-1)!
    const count = countOf(last)
    const width = lanes * comb
    const even = count - (count % width)
    const { repeatable } = this.stages
    if (this.sweeping) this.sweepColumns(this.sweeping, even, range)
    else {
      const flips = this.hopeful ? [] : flipsOf(this.nest.stages, loop, last)
      for (const segment of segmentsOf(count, width, flips)) {
        if (segment.done > 0 && (range || !repeatable)) continue
        this.vectors(segment, range)
      }
    }
    const done = repeatable && (this.sweeping || !range)
    if (done || even === count) return
    const [start, end] = within(even, count, count, range)
    this.emitter.loop(
      'v',
      end,
      (v) => {
        this.place(last, v, between(even, count - 1))
        this.rounds()
      },
      { start },
    )
  }

  /** All stages, in each round of the loop that lies inside, if there is one. */
  private rounds(): void {
    const { within: inside } = this.layouts.outer
    const write = () => this.stages.write(this.besides())
    if (inside) this.nestLoops([inside], write)
    else write()
  }

  /** The rounds that are written side by side, if there are several. */
  private besides(): Copy[] | undefined {
    const { outer } = this.layouts
    const count = copiesOf(outer)
    if (count === 1) return undefined
    return Array.from({ length: count }, (_, copy) => () => bindCopy(this.emitter, outer, copy))
  }

  /** Sweeps over as many columns at a time as sums are kept. */
  private sweepColumns(sweeping: SweepWriter, even: number, range?: Range): void {
    const { emitter } = this
    const count = countOf(this.layouts.outer.spans.at(-1)!)
    const reach = even < count && this.stages.repeatable
    const [start, end] = range ?? [i32(0), i32(count)]
    const part = (from: Expr, to: Expr) => {
      const whole = emitter.name(even < count ? binary('min', to, i32(even)) : to)
      sweeping.write({ start: from, end: whole, ...(reach && { rest: { end: to } }) })
    }
    const { width } = sweeping.sweep
    if (count <= width) {
      part(start, end)
      return
    }
    const block = (b: Expr) => part(b, emitter.name(binary('min', add(b, i32(width)), end)))
    emitter.loop('b', end, block, { start, step: width })
  }

  private vectors({ from, to, once, known, step }: Segment, range?: Range): void {
    if (once && !range) {
      this.emitter.inline(() => this.vectorRound(i32(from), known))
      return
    }
    const { spans } = this.layouts.outer
    const [start, end] = within(from, to, countOf(spans.at(-1)!), range)
    const round = (v: Expr) => this.vectorRound(once ? i32(from) : v, known)
    this.emitter.loop('v', end, round, { start, step })
  }

  /** All stages for the positions from v on: each vector of the comb is a copy. */
  private vectorRound(v: Expr, known: Known): void {
    const { lanes, comb, spans, loop } = this.layouts.outer
    const { low, high } = spans.at(-1)!
    const { depth } = this.emitter
    this.emitter.lanes = lanes
    const bind = (p: number, version?: string) =>
      this.emitter.bind(
        {
          loop,
          low,
          high,
          value: add(v, i32(p)),
          vector: true,
          step: comb,
          known: plus(known, exactly(p)),
          ...(version !== undefined && { version }),
        },
        depth,
      )
    if (comb === 1) {
      bind(0)
      this.rounds()
    } else {
      const copies = Array.from({ length: comb }, (_, p) => () => bind(p, String(p)))
      this.stages.write(copies, true)
    }
    this.emitter.lanes = 1
  }
}

/** The part of `from` … `to` of `count` rounds that lies in a range of them. */
function within(from: number, to: number, count: number, range?: Range): Range {
  if (!range) return [i32(from), i32(to)]
  const [start, end] = range
  return [
    from === 0 ? start : binary('max', start, i32(from)),
    to === count ? end : binary('min', end, i32(to)),
  ]
}
