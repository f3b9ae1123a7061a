import type { Node } from '../graph/node.ts'
import { add, i32 } from '../loop/build.ts'
import type { Expr } from '../loop/ir.ts'
import { interleaveWrites, type Lowered, lowerWrites, putWrite } from './emit-write.ts'
import type { Emitter, Memory } from './emitter.ts'
import { advance, held, type RunningFold, result, start } from './folds.ts'
import { between, exactly } from './known.ts'
import type { Layout } from './layout.ts'
import { countOf, type Span, type Stage, valuesOf } from './nest.ts'
import { flipsOf, segmentsOf } from './segments.ts'

/** Inner loops of at most this many rounds are written out; of a few more, if they are short. */
const UNROLL = 16
const UNROLL_SHORT = 32
const SHORT = 160
/** Vector accumulators of a long fold, so that one addition need not wait for the one before; of all copies together. */
const ACCUMULATORS = 4
const ALL_ACCUMULATORS = 8

/** Binds the places of one of several copies that run side by side. */
export type Copy = () => void

/** A copy, and what its folds have come to. */
interface Running {
  readonly bind: Copy
  readonly registers: Map<string, Expr>
}

/** Writes the stages of a nest for one round of its outer loop. */
export class StageWriter {
  /** Stages that can't be written as their layouts say. */
  readonly blamed = new Set<Stage>()
  private readonly stages: readonly Stage[]
  private readonly inner: ReadonlyMap<Stage, Layout>
  private readonly memory: Memory
  private readonly emitter: Emitter
  private readonly hopeful: boolean
  private readonly written: ReadonlySet<Node>
  private copies: readonly Running[] = []
  /** There is but one copy, whose places are bound. */
  private alone = true
  /** The vectors that copies write are interleaved. */
  private comb = false

  constructor(
    stages: readonly Stage[],
    inner: ReadonlyMap<Stage, Layout>,
    memory: Memory,
    emitter: Emitter,
    hopeful: boolean,
  ) {
    this.stages = stages
    this.inner = inner
    this.memory = memory
    this.emitter = emitter
    this.hopeful = hopeful
    this.written = new Set(stages.flatMap(({ writes }) => writes.map(({ to }) => to)))
  }

  /** Whether a round may be done twice: it reads nothing that it writes. */
  get repeatable(): boolean {
    return isRepeatable(this.stages, this.memory)
  }

  /** Rounds that are written out, of the stage that has most. */
  get rounds(): number {
    return Math.max(
      1,
      ...this.stages.map((stage) => {
        const layout = this.inner.get(stage)
        return layout ? unrolled(stage, layout).reduce((n, span) => n * countOf(span), 1) : 1
      }),
    )
  }

  /** One round, or copies of it; the vectors of a comb's are written interleaved. */
  write(copies?: readonly Copy[], comb = false): void {
    this.begin(copies, comb)
    for (const stage of this.stages) this.stage(stage)
  }

  /** The stages after one whose folds have been written elsewhere and are defined. */
  writeAfter(stage: Stage): void {
    this.begin()
    for (const later of this.stages.slice(this.stages.indexOf(stage) + 1)) this.stage(later)
  }

  private begin(copies?: readonly Copy[], comb = false): void {
    this.alone = copies === undefined
    this.comb = comb
    this.copies = (copies ?? [() => {}]).map((bind) => ({ bind, registers: new Map() }))
    this.emitter.owns(this.written)
  }

  /** Runs `body` for each copy, with its places and registers at hand. */
  private each(body: (index: number) => void): void {
    if (this.alone) {
      body(0)
      return
    }
    this.copies.forEach(({ bind, registers }, index) => {
      this.emitter.inline(() => {
        bind()
        for (const [name, value] of registers) this.emitter.define(name, value)
        body(index)
      })
    })
  }

  private stage(stage: Stage): void {
    const layout = this.inner.get(stage)
    if (!layout) {
      this.writes(stage)
      return
    }
    const { emitter } = this
    const lanes = Math.max(emitter.lanes, layout.lanes)
    const last = layout.spans.at(-1)!
    const along = layout.lanes > 1
    const long = along && stage.writes.length === 0 && countOf(last) >= 2 * ACCUMULATORS * lanes
    const share = Math.max(1, Math.floor(ALL_ACCUMULATORS / this.copies.length))
    const parallel = long ? Math.min(ACCUMULATORS, share) : 1
    const running = this.copies.map(() =>
      stage.folds.map((fold) => start(emitter, fold, lanes, parallel)),
    )
    // What full vectors leave over goes into a scalar accumulator of its own, if it can't be done twice.
    const repeat = isRepeatable([stage], this.memory)
    const rest = along && countOf(last) % layout.lanes !== 0 && !repeat
    const tails = this.copies.map(() =>
      rest ? stage.folds.map((fold) => start(emitter, fold, 1, 1)) : [],
    )
    const spans = along ? layout.spans.slice(0, -1) : layout.spans
    this.loops(stage, layout, spans, () => {
      if (along) this.vectors(stage, layout, running, tails, parallel, repeat)
      else this.each((copy) => this.step(stage, running[copy]!, 0, 0))
    })
    running.forEach((folds, copy) => {
      folds.forEach((fold, i) => {
        const tail = tails[copy]![i]
        const value = result(emitter, [fold, ...(tail ? [tail] : [])])
        this.copies[copy]!.registers.set(fold.fold.register, value)
        if (this.alone) emitter.define(fold.fold.register, value)
      })
    })
  }

  /** The loops of a stage but the vectors; short ones are written out. */
  private loops(stage: Stage, layout: Layout, spans: readonly Span[], body: () => void): void {
    const [first, ...rest] = spans
    if (!first) {
      body()
      return
    }
    const { loop } = layout
    const { low, high } = first
    const count = countOf(first)
    if (unrolled(stage, layout).includes(first)) {
      for (let i = 0; i < count; i++) {
        this.emitter.inline(() => {
          const place = { loop, low, high, value: i32(i), vector: false, known: exactly(i) }
          this.emitter.bind({ ...place, version: String(i) }, 0)
          this.loops(stage, layout, rest, body)
        })
      }
      return
    }
    this.emitter.loop('r', i32(count), (r) => {
      this.emitter.bind({ loop, low, high, value: r, vector: false })
      this.loops(stage, layout, rest, body)
    })
  }

  /** The innermost loop of a stage by vectors, then what is left. */
  private vectors(
    stage: Stage,
    { loop, spans, lanes }: Layout,
    running: readonly (readonly RunningFold[])[],
    tails: readonly (readonly RunningFold[])[],
    parallel: number,
    repeat: boolean,
  ): void {
    const { emitter } = this
    const { low, high } = spans.at(-1)!
    const count = countOf({ low, high })
    const outside = emitter.lanes
    const round = (value: Expr, known: ReturnType<typeof exactly>, turn: number, done: number) =>
      emitter.inline(() => {
        emitter.lanes = lanes
        emitter.bind({ loop, low, high, value, vector: true, known })
        this.each((copy) => this.step(stage, running[copy]!, turn, done))
        emitter.lanes = outside
      })
    const flips = this.hopeful ? [] : flipsOf([stage], loop, { low, high })
    for (const { from, to, step, once, known, done } of segmentsOf(count, lanes, flips)) {
      if (done > 0 && !repeat) continue
      if (once) {
        round(i32(from), known, 0, done)
        continue
      }
      let at = from
      for (const width of parallel > 1 ? [parallel, 1] : [1]) {
        const end = at + Math.floor((to - at) / (width * step)) * width * step
        if (end === at) continue
        emitter.loop(
          'r',
          i32(end),
          (r) => {
            for (let turn = 0; turn < width; turn++) {
              const from = at + turn * step
              round(
                add(r, i32(turn * step)),
                between(from, end - (width - turn) * step, step),
                turn,
                0,
              )
            }
          },
          { start: i32(at), step: width * step },
        )
        at = end
      }
    }
    const even = count - (count % lanes)
    if (even === count || repeat) return
    emitter.loop(
      'r',
      i32(count),
      (r) => {
        emitter.bind({ loop, low, high, value: r, vector: false, known: between(even, count - 1) })
        this.each((copy) => this.step(stage, tails[copy]!, 0, 0))
      },
      { start: i32(even) },
    )
  }

  private step(stage: Stage, running: readonly RunningFold[], copy: number, done: number): void {
    for (const fold of running) {
      const before = stage.serial && held(fold, copy)
      advance(this.emitter, fold, copy, stage.inner!, done)
      if (before) this.emitter.define(fold.fold.register, before)
    }
    this.put(stage)
  }

  private put(stage: Stage): void {
    const lowered = lowerWrites(this.emitter, this.memory, stage.writes)
    for (const write of lowered) if (!putWrite(this.emitter, write)) this.blamed.add(stage)
  }

  /** Writes that follow the folds: of each copy, or of all copies interleaved. */
  private writes(stage: Stage): void {
    if (!this.comb) {
      this.each(() => this.put(stage))
      return
    }
    const copies: Lowered[][] = []
    this.each((copy) => {
      copies[copy] = lowerWrites(this.emitter, this.memory, stage.writes)
    })
    for (const i of stage.writes.keys())
      interleaveWrites(
        this.emitter,
        copies.map((own) => own[i]!),
      )
  }
}

/** The innermost spans of a stage's loop that are written out. */
function unrolled(stage: Stage, { spans, lanes, loop }: Layout): readonly Span[] {
  const own = lanes > 1 ? spans.slice(0, -1) : spans
  if (lanes > 1 && loop.extent > UNROLL) return []
  const operations = valuesOf([stage]).filter((value) => value.kind !== 'constant').length
  let rounds = 1
  let first = own.length
  while (first > 0) {
    rounds *= countOf(own[first - 1]!)
    if (rounds > UNROLL && (rounds > UNROLL_SHORT || rounds * operations > SHORT)) break
    first--
  }
  return own.slice(first)
}

/** Whether stages may run twice: none reads what it or a later one writes, and none adds to memory. */
function isRepeatable(stages: readonly Stage[], memory: Memory): boolean {
  const read = new Set<string>()
  return stages.every((stage) => {
    for (const value of valuesOf([stage]))
      if (value.kind === 'load') read.add(memory(value.from).buffer)
    return stage.writes.every((write) => !write.accumulate && !read.has(memory(write.to).buffer))
  })
}
